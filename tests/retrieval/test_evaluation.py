"""The evaluation on vectors small enough to rank by hand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from ir_measures import R, nDCG

from pipeline.errors import InputError
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.encoding import Vectors
from pipeline.models.reranker import PairGroup, Scores, TeacherIdentity
from pipeline.models.tiny import write_tiny_encoder
from pipeline.retrieval.benchmarks.reading import read_benchmarks
from pipeline.retrieval.evaluation import (
    NDCG,
    RECALL,
    RR,
    TAU,
    SecondStage,
    evaluate,
    measure_systems,
)
from pipeline.retrieval.judgments import Judgments
from pipeline.retrieval.query_set import QuerySet, teacher_query_set
from pipeline.tables import RETRIEVAL_QUALITY, violations

DAY = date(2026, 1, 1)


def _circle(*degrees: float) -> Vectors:
    """Unit vectors in the plane."""
    angle = np.radians(np.array(degrees))
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


DOCUMENTS = _circle(0, 10, 20, 30, 40)
QUERIES = _circle(0, 39)


def _queries(**more: object) -> QuerySet:
    fields: dict[str, object] = {
        "name": "toy",
        "query_ids": ["a", "b"],
        "texts": ["first", "second"],
        "domains": ["vision", "language"],
        "judgments": Judgments.from_pairs([0, 0, 1], [0, 2, 4], [1, 1, 1], 2),
        "itself": np.array([0, -1], np.int32),
    }
    return QuerySet(**(fields | more))  # type: ignore[arg-type]


def _fixed(vectors: Vectors) -> Callable[[Sequence[str]], Vectors]:
    return lambda texts: vectors[: len(texts)]


class _Contrary:
    """A reranker that prefers the documents with the largest number in their text."""

    identity = TeacherIdentity("contrary", "0", "", "float32")

    def score_groups(self, groups: Iterable[PairGroup]) -> Iterator[Scores]:
        for group in groups:
            yield np.array([float(text) for text in group.documents], np.float32)


def test_by_hand() -> None:
    """A query that finds itself; its own judgment kept in the ideal; domains mixed up."""
    frame = evaluate(_queries(), {"plain": _fixed(QUERIES)}, DOCUMENTS, measured_on=DAY, seed=0)
    assert violations(RETRIEVAL_QUALITY, frame) == []
    value = {(r["domain"], r["measure"]): r["value"] for r in frame.iter_rows(named=True)}
    # Query a: itself left out, documents 1, 2, …; the only answer left, 2, at rank 2.
    assert value["vision", NDCG] == pytest.approx(1 / np.log2(3))
    assert value["vision", RR] == pytest.approx(0.5)
    assert value["language", NDCG] == 1
    assert value["all", RR] == pytest.approx(0.75)
    assert value["all", RECALL] == 1
    assert frame["n_queries"].to_list() == [2] * 3 + [1] * 6
    assert frame["domain"].unique(maintain_order=True).to_list() == ["all", "language", "vision"]


def test_candidates_only() -> None:
    """The whole corpus ranked where a benchmark gives each query its pool."""
    pools = np.array([[0, 2, 4], [0, 1, -1]], np.int32)
    numbers = measure_systems(_queries(candidates=pools), {"plain": _fixed(QUERIES)}, DOCUMENTS)
    assert numbers["plain"][RR].tolist() == [1, 0]


def test_two_stages() -> None:
    """A reranker that sees the query's own paper, reorders too deep, or loses the rest."""
    stage = SecondStage(_Contrary(), "plain", [str(i) for i in range(5)], depth=3)
    numbers = measure_systems(_queries(), {"plain": _fixed(QUERIES)}, DOCUMENTS, second_stage=stage)
    # Query a: first stage 1 2 3 4; its head 1 2 3 turned round: 3 2 1 4. Query b: 4 3 2 stays.
    assert numbers["plain + contrary"][RR].tolist() == [0.5, 1]
    assert numbers["plain + contrary"][RECALL].tolist() == [1, 1]
    deeper = SecondStage(_Contrary(), "plain", [str(i) for i in range(5)], depth=4)
    numbers = measure_systems(
        _queries(), {"plain": _fixed(QUERIES)}, DOCUMENTS, second_stage=deeper
    )
    assert numbers["plain + contrary"][RR].tolist() == [1 / 3, 1]
    lost = SecondStage(_Contrary(), "other", [])
    with pytest.raises(InputError, match="'other'"):
        measure_systems(_queries(), {"plain": _fixed(QUERIES)}, DOCUMENTS, second_stage=lost)


def test_a_teacher_as_judge() -> None:
    """Gains that follow the teacher's scale; padding or a NaN score taken for an answer."""
    seen = np.array([[4, 1, 2, -1], [0, 3, 1, 2]], np.int32)
    scores = np.array([[-3.0, 9.0, 4.0, 99.0], [5.0, 5.0, 5.0, np.nan]], np.float32)
    queries = teacher_query_set(
        "titles",
        ["a", "b"],
        ["first", "second"],
        ["vision", "vision"],
        itself=np.array([0, 4], np.int32),
        teacher_documents=seen,
        teacher_scores=scores,
        n_relevant=2,
    )
    judged = queries.judgments
    assert judged.document.tolist() == [1, 2, 0, 1]
    assert judged.gain.tolist() == [1, 0.5, 1, 0.5]
    frame = evaluate(queries, {"plain": _fixed(QUERIES)}, DOCUMENTS, measured_on=DAY, seed=0)
    tau = frame.filter(measure=TAU).row(0, named=True)
    # Query a in the teacher's order; query b has no order to agree with.
    assert (tau["n_queries"], tau["value"]) == (1, 1)
    assert set(frame["domain"]) == {"all"}


def test_fields_of_other_queries_are_refused() -> None:
    """Domains of one split beside the judgments of another."""
    with pytest.raises(InputError, match="'domains': 1"):
        _queries(domains=["vision"])


def test_a_benchmark_from_disk_to_rows(tmp_path: Path, real_lists: Path) -> None:
    """Readers, encoders and measures that do not fit together; a seed without effect."""
    write_tiny_encoder(tmp_path, seed=0)
    encoder = MeanPooledEncoder.load(tmp_path, "tiny")
    (cacm,) = read_benchmarks(real_lists / "cacm" / "cacm.tar.gz")
    documents = encoder.encode_documents(cacm.titles)
    systems = {"plain": encoder.encode_queries}
    frame = evaluate(cacm.queries, systems, documents, measured_on=DAY, seed=0)
    assert violations(RETRIEVAL_QUALITY, frame) == []
    assert (frame["low"] < frame["value"]).all()
    assert (frame["value"] < frame["high"]).all()
    assert frame.filter(measure=NDCG)["value"].item() > 0.05  # word overlap alone
    again = evaluate(cacm.queries, systems, documents, measured_on=DAY, seed=0)
    assert frame.equals(again)
    judged = cacm.queries.judgments
    qrels = [
        ir_measures.Qrel(str(q), str(d), int(g))
        for q, d, g in zip(judged.query, judged.document, judged.gain, strict=True)
    ]
    scores = encoder.encode_queries(cacm.queries.texts) @ documents.T
    run = [
        ir_measures.ScoredDoc(str(q), str(d), float(scores[q, d]))
        for q in range(len(scores))
        for d in np.argsort(-scores[q])[:100]
    ]
    reference = ir_measures.calc_aggregate([nDCG @ 10, R @ 100, ir_measures.RR @ 10], qrels, run)
    ours = dict(frame.select("measure", "value").iter_rows())
    assert ours == {str(m): pytest.approx(v, abs=1e-6) for m, v in reference.items()}
