"""Is the teacher better than the student? Asked before any training.

Belongs here: the comparison on judgments and on proxies, and the verdict. Not: the measures
(pipeline/retrieval/measures.py), the scores, or the gate of a trained prompt (training/gate.py).

A teacher that ranks no better than the student teaches noise; published rerankers gain on most
domains and lose on some. Both rank the same candidates, per query; what counts is the difference
in nDCG@k with a paired bootstrap interval. Judgments are people's; proxies stand in where there
are none: documents tied to the query by citations (Small 1973), and the paper's own abstract for
its title.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import LabelError
from pipeline.retrieval.measures import ndcg
from pipeline.retrieval.significance import bootstrap_intervals

CHANCE = ("same_domain", "random")
"""Miners whose candidates are fair negatives of any two rankers."""

LINKS = ("cites", "cited_by", "co_cited")
"""Miners whose candidates somebody's reference list ties to the query."""

ALL = "all"
OTHER = "other"


class QualityRule(BaseModel):
    """What is measured, and how sure the answer must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    k: int = Field(10, ge=1, description="depth of nDCG, ranks")
    level: float = Field(0.95, gt=0, lt=1, description="coverage of the intervals")
    resamples: int = Field(10_000, ge=100, description="bootstrap means")
    min_queries: int = Field(100, ge=2, description="smaller domains are merged, queries")


@dataclass(frozen=True)
class TeacherVerdict:
    """Whether a teacher may teach, why, and every comparison behind it.

    `table`: `proxy, domain, n_queries, teacher, student, difference, low, high`, of each proxy and
    domain, and `all`. `worse_domains`: (proxy, domain) where the teacher surely loses: labels of
    such domains are better left out. `n_uninformative`: queries without both a relevant and
    another document, or whose scores are missing.
    """

    accepted: bool
    reason: str
    table: pl.DataFrame
    worse_domains: tuple[tuple[str, str], ...]
    n_uninformative: int

    def require(self) -> None:
        """Pass silently if accepted.

        Raises:
            LabelError: the teacher is not shown to beat the student.
        """
        if not self.accepted:
            raise LabelError(
                f"expected a teacher that beats the student, received one where {self.reason}; "
                "choose another teacher, give it the abstracts, or add judged queries"
            )


def judge_teacher(judged: pl.DataFrame, *, rule: QualityRule, seed: int) -> TeacherVerdict:
    """The verdict on `judged` pairs.

    Accepted if the difference over all queries, each counting once, lies above 0 with its whole
    interval, and no proxy as a whole lies below 0 with its.

    Args:
        judged: `proxy, domain, query_id, document_id, relevance, teacher_score, student_score`;
            relevance from 0, scores null or NaN where missing (the pair is left out on both sides).
        rule: what is measured.
        seed: of the bootstrap.
    """
    per_query = _ndcg_per_query(judged, rule.k)
    n_all = judged.select("proxy", "query_id").unique().height
    left_out = n_all - per_query.height
    if not per_query.height:
        none = pl.DataFrame(schema=_TABLE)
        return TeacherVerdict(False, "no query could be judged", none, (), left_out)
    rows = [_compared(*group, rule, seed) for group in _groups(per_query, rule)]
    table = pl.DataFrame(rows, schema=_TABLE, orient="row")
    reason, accepted = _reason(table, rule)
    worse = table.filter(pl.col("high") < 0, pl.col("domain") != ALL).select("proxy", "domain")
    return TeacherVerdict(accepted, reason, table, tuple(worse.iter_rows()), left_out)


def citation_proxy(scored: pl.DataFrame) -> pl.DataFrame:
    """Pairs judged by citations: relevant if one cites the other, or both are cited together.

    Candidates are pooled as at TREC (Sparck Jones and van Rijsbergen 1975): the first ranks of both
    sides, so that each meets its own errors and the other's, and chance. What only BM25 found is
    left out: it shares words with the title, which is all that the student sees.

    Args:
        scored: `title_pairs` columns with `domain, teacher_score`, of queries whose candidates are
            first ranks (the development split).
    """
    by = pl.col("miners").list
    linked = pl.any_horizontal(by.contains(miner) for miner in LINKS)
    pooled = pl.any_horizontal(by.contains(miner) for miner in ("student", "document", *CHANCE))
    return scored.filter(linked | pooled).select(
        pl.lit("citations").alias("proxy"),
        "domain",
        *("query_id", "document_id"),
        linked.cast(pl.Float64).alias("relevance"),
        "teacher_score",
        "student_score",
    )


def own_abstract_pairs(pairs: pl.DataFrame) -> pl.DataFrame:
    """`query_id, document_id, relevance` for title → own abstract, to be scored by both sides.

    Others are those of BM25 and chance: here both sides see the same texts, so words are fair.
    Score the query's title against the document's abstract *alone*: a document that carries its
    title, or a query that carries its abstract, gives the answer away.
    """
    by = pl.col("miners").list
    fair = pl.any_horizontal(by.contains(miner) for miner in ("bm25", *CHANCE))
    others = pairs.filter(fair).select("query_id", "document_id", relevance=pl.lit(0.0))
    own = others.select("query_id").unique(maintain_order=True)
    own = own.select("query_id", document_id="query_id", relevance=pl.lit(1.0))
    return pl.concat([own, others])


_TABLE = pl.Schema(
    {
        "proxy": pl.String,
        "domain": pl.String,
        "n_queries": pl.Int64,
        "teacher": pl.Float64,
        "student": pl.Float64,
        "difference": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
)


def _ndcg_per_query(judged: pl.DataFrame, k: int) -> pl.DataFrame:
    """`proxy, domain, query_id, teacher, student`: nDCG@k where queries can tell."""
    known = pl.col("teacher_score").is_finite() & pl.col("student_score").is_finite()
    relevance, query = pl.col("relevance"), ("proxy", "query_id")
    usable = judged.filter(known.fill_null(value=False)).filter(
        (relevance.max() > 0).over(query), (relevance.min() < relevance.max()).over(query)
    )
    lists = usable.group_by("proxy", "domain", "query_id", maintain_order=True).agg(
        *(
            # Ties by id: an order that knows nothing of relevance.
            relevance.sort_by([pl.col(side), "document_id"], descending=[True, False]).alias(side)
            for side in ("teacher_score", "student_score")
        ),
        relevance.sort(descending=True).alias("ideal"),
    )
    ideal = _first(lists["ideal"], k)
    return lists.select(
        "proxy",
        "domain",
        "query_id",
        teacher=pl.Series(ndcg(_first(lists["teacher_score"], k), ideal, k)),
        student=pl.Series(ndcg(_first(lists["student_score"], k), ideal, k)),
    )


def _first(gains: pl.Series, k: int) -> NDArray[np.float64]:
    """The first `k` of each list [query, k], padded with 0."""
    padded = np.zeros((len(gains), k))
    for i, row in enumerate(gains.list.head(k)):
        padded[i, : len(row)] = row
    return padded


def _groups(per_query: pl.DataFrame, rule: QualityRule) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """Everything, each proxy, and the domains of each; small domains as one."""
    yield ALL, ALL, per_query
    for (proxy,), queries in sorted(per_query.group_by("proxy")):
        yield str(proxy), ALL, queries
        small = pl.len().over("domain") < rule.min_queries
        merged = pl.when(small).then(pl.lit(OTHER)).otherwise("domain").alias("domain")
        for (domain,), part in sorted(queries.with_columns(merged).group_by("domain")):
            yield str(proxy), str(domain), part


def _compared(
    proxy: str, domain: str, queries: pl.DataFrame, rule: QualityRule, seed: int
) -> tuple[str | int | float, ...]:
    teacher, student = queries["teacher"].to_numpy(), queries["student"].to_numpy()
    (gain,) = bootstrap_intervals(
        (teacher - student)[None], level=rule.level, resamples=rule.resamples, seed=seed
    )
    means = float(teacher.mean()), float(student.mean())
    return proxy, domain, queries.height, *means, gain.mean, gain.low, gain.high


def _reason(table: pl.DataFrame, rule: QualityRule) -> tuple[str, bool]:
    whole = table.filter(pl.col("domain") == ALL)
    said = {
        row["proxy"]: f"nDCG@{rule.k} differs by {row['difference']:+.3f} "
        f"({row['low']:+.3f} to {row['high']:+.3f}, {row['n_queries']} queries)"
        for row in whole.iter_rows(named=True)
    }
    worse = whole.filter(pl.col("high") < 0, pl.col("proxy") != ALL)["proxy"].to_list()
    if worse:
        return "; ".join(f"on {proxy} {said[proxy]}" for proxy in worse), False
    return f"over all queries {said[ALL]}", bool(whole["low"][0] > 0)
