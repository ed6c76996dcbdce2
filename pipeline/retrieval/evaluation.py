"""How well each way of encoding queries retrieves, with intervals, by domain.

Belongs here: from query encoders and a document matrix to numbers per query and to the rows of
`retrieval_quality`. Not: the measures (measures.py), who may serve (training/gate.py), or reading
benchmarks. Documents are encoded once; systems differ in the query side alone, which is what makes
their numbers paired; encoders are compared over documents that each encodes itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from pipeline.errors import InputError
from pipeline.models.encoding import Vectors
from pipeline.models.reranker import PairGroup, Reranker
from pipeline.retrieval.judgments import Rows
from pipeline.retrieval.measures import PerQuery, kendall_tau, ndcg, recall, reciprocal_rank
from pipeline.retrieval.query_set import QuerySet
from pipeline.retrieval.ranking import order_candidates, rank_documents, score_candidates
from pipeline.retrieval.significance import bootstrap_intervals
from pipeline.tables import RETRIEVAL_QUALITY

QueryEncoder = Callable[[Sequence[str]], Vectors]
Numbers = Mapping[str, Mapping[str, PerQuery]]  # system -> measure -> [query]

NDCG, RECALL, RR, TAU = "nDCG@10", "R@100", "RR@10", "tau"
DEPTH = 100  # ranks that are looked at
ALL = "all"


@dataclass(frozen=True)
class SecondStage:
    """A reranker that reorders the first `depth` documents that `system` finds.

    `document_texts`: what the reranker reads, by document row. With `depth` below 100, recall@100
    stays that of the first stage, whose order is kept behind the reranked documents.
    """

    reranker: Reranker
    system: str
    document_texts: Sequence[str]
    depth: int = 50


def evaluate(
    queries: QuerySet,
    systems: Mapping[str, QueryEncoder],
    documents: Vectors,
    *,
    second_stage: SecondStage | None = None,
    measured_on: date,
    seed: int,
) -> pl.DataFrame:
    """Rows of `retrieval_quality` for every system, the reranked one included."""
    numbers = measure_systems(queries, systems, documents, second_stage=second_stage)
    return summarise(queries.name, queries.domains, numbers, measured_on=measured_on, seed=seed)


def measure_systems(
    queries: QuerySet,
    systems: Mapping[str, QueryEncoder],
    documents: Vectors,
    *,
    second_stage: SecondStage | None = None,
) -> dict[str, dict[str, PerQuery]]:
    """Numbers per query: system -> measure -> [query], what the gate compares.

    Measures: nDCG@10, R@100, RR@10, and, where the queries have a teacher, its rank correlation
    with the system (NaN where the teacher orders nothing). The two-stage system has none of it.
    """
    numbers: dict[str, dict[str, PerQuery]] = {}
    for name, encode in systems.items():
        vectors = encode(queries.texts)
        ranking = first_stage(queries, vectors, documents)
        numbers[name] = _measure(queries, ranking)
        if queries.teacher_documents is not None and queries.teacher_scores is not None:
            mine = score_candidates(vectors, documents, queries.teacher_documents)
            numbers[name][TAU] = kendall_tau(mine, queries.teacher_scores)
        if second_stage and second_stage.system == name:
            reordered = rerank(queries, ranking, second_stage)
            teacher = second_stage.reranker.identity.name
            numbers[f"{name} + {teacher}"] = _measure(queries, reordered)
    if second_stage and second_stage.system not in systems:
        raise InputError(
            f"expected the reranked system among {', '.join(systems)}, received "
            f"{second_stage.system!r}"
        )
    return numbers


def first_stage(queries: QuerySet, vectors: Vectors, documents: Vectors) -> Rows:
    """Document rows [query, rank] of the first 100, of the query's candidates where it has some.

    The query's own document is never among them; −1 where there are fewer.
    """
    if queries.candidates is None:
        return rank_documents(vectors, documents, DEPTH, excluded=queries.itself)
    own = queries.candidates == queries.itself[:, None]
    candidates = np.where(own, -1, queries.candidates).astype(np.int32)
    scores = score_candidates(vectors, documents, candidates)
    return order_candidates(candidates, scores)[:, :DEPTH]


def rerank(queries: QuerySet, ranking: Rows, stage: SecondStage) -> Rows:
    """`ranking` with the first `depth` of each query in the reranker's order, the rest behind."""
    head, texts = ranking[:, : stage.depth], stage.document_texts
    groups = (
        PairGroup(text, [texts[row] for row in rows if row >= 0])
        for text, rows in zip(queries.texts, head, strict=True)
    )
    scores = np.full(head.shape, np.nan, np.float32)
    for i, found in enumerate(stage.reranker.score_groups(groups)):
        scores[i, head[i] >= 0] = found
    return np.hstack([order_candidates(head, scores), ranking[:, stage.depth :]])


def summarise(
    benchmark: str,
    domains: Sequence[str],
    numbers: Numbers,
    *,
    measured_on: date,
    seed: int,
) -> pl.DataFrame:
    """Means and 95% bootstrap intervals over all queries and by domain, as `retrieval_quality`.

    `domains`: [query]. Numbers that are NaN are left out, and not counted in `n_queries`.
    """
    named = np.array(domains)
    parts = {ALL: np.ones(named.size, bool)}
    if len(set(domains)) > 1:
        parts |= {domain: named == domain for domain in sorted(set(domains))}
    rows = [
        {
            "benchmark": benchmark,
            "system": system,
            "domain": domain,
            "measure": measure,
            **_interval(values[part], seed),
            "measured_on": measured_on,
        }
        for domain, part in parts.items()
        for system, measures in numbers.items()
        for measure, values in measures.items()
        if np.isfinite(values[part]).any()
    ]
    return pl.DataFrame(rows, schema=RETRIEVAL_QUALITY.schema)


def _interval(values: PerQuery, seed: int) -> dict[str, float]:
    known = values[np.isfinite(values)]
    interval = bootstrap_intervals(known[None], seed=seed)[0]
    return {
        "n_queries": known.size,
        "value": interval.mean,
        "low": interval.low,
        "high": interval.high,
    }


def _measure(queries: QuerySet, ranking: Rows) -> dict[str, PerQuery]:
    judged = queries.judgments.without(queries.itself)
    gains = judged.gains_of(ranking)
    return {
        NDCG: ndcg(gains, judged.ideal_gains(10), 10),
        RECALL: recall(gains, judged.n_relevant(), DEPTH),
        RR: reciprocal_rank(gains, 10),
    }
