"""What a training learns from: the sources of a recipe, built from a library, within one split.

Belongs here: which sources exist and how each becomes a `QuerySource`. Not: how queries are mined
(pipeline/labels/sources), what teachers said (labels), or learning from them (loop.py).

Everything learnt from belongs to papers of the training split that no benchmark knows: queries,
candidates, positives and the documents they are set against. Rows are renumbered to these papers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.corpus.text import document_text
from pipeline.errors import TrainingError
from pipeline.labels.sampling import paper_hashes
from pipeline.labels.selection import SelectionRule, TrainingLists, calibrate, select_lists
from pipeline.labels.sources.b_prop import WordAttention, mine_b_prop, random_terms
from pipeline.labels.sources.citations import CitationRule, mine_cited, mine_co_cited
from pipeline.labels.sources.mined import MinedQueries, about_themselves
from pipeline.labels.sources.own_abstract import mine_own_abstract
from pipeline.labels.sources.prop import WordSetRule, mine_prop
from pipeline.labels.sources.spans import SpanRule, mine_spans
from pipeline.labels.sources.words import read_collection
from pipeline.models.encoding import Vectors
from pipeline.training.negatives import denoise
from pipeline.training.source_spec import SourceSpec
from pipeline.training.targets import QuerySource

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class Library:
    """Papers [paper] with their vectors, edges and labels, and which of them may be learnt from.

    papers: `paper_id, title, abstract, domain`. learnable [paper]: in the training split, and of no
    benchmark. labels: `query_id, document_id, teacher_id, text_input, score, student_score`, of one
    teacher. attentions: of texts, for B-PROP (pipeline/labels/sources/cls_attention.py).
    """

    papers: pl.DataFrame
    vectors: Vectors
    citations: pl.DataFrame
    labels: pl.DataFrame
    learnable: NDArray[np.bool_]
    attentions: Callable[[Sequence[str]], Sequence[WordAttention]] | None = None

    @cached_property
    def rows(self) -> Rows:
        """Rows of learnable papers, in an order that new papers do not disturb."""
        drawn = paper_hashes(self.papers["paper_id"].to_list(), seed=0, purpose="learn")
        rows = np.flatnonzero(self.learnable)
        return rows[np.argsort(drawn[rows], kind="stable")].astype(np.int32)

    @cached_property
    def titles(self) -> list[str]:
        """[paper]."""
        return self.papers["title"].to_list()

    @cached_property
    def abstracts(self) -> list[str | None]:
        """[paper]."""
        return self.papers["abstract"].to_list()

    @cached_property
    def texts(self) -> list[str]:
        """[paper] title + abstract, as documents are encoded."""
        return [document_text(t, a) for t, a in zip(self.titles, self.abstracts, strict=True)]

    def with_abstract(self, n: int) -> Rows:
        """The first `n` learnable papers that have an abstract."""
        return np.array([r for r in self.rows if self.abstracts[r]][:n], np.int32)


@dataclass(frozen=True)
class Curriculum:
    """Sources over `documents` [document, dim], which are the papers `rows` of the library.

    `report`: `source, queries, judged` and, of labels, what selection left out and why.
    """

    sources: tuple[QuerySource, ...]
    documents: Vectors
    rows: Rows
    report: pl.DataFrame


def build_curriculum(
    library: Library,
    specs: Sequence[SourceSpec],
    *,
    documents: int,
    selection: SelectionRule,
    seed: int,
) -> Curriculum:
    """The sources of `specs`, against at most `documents` learnable papers and all they name.

    Raises:
        TrainingError: no source has a query.
        LabelError: labels of two teachers.
    """
    mined = [_mine(library, spec, selection, seed) for spec in specs]
    named = [m.candidates[m.candidates >= 0] for m in mined] + [
        m.papers[m.papers >= 0] for m in mined
    ]
    rows = np.unique(np.concatenate([library.rows[:documents], *named])).astype(np.int32)
    place = np.full(library.papers.height + 1, -1, np.int32)  # the last is where −1 looks
    place[rows] = np.arange(len(rows), dtype=np.int32)
    sources = tuple(_renumbered(source, place) for source in mined if len(source))
    if not sources:
        raise TrainingError(
            f"expected queries of {', '.join(s.name for s in specs)}, found none: import papers "
            "with abstracts, and label pairs first"
        )
    return Curriculum(sources, library.vectors[rows], rows, _report(sources))


def _mine(library: Library, spec: SourceSpec, selection: SelectionRule, seed: int) -> QuerySource:
    if spec.name == "labels":
        return _labelled(library, spec, selection)
    if spec.name == "own_vector":
        return _own_vector(library, spec)
    mined = _mined(library, spec, seed).within(library.learnable)
    return _answered(library, spec, mined)


def _labelled(library: Library, spec: SourceSpec, selection: SelectionRule) -> QuerySource:
    """Titles of labelled papers with candidates; thresholds only where the loss needs them."""
    learnable = library.papers.filter(pl.Series(library.learnable)).select("paper_id")
    labels = library.labels.join(learnable, left_on="query_id", right_on="paper_id", how="semi")
    labels = labels.join(learnable, left_on="document_id", right_on="paper_id", how="semi")
    ids = library.papers["paper_id"]
    empty = labels.is_empty()
    lists = _no_lists() if empty else select_lists(labels, ids, rule=selection)
    drawn = paper_hashes(lists.query_ids, seed=0, purpose="learn")
    keep = np.sort(np.argsort(drawn, kind="stable")[: spec.queries])
    row_of = dict(zip(ids, range(len(ids)), strict=True))
    papers = np.array([row_of[lists.query_ids[i]] for i in keep], np.int32)
    scores = lists.scores[keep]
    if spec.loss == "info_nce" and not empty:
        sure = calibrate(labels)
        scores = denoise(
            lists.documents[keep],
            scores,
            positive_from=sure.positive,
            negative_below=sure.negative,
        )
    return QuerySource(
        name=spec.name,
        weight=spec.weight,
        loss=spec.loss,
        texts=[library.titles[r] for r in papers],
        papers=papers,
        domains=_domains(library, papers),
        candidates=lists.documents[keep],
        scores=scores,
        teacher_vectors=library.vectors[papers],
        scale=1.0 if spec.loss == "info_nce" else _scale(labels),
    )


def _no_lists() -> TrainingLists:
    nothing = pl.DataFrame()
    return TrainingLists(
        [], np.empty((0, 0), np.int32), np.empty((0, 0), np.float32), *2 * [nothing]
    )


def _scale(labels: pl.DataFrame) -> float:
    """The teacher's units per unit of cosine: how much wider its scores spread over a query."""
    spread = labels.group_by("query_id").agg(pl.col("score", "student_score").std()).mean()
    teacher, student = spread["score"].item(), spread["student_score"].item()
    return float(teacher / student) if teacher and student else 1.0


