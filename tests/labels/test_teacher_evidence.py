"""What a teacher is judged by: titles with their abstracts, and what people judged."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import polars as pl

from pipeline.labels.abstract_check import judged_by_abstracts
from pipeline.labels.benchmark_check import judged_by_people
from pipeline.labels.quality import QualityRule, judge_teacher
from pipeline.models.encoding import Vectors
from pipeline.models.reranker import PairGroup, Scores, TeacherIdentity
from pipeline.retrieval.benchmarks.benchmark import Benchmark, Contents, assemble
from pipeline.tables import TITLE_PAIRS

N = 40
TITLES = [f"title of paper {i}" for i in range(N)]
ABSTRACTS = [f"abstract {i}" for i in range(N)]


class Matcher:
    """Scores 1 where the last word of both texts is equal; remembers what it was shown."""

    identity = TeacherIdentity("matcher", "0", "", "float32")

    def __init__(self) -> None:
        self.seen: list[PairGroup] = []

    def score_groups(self, groups: Iterable[PairGroup]) -> Iterator[Scores]:
        for group in groups:
            self.seen.append(group)
            last = group.query.split()[-1]
            yield np.array([d.split()[-1] == last for d in group.documents], np.float32)


def blind(texts: Sequence[str]) -> Vectors:
    """A student that tells nothing from anything."""
    return np.tile(np.array([[1, 0]], np.float32), (len(texts), 1))


def pairs(*, miners: Sequence[str]) -> pl.DataFrame:
    """Each paper with the five behind it, the first of whom `miners` did not propose."""
    rows = [
        {
            "query_id": f"p{q}",
            "document_id": f"p{(q + step) % N}",
            "venue": "cvpr",
            "year": 2020,
            "split": "dev",
            "miners": ["student"] if step == 1 else list(miners),
            "student_rank": step,
            "student_score": 0.5,
        }
        for q in range(N)
        for step in range(1, 6)
    ]
    return pl.DataFrame(rows, schema=TITLE_PAIRS.schema).with_columns(domain=pl.lit("vision"))


def abstracts_judged(n_queries: int = N) -> tuple[pl.DataFrame, Matcher]:
    teacher = Matcher()
    papers = pl.DataFrame(
        {"paper_id": [f"p{i}" for i in range(N)], "title": TITLES, "abstract": ABSTRACTS}
    )
    judged = judged_by_abstracts(
        pairs(miners=["bm25"]),
        papers.with_columns(abstract=pl.when(pl.col("paper_id") != "p3").then("abstract")),
        teacher,
        encode_queries=blind,
        encode_documents=blind,
        n_queries=n_queries,
        seed=0,
    )
    return judged, teacher


def test_a_title_meets_abstracts_alone() -> None:
    """A document that carries its title gives the answer away, to teacher and student alike."""
    judged, teacher = abstracts_judged()
    shown = {text for group in teacher.seen for text in group.documents}
    assert shown <= set(ABSTRACTS)
    assert {group.query for group in teacher.seen} <= set(TITLES)
    own = judged.filter(pl.col("query_id") == pl.col("document_id"))
    assert own["relevance"].to_list() == [1.0] * own.height
    assert judged.filter(relevance=1.0).height == own.height
    assert "p3" not in judged["document_id"]  # it has no abstract to be found by


def test_scores_stand_beside_the_pair_they_are_of() -> None:
    """Scores in the order of groups, pairs in another: any teacher would look like noise."""
    judged, _ = abstracts_judged()
    expected = judged.select(pl.col("query_id") == pl.col("document_id")).to_series()
    assert (judged["teacher_score"] == 1.0).equals(expected)
    verdict = judge_teacher(judged, rule=QualityRule(resamples=500, min_queries=5), seed=0)
    assert verdict.accepted


def test_candidates_of_the_student_are_no_negatives() -> None:
    """Its own errors as negatives would flatter every other ranking."""
    judged, _ = abstracts_judged()
    near = {(f"p{q}", f"p{(q + 1) % N}") for q in range(N)}
    assert near.isdisjoint(judged.select("query_id", "document_id").iter_rows())


def test_the_sample_is_as_large_as_asked_for() -> None:
    """Every labelled query would cost an hour of the teacher's time."""
    assert abstracts_judged(7)[0]["query_id"].n_unique() in (6, 7)  # p3 may be among them


def benchmark() -> Benchmark:
    documents = {f"d{i}": (TITLES[i], ABSTRACTS[i]) for i in range(N)}
    queries = {f"q{i}": f"question about {i}" for i in range(5)}
    judged = [(f"q{i}", f"d{i}", 1.0) for i in range(5)] + [("q0", "d9", 0.0)]
    return assemble("small", Contents(queries=queries, documents=documents, judged=judged))


def test_people_s_judgments_are_the_relevance() -> None:
    """Rows for ids, or gains of another query, would judge the teacher by chance."""
    one, teacher = benchmark(), Matcher()
    judged = judged_by_people(one, teacher, blind(one.queries.texts), blind(TITLES), seed=0)
    relevant = judged.filter(pl.col("relevance") > 0).select("query_id", "document_id")
    assert sorted(relevant.iter_rows()) == [(f"q{i}", f"d{i}") for i in range(5)]
    hits = judged.filter(pl.col("teacher_score") > 0).select("query_id", "document_id")
    assert sorted(hits.iter_rows()) == [(f"q{i}", f"d{i}") for i in range(5)]
    assert judged["proxy"].unique().to_list() == ["small"]
    assert judged.select("query_id", "document_id").is_unique().all()
    assert judged.height > 5 * 10  # chance and words are among the candidates
