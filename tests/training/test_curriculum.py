"""What a training learns from: every source, and nothing of a paper it may not see."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import LabelError, TrainingError
from pipeline.labels.selection import SelectionRule
from pipeline.labels.sources.b_prop import WordAttention
from pipeline.tables import CITATIONS
from pipeline.training.curriculum import Curriculum, Library, build_curriculum
from pipeline.training.source_spec import SourceName, SourceSpec
from pipeline.training.targets import QuerySource, check_sources
from tests.library import TODAY

N, DIM = 60, 8
WORDS = [
    a + b + "x" for a in ("gra", "neu", "ret", "vis", "pol") for b in ("ph", "ral", "ina", "or")
]
LOSSES = {"labels": "bpr", "own_vector": "corpus_kl"}
NAMES: tuple[SourceName, ...] = get_args(SourceName)
RULE = SelectionRule()


def _papers(n: int = N) -> pl.DataFrame:
    """Texts that hold a word of their own, `only<i>`, so that whose they are can be read off."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        words = [f"only{i}x", *rng.choice(WORDS, 14, replace=False)]
        abstract = " ".join(words) + ". " + " ".join(reversed(words)) + "."
        rows.append(
            {
                "paper_id": f"p{i}",
                "title": f"only{i}x {words[1]} {words[2]}",
                "abstract": None if i % 10 == 9 else abstract,
                "domain": "nlp" if i % 2 else "vision",
            }
        )
    return pl.DataFrame(rows)


def _citations(n: int = N) -> pl.DataFrame:
    """Paper i cites the five before it, so that neighbours are cited together."""
    edges = [(i, j) for i in range(n) for j in range(max(0, i - 5), i)]
    row = dict.fromkeys(CITATIONS.columns) | {
        "venue": "acl", "year": 2020, "source": "x", "is_self_loop": False, "is_forward": False,
        "first_seen": TODAY, "last_seen": TODAY, "in_force": True,
    }  # fmt: skip
    rows = [
        row | {"citing_paper_id": f"p{i}", "cited_paper_id": f"p{j}", "cited_key": f"x:{j}"}
        for i, j in edges
    ]
    return pl.DataFrame(rows, schema=dict(CITATIONS.schema))


def _labels(n: int = N, *, queries: Sequence[int] | None = None) -> pl.DataFrame:
    """Each paper against ten others; the teacher's unit is four of the student's."""
    rng = np.random.default_rng(1)
    rows = []
    for q in range(n) if queries is None else queries:
        for d in rng.choice(n, 10, replace=False):
            if d != q:
                cosine = float(rng.uniform(-0.2, 0.8))
                rows.append((f"p{q}", f"p{d}", "t", "title", 4 * cosine + 7, cosine))
    names = ("query_id", "document_id", "teacher_id", "text_input", "score", "student_score")
    schema = dict.fromkeys(names[:4], pl.String) | dict.fromkeys(names[4:], pl.Float32)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _attentions(texts: Sequence[str]) -> list[WordAttention]:
    return [{word: 1 / (i + 20) for i, word in enumerate(t.lower().split())} for t in texts]