def _own_vector(library: Library, spec: SourceSpec) -> QuerySource:
    papers = library.with_abstract(spec.queries)
    return QuerySource(
        name=spec.name,
        weight=spec.weight,
        loss=spec.loss,
        texts=[library.titles[r] for r in papers],
        papers=papers,
        domains=_domains(library, papers),
        candidates=np.empty((len(papers), 0), np.int32),
        scores=np.empty((len(papers), 0), np.float32),
        teacher_vectors=library.vectors[papers],
    )


def _mined(library: Library, spec: SourceSpec, seed: int) -> MinedQueries:
    ids = library.papers["paper_id"].to_list()
    match spec.name:
        case "cited":
            return mine_cited(library.citations, ids, library.titles, CitationRule(), seed=seed)
        case "co_cited":
            return mine_co_cited(library.citations, ids, library.titles, CitationRule(), seed=seed)
    rows = library.with_abstract(spec.queries)
    if not rows.size:
        return about_themselves(spec.name, [], [])
    match spec.name:
        case "own_abstract":
            return mine_own_abstract(library.titles, library.abstracts, rows)
        case "spans":
            return mine_spans(library.abstracts, ids, rows, SpanRule(), seed=seed)
        case "prop":
            words = read_collection(library.texts[r] for r in rows)
            return mine_prop(library.texts, ids, rows, words, WordSetRule(), seed=seed)
    if library.attentions is None:
        raise TrainingError(
            "expected an encoder that tells its attention for b_prop, received none; use prop"
        )
    attentions = library.attentions([library.texts[r] for r in rows])
    return mine_b_prop(attentions, ids, rows, random_terms(attentions), WordSetRule(), seed=seed)


def _answered(library: Library, spec: SourceSpec, mined: MinedQueries) -> QuerySource:
    """Mined queries with their positives scored 1; the own paper is masked unless it answers."""
    order = np.argsort(paper_hashes(list(mined.texts), seed=0, purpose=spec.name), kind="stable")
    chosen = np.sort(order[: spec.queries])
    papers, positives = mined.papers[chosen], mined.positives[chosen]
    answers = (positives == papers[:, None]).any(axis=1)
    return QuerySource(
        name=spec.name,
        weight=spec.weight,
        loss=spec.loss,
        texts=[mined.texts[i] for i in chosen.tolist()],
        papers=np.where(answers, -1, papers).astype(np.int32),
        domains=_domains(library, papers),
        candidates=positives,
        scores=np.where(positives >= 0, 1.0, np.nan).astype(np.float32),
    )


def _domains(library: Library, papers: Rows) -> list[str]:
    return library.papers["domain"][papers.tolist()].to_list() if len(papers) else []


def _renumbered(source: QuerySource, place: Rows) -> QuerySource:
    return replace(source, papers=place[source.papers], candidates=place[source.candidates])


def _report(sources: Sequence[QuerySource]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "source": s.name,
                "loss": s.loss,
                "weight": s.weight,
                "queries": len(s),
                "judged": int(np.isfinite(s.scores).sum()),
            }
            for s in sources
        ]
    )
