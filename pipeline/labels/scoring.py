"""Pairs of papers to a teacher's labels, chunk by chunk, none of them twice.

Belongs here: which text a paper has for a teacher, which pairs are still to be scored, rows of
PAIR_LABELS, and the refusal of mixed labels. Not: how a teacher scores (pipeline/models), which
pairs are worth scoring (candidates.py), or writing (the caller appends every chunk as it comes).

A label belongs to two texts, the input they are made of and a teacher; ids only say who had the
texts. Two papers of one text therefore share a label, and a changed title is a new pair. Chunks are
whole query groups in the order of the pairs, so that shared work is shared and a run that is killed
loses one chunk; what a resumed run yields does not depend on where the first one stopped.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.corpus.text import document_text
from pipeline.errors import LabelError, ModelError
from pipeline.models.reranker import PairGroup, Reranker
from pipeline.tables import PAIR_LABELS

TITLE, TITLE_ABSTRACT = "title", "title+abstract"
TEXT_INPUTS = (TITLE, TITLE_ABSTRACT)
CHUNK_PAIRS = 4096  # about a minute of a small GPU, or of late interaction on two cores


@dataclass(frozen=True)
class Progress:
    """How far a run is: pairs scored and to be scored, pairs without a score, seconds so far."""

    done: int
    total: int
    quarantined: int
    seconds: float

    @property
    def rate(self) -> float:
        """Pairs per second since the start of this run."""
        return self.done / self.seconds if self.seconds else 0.0


class Provenance(NamedTuple):
    """Who gave labels, and on what texts."""

    teacher_id: str
    text_input: str


def with_texts(
    pairs: pl.DataFrame, papers: pl.DataFrame, *, text_input: str
) -> tuple[pl.DataFrame, dict[str, str]]:
    """`pairs` with `query_hash` and `document_hash`, and the text of every hash.

    Args:
        pairs: `query_id`, `document_id` and whatever else; order is kept.
        papers: `paper_id`, `title`, `abstract`.
        text_input: `title`, or `title+abstract` on both sides, joined as for the encoder.

    Raises:
        LabelError: an unknown `text_input`, or a pair names a paper that `papers` lacks.
    """
    if text_input not in TEXT_INPUTS:
        raise LabelError(f"expected a text input of {TEXT_INPUTS}, received {text_input!r}")
    wanted = set(pairs["query_id"]) | set(pairs["document_id"])
    needed = papers.filter(pl.col("paper_id").is_in(list(wanted)))
    if absent := sorted(wanted - set(needed["paper_id"])):
        raise LabelError(
            f"expected every paper of the pairs among the papers, received {len(absent)} unknown, "
            f"such as {absent[0]}; mine the pairs again"
        )
    columns = needed["paper_id"], needed["title"], needed["abstract"]
    text = {
        paper_id: title if text_input == TITLE else document_text(title, abstract)
        for paper_id, title, abstract in zip(*columns, strict=True)
    }
    digest = {paper_id: _digest(t) for paper_id, t in text.items()}
    hashed = pairs.with_columns(
        pl.col(f"{side}_id").replace_strict(digest, return_dtype=pl.String).alias(f"{side}_hash")
        for side in ("query", "document")
    )
    return hashed, {digest[paper_id]: t for paper_id, t in text.items()}


def unscored(
    pairs: pl.DataFrame, held: pl.DataFrame, *, text_input: str, teacher_id: str
) -> pl.DataFrame:
    """The distinct pairs of texts without a label by that teacher, in the order of `pairs`.

    A quarantined pair has been scored: it is not tried again.
    """
    by_this = (pl.col("teacher_id") == teacher_id) & (pl.col("text_input") == text_input)
    key = ["query_hash", "document_hash"]
    distinct = pairs.unique(key, keep="first", maintain_order=True)
    return distinct.join(held.filter(by_this), on=key, how="anti", maintain_order="left")


def score_pairs(
    reranker: Reranker,
    pairs: pl.DataFrame,
    texts: Mapping[str, str],
    held: pl.DataFrame,
    *,
    text_input: str,
    chunk_pairs: int = CHUNK_PAIRS,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[pl.DataFrame]:
    """Rows of PAIR_LABELS for the pairs that `held` does not label yet, one chunk at a time.

    Args:
        reranker: the teacher.
        pairs: `query_id`, `document_id`, `query_hash`, `document_hash`, `venue`, `year`; of several
            pairs with equal texts the first gives the ids.
        texts: the text of every hash.
        held: labels scored before, of any teacher and input.
        text_input: what `texts` are made of.
        chunk_pairs: a chunk ends with the query group that reaches this many pairs.
        progress: called after every chunk.

    Raises:
        LabelError: a hash without a text.
        ModelError: the teacher's scores do not fit its groups. Scores that are not finite are no
            error: such a pair is quarantined, its score null.
    """
    teacher_id = reranker.identity.teacher_id
    todo = unscored(pairs, held, text_input=text_input, teacher_id=teacher_id)
    if absent := (set(todo["query_hash"]) | set(todo["document_hash"])) - texts.keys():
        raise LabelError(
            f"expected the text of every pair, received {len(absent)} hashes without one; build "
            "pairs and texts from the same papers"
        )
    last_asker = _last_asker(todo)
    started, done, quarantined = time.monotonic(), 0, 0
    for groups in _chunks(todo, chunk_pairs):
        scores = _scores(reranker, groups, texts, last_asker)
        rows = pl.concat(groups).with_columns(
            pl.Series("score", scores).fill_nan(None),
            text_input=pl.lit(text_input),
            teacher_id=pl.lit(teacher_id),
        )
        done += rows.height
        quarantined += rows["score"].null_count()
        yield rows.select(*PAIR_LABELS.columns).cast(PAIR_LABELS.schema)
        if progress:
            progress(Progress(done, todo.height, quarantined, time.monotonic() - started))


def one_teacher(labels: pl.DataFrame) -> Provenance:
    """Who gave all of `labels` and on what; their scores are on one scale.

    Raises:
        LabelError: there are none, or teachers, templates, number formats or inputs are mixed.
    """
    sources = labels.select("teacher_id", "text_input").unique().sort("teacher_id", "text_input")
    if sources.height != 1:
        received = " and ".join(f"{t} on {i}" for t, i in sources.iter_rows()) or "none"
        raise LabelError(
            f"expected labels of one teacher on one text input, received {received}; choose one"
        )
    return Provenance(*sources.row(0))


def _chunks(todo: pl.DataFrame, chunk_pairs: int) -> Iterator[list[pl.DataFrame]]:
    """Query groups, in order of first appearance, in lists of at least `chunk_pairs` pairs."""
    chunk: list[pl.DataFrame] = []
    for group in todo.partition_by("query_hash", maintain_order=True):
        chunk.append(group)
        if sum(g.height for g in chunk) >= chunk_pairs:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _last_asker(todo: pl.DataFrame) -> dict[str, str]:
    """Hash of each text -> hash of the query of the last group that holds it.

    Of 3,000 queries with 54 candidates each, a fifth of the candidates are met again after states
    of later ones took their place; half are met once and need no place.
    """
    place = {q: i for i, q in enumerate(todo["query_hash"].unique(maintain_order=True))}
    last = {q: q for q in place}
    for query, document in todo.select("query_hash", "document_hash").iter_rows():
        if place[query] >= place[last.setdefault(document, query)]:
            last[document] = query
    return last


def _scores(
    reranker: Reranker,
    groups: list[pl.DataFrame],
    texts: Mapping[str, str],
    last_asker: Mapping[str, str],
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Scores of the chunk's pairs, in order; NaN where the teacher gave no finite one."""
    asked = [_group(g["query_hash"][0], g["document_hash"], texts, last_asker) for g in groups]
    answers = list(reranker.score_groups(asked))
    if [len(a) for a in answers] != [g.height for g in groups]:
        raise ModelError(
            f"expected one score per pair of {len(groups)} groups, received {len(answers)} groups "
            f"with {sum(map(len, answers))} scores; {reranker.identity.name} breaks its contract"
        )
    scores = np.concatenate(answers).astype(np.float32)
    scores[~np.isfinite(scores)] = np.nan
    return scores


def _group(
    query: str, documents: pl.Series, texts: Mapping[str, str], last_asker: Mapping[str, str]
) -> PairGroup:
    return PairGroup(
        texts[query],
        [texts[d] for d in documents],
        last=[texts[h] for h in {query, *documents} if last_asker[h] == query],
    )


def _digest(text: str) -> str:
    # Of the text itself: for title + abstract this is the paper's `text_hash`.
    return hashlib.sha256(text.encode()).hexdigest()[:32]