def _library(learnable: Sequence[int] = range(N), **changes: Any) -> Library:
    vectors = np.random.default_rng(2).normal(size=(N, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    mask = np.zeros(N, np.bool_)
    mask[list(learnable)] = True
    fields: dict[str, Any] = {
        "papers": _papers(),
        "vectors": vectors,
        "citations": _citations(),
        "labels": _labels(),
        "learnable": mask,
        "attentions": _attentions,
    }
    return Library(**fields | changes)


def _spec(name: str, **changes: Any) -> SourceSpec:
    fields = {"name": name, "loss": LOSSES.get(name, "info_nce")}
    return SourceSpec.model_validate(fields | changes)


def _build(library: Library, *specs: SourceSpec, documents: int = N) -> Curriculum:
    return build_curriculum(library, specs, documents=documents, selection=RULE, seed=0)


def _papers_of(source: QuerySource, curriculum: Curriculum) -> list[int]:
    """Library rows of the papers whose own words stand in the queries."""
    words = [word for text in source.texts for word in text.lower().replace(".", " ").split()]
    return [int(w[4:-1]) for w in words if w.startswith("only")]


@pytest.mark.parametrize("name", NAMES)
def test_every_source_gives_queries_that_can_be_learnt_from(name: SourceName) -> None:
    """A source that a recipe may name, and that is empty, or that the loop refuses."""
    curriculum = _build(_library(), _spec(name))
    (source,) = curriculum.sources
    assert source.name == name
    assert len(source) > 10
    check_sources(curriculum.sources, curriculum.documents)
    assert curriculum.report.select("source", "queries").rows() == [(name, len(source))]


@settings(max_examples=25)
@given(st.sets(st.integers(0, N - 1), min_size=25), st.integers(1, N), st.sampled_from(NAMES))
def test_nothing_is_learnt_of_papers_that_may_not_be(
    learnable: set[int], documents: int, name: SourceName
) -> None:
    """A test title among the queries, a benchmark's paper as a positive, or as a mere negative."""
    library = _library(sorted(learnable))
    try:
        curriculum = _build(library, _spec(name), documents=documents)
    except TrainingError:
        return  # too few edges or labels among so few papers
    assert set(curriculum.rows.tolist()) <= learnable
    np.testing.assert_array_equal(curriculum.documents, library.vectors[curriculum.rows])
    for source in curriculum.sources:
        assert set(_papers_of(source, curriculum)) <= learnable
        places = np.concatenate([source.papers, source.candidates.ravel()])
        assert places.min(initial=-1) >= -1
        assert places.max(initial=-1) < len(curriculum.rows)
        check_sources([source], curriculum.documents)


def test_numbers_are_those_of_the_smaller_matrix() -> None:
    """A row of the library read as a row of the curriculum: each query learns from a stranger."""
    library = _library(range(5, N, 2))
    curriculum = _build(library, _spec("own_vector"), _spec("own_abstract"), _spec("labels"))
    own_vector, own_abstract, labels = curriculum.sources
    ids = library.papers["paper_id"].to_list()
    for source in (own_vector, labels):
        rows = curriculum.rows[source.papers]
        assert [library.titles[r] for r in rows] == list(source.texts)
        np.testing.assert_array_equal(source.teacher_vectors, library.vectors[rows])
        assert list(source.domains) == library.papers["domain"][rows.tolist()].to_list()
    assert (own_abstract.papers == -1).all()  # its own paper is the answer
    answers = curriculum.rows[own_abstract.candidates[:, 0]]
    assert [library.titles[r] for r in answers] == list(own_abstract.texts)
    score = {(q, d): s for q, d, s in _labels().select("query_id", "document_id", "score").rows()}
    for query, documents, scores in zip(
        labels.papers, labels.candidates, labels.scores, strict=True
    ):
        for document, value in zip(documents[documents >= 0], scores, strict=False):
            pair = ids[curriculum.rows[query]], ids[curriculum.rows[document]]
            assert score[pair] == pytest.approx(value)


def test_only_the_documents_asked_for_and_those_that_are_named() -> None:
    """A matrix of the whole library where a recipe wants a tenth of it; or a positive left out."""
    library = _library()
    curriculum = _build(library, _spec("own_abstract", queries=7), documents=3)
    assert 7 <= len(curriculum.rows) <= 10
    assert len(curriculum.sources[0]) == 7
    assert set(library.rows[:3].tolist()) <= set(curriculum.rows.tolist())


def test_added_papers_change_little() -> None:
    """Another sample with every paper that arrives: no two trainings could be compared."""
    few, more = _library(range(50)), _library(range(N))
    first, second = set(few.rows[:20].tolist()), set(more.rows[:20].tolist())
    assert len(first & second) >= 12


def test_labels_are_divided_by_the_teachers_unit() -> None:
    """Log-odds taken for cosines: every gap is wide, every softmax a single document."""
    curriculum = _build(_library(), _spec("labels"))
    assert curriculum.sources[0].scale == pytest.approx(4, rel=1e-3)
    denoised = _build(_library(), _spec("labels", loss="info_nce")).sources[0]
    assert denoised.scale == 1
    assert set(np.unique(denoised.scores[np.isfinite(denoised.scores)])) <= {0.0, 1.0}


def test_a_student_without_spread_gives_no_infinite_scale() -> None:
    """One candidate per query has no deviation: the scale must stay a number."""
    flat = _labels().with_columns(student_score=pl.lit(0.5, pl.Float32))
    assert _build(_library(labels=flat), _spec("labels")).sources[0].scale == 1


def test_b_prop_without_attention_says_what_to_do() -> None:
    """An encoder that hides its attention must not end in a traceback."""
    with pytest.raises(
        TrainingError, match="expected an encoder that tells its attention for b_prop"
    ):
        _build(_library(attentions=None), _spec("b_prop"))


def test_without_labels_the_other_sources_still_teach() -> None:
    """A library that nobody labelled is no reason not to learn from its abstracts."""
    library = _library(labels=_labels()[:0])
    curriculum = _build(library, _spec("labels"), _spec("spans"))
    assert [s.name for s in curriculum.sources] == ["spans"]
    with pytest.raises(TrainingError, match="expected queries of labels, found none"):
        _build(library, _spec("labels"))
    with pytest.raises(TrainingError, match="expected queries of labels, found none"):
        _build(library, _spec("labels", loss="info_nce"))


def test_labels_of_two_teachers_are_refused() -> None:
    """Log-odds and cosines in one list."""
    mixed = pl.concat([_labels()[:40], _labels()[40:].with_columns(teacher_id=pl.lit("other"))])
    with pytest.raises(LabelError, match="expected labels of one teacher"):
        _build(_library(labels=mixed), _spec("labels"))


def test_a_source_may_have_a_weight_and_no_more_queries_than_asked() -> None:
    """A recipe's numbers that reach nobody."""
    for name in NAMES:
        (source,) = _build(_library(), _spec(name, weight=0.5, queries=6)).sources
        assert (source.weight, len(source)) == (0.5, 6)


def test_b_prop_asks_for_attention_to_learnable_papers_only() -> None:
    """Words of test papers in the collection's model: a small leak, and hours of forward passes."""
    asked: list[str] = []

    def attentions(texts: Sequence[str]) -> list[WordAttention]:
        asked.extend(texts)
        return _attentions(texts)

    library = replace(_library(range(30)), attentions=attentions)
    _build(library, _spec("b_prop", queries=12))
    assert len(asked) == 12
    assert all(int(text.split()[0][4:-1]) < 30 for text in asked)


def test_fewer_queries_are_a_sample_and_not_the_oldest_papers() -> None:
    """Ids grow with the library: the first thousand labels would all be of its first venue."""
    (source,) = _build(_library(), _spec("labels", queries=12)).sources
    asked = sorted(int(text.split()[0][4:-1]) for text in source.texts)
    assert len(asked) == 12
    assert asked[-1] - asked[0] > N // 2


@pytest.mark.parametrize("name", ["own_vector", "own_abstract", "spans", "prop", "b_prop"])
def test_a_library_without_abstracts_says_so(name: str) -> None:
    """Sources made of abstracts, in a library of bare titles: one line, and what to do."""
    bare = _papers().with_columns(abstract=pl.lit(None, pl.String))
    with pytest.raises(TrainingError, match=f"expected queries of {name}, found none"):
        _build(_library(papers=bare), _spec(name))
