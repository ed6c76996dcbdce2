"""The verdict on a teacher."""

import ir_measures
import numpy as np
import polars as pl
import pytest

from pipeline.errors import LabelError
from pipeline.labels.quality import (
    QualityRule,
    citation_proxy,
    judge_teacher,
    own_abstract_pairs,
)

RULE = QualityRule(resamples=500, min_queries=30)


def judged(
    n: int, *, teacher: float, student: float, proxy: str = "citations", domain: str = "ml"
) -> pl.DataFrame:
    """n queries of ten documents, two relevant; scores are relevance · skill + noise."""
    rng = np.random.default_rng(n)
    relevance = np.tile([1.0, 1.0, *[0.0] * 8], n)
    return pl.DataFrame(
        {
            "proxy": [proxy] * 10 * n,
            "domain": [domain] * 10 * n,
            "query_id": np.repeat([f"{domain}{i}" for i in range(n)], 10),
            "document_id": [f"d{i}" for i in range(10)] * n,
            "relevance": relevance,
            "teacher_score": relevance * teacher + rng.normal(size=10 * n),
            "student_score": relevance * student + rng.normal(size=10 * n),
        }
    )


def test_a_better_teacher_is_accepted_with_its_numbers() -> None:
    """Sides swapped, or means that are not those of nDCG."""
    pairs = judged(60, teacher=2, student=0.5)
    verdict = judge_teacher(pairs, rule=RULE, seed=0)
    verdict.require()
    triples = ["query_id", "document_id"]
    qrels = [ir_measures.Qrel(q, d, int(r)) for q, d, r in pairs[[*triples, "relevance"]].rows()]
    for side in ("teacher", "student"):
        scores = pairs[[*triples, f"{side}_score"]].rows()
        run = [ir_measures.ScoredDoc(*row) for row in scores]
        (expected,) = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], qrels, run).values()
        assert verdict.table[side][0] == pytest.approx(expected)
    whole = verdict.table.row(0, named=True)
    assert whole["difference"] == pytest.approx(whole["teacher"] - whole["student"])
    assert 0 < whole["low"] < whole["difference"] < whole["high"]


@pytest.mark.parametrize(("teacher", "student"), [(0.5, 2.0), (1.0, 1.0)])
def test_a_teacher_not_better_is_refused_before_training(teacher: float, student: float) -> None:
    """Training on noise, or on a teacher that only equals the student."""
    verdict = judge_teacher(judged(80, teacher=teacher, student=student), rule=RULE, seed=0)
    assert not verdict.accepted
    with pytest.raises(LabelError, match=r"beats the student.*nDCG@10 differs by"):
        verdict.require()


def test_equal_scores_are_no_gain() -> None:
    """A teacher that is the student: a difference of 0 with an interval of 0 accepted."""
    same = judged(40, teacher=1, student=1).with_columns(teacher_score=pl.col("student_score"))
    verdict = judge_teacher(same, rule=RULE, seed=0)
    assert (verdict.accepted, verdict.table["high"][0]) == (False, 0)


def test_harm_on_peoples_judgments_is_not_outweighed_by_proxies() -> None:
    """Many proxy queries that hide a loss on the few judged by people."""
    many = judged(300, teacher=3, student=0.5)
    people = judged(50, teacher=0.2, student=3, proxy="cacm", domain="cs")
    verdict = judge_teacher(pl.concat([many, people]), rule=RULE, seed=0)
    assert verdict.table["low"][0] > 0
    assert not verdict.accepted
    assert verdict.reason.startswith("on cacm")
    assert verdict.worse_domains == (("cacm", "cs"),)


def test_small_domains_are_merged() -> None:
    """Verdicts on a handful of queries; queries lost in the merging."""
    parts = [
        judged(n, teacher=2, student=1, domain=d) for d, n in (("ml", 40), ("ir", 9), ("a", 8))
    ]
    table = judge_teacher(pl.concat(parts), rule=RULE, seed=0).table
    rows = table.select("proxy", "domain", "n_queries").rows()
    assert rows == [
        ("all", "all", 57),
        ("citations", "all", 57),
        ("citations", "ml", 40),
        ("citations", "other", 17),
    ]


def test_missing_scores_and_uninformative_queries_are_left_out_and_counted() -> None:
    """A pair missing on one side ranked last there: the other side wins by absence."""
    pairs = judged(3, teacher=2, student=1)
    first = pl.col("query_id") == "ml0"
    holes = pairs.with_columns(
        teacher_score=pl.when(first & (pl.col("relevance") > 0))
        .then(None)
        .otherwise("teacher_score"),
        relevance=pl.when(pl.col("query_id") == "ml1").then(1.0).otherwise("relevance"),
    )
    verdict = judge_teacher(holes, rule=RULE, seed=0)
    assert (verdict.n_uninformative, verdict.table["n_queries"][0]) == (2, 1)
    nothing = judge_teacher(holes.filter(first), rule=RULE, seed=0)
    assert (nothing.accepted, nothing.n_uninformative) == (False, 1)
    assert nothing.reason == "no query could be judged"
    assert not judge_teacher(pairs.clear(), rule=RULE, seed=0).accepted


def scored(*rows: tuple[str, list[str]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "query_id": ["q"] * len(rows),
            "document_id": [d for d, _ in rows],
            "domain": ["ml"] * len(rows),
            "miners": [m for _, m in rows],
            "student_score": pl.Series([0.5] * len(rows), dtype=pl.Float32),
            "teacher_score": pl.Series([0.5] * len(rows), dtype=pl.Float32),
        }
    )


PAIRS = scored(
    ("both", ["student", "co_cited"]),
    ("linked", ["bm25", "cites"]),
    ("linked_too", ["cites", "co_cited"]),
    ("student_only", ["student", "document"]),
    ("words", ["student", "bm25"]),
    ("chance", ["random"]),
)


def test_citations_are_judged_over_a_pool_of_both_sides() -> None:
    """Negatives of the student alone are its own errors: any other ranking would beat it."""
    miners = {
        "cited": ["student", "cites"], "together": ["co_cited"], "citing": ["cited_by", "bm25"],
        "student's": ["student"], "teacher's": ["document"], "chance": ["random"],
        "words": ["bm25"],
    }  # fmt: skip
    pairs = pl.DataFrame(
        {"query_id": "q", "document_id": d, "miners": m, "domain": "ml", "student_score": 0.5}
        for d, m in miners.items()
    ).with_columns(teacher_score=pl.lit(0.5))
    found = dict(citation_proxy(pairs).select("document_id", "relevance").iter_rows())
    assert found == {
        "cited": 1, "together": 1, "citing": 1, "student's": 0, "teacher's": 0, "chance": 0,
    }  # fmt: skip


def test_own_abstract_is_the_relevant_one() -> None:
    """The own document missing, or once per candidate."""
    found = own_abstract_pairs(PAIRS).rows()
    assert found == [("q", "q", 1.0), ("q", "linked", 0.0), ("q", "words", 0.0), ("q", "chance", 0)]
