"""Pairs that people judged, scored by teacher and student: evidence of the teacher check.

Belongs here: which documents of a benchmark both rank. Not: the verdict (quality.py), or reading
benchmarks (pipeline/retrieval/benchmarks).

Candidates are the documents judged relevant, the best of BM25, and chance. What the student itself
would find first is left out: such candidates are its own errors, and would flatter any other
ranking. Texts of queries are no papers, so teacher and student see the same of them.
"""

import numpy as np
import polars as pl

from pipeline.labels.lexical import LexicalIndex
from pipeline.models.encoding import Vectors
from pipeline.models.reranker import PairGroup, Reranker
from pipeline.retrieval.benchmarks.benchmark import Benchmark
from pipeline.retrieval.judgments import Rows

LEXICAL, CHANCE = 30, 20  # candidates of each query beside those judged relevant


def judged_by_people(
    benchmark: Benchmark,
    reranker: Reranker,
    query_vectors: Vectors,
    document_vectors: Vectors,
    *,
    seed: int,
) -> pl.DataFrame:
    """What `judge_teacher` takes, with `proxy` named as the benchmark."""
    queries, texts = benchmark.queries, benchmark.document_texts()
    words, _ = LexicalIndex.build(texts).nearest(queries.texts, min(LEXICAL, len(texts)))
    rng = np.random.default_rng(seed)
    candidates = [
        _candidates(benchmark, query, words[query], rng) for query in range(len(queries.texts))
    ]
    groups = (
        PairGroup(text, [texts[row] for row in rows])
        for text, rows in zip(queries.texts, candidates, strict=True)
    )
    parts = [
        pl.DataFrame(
            {
                "query_id": [queries.query_ids[query]] * len(rows),
                "domain": [queries.domains[query]] * len(rows),
                "document_id": [benchmark.document_ids[row] for row in rows],
                "relevance": _gains(benchmark, query, rows),
                "teacher_score": scores,
                "student_score": document_vectors[rows] @ query_vectors[query],
            }
        )
        for query, (rows, scores) in enumerate(
            zip(candidates, reranker.score_groups(groups), strict=True)
        )
    ]
    return pl.concat(parts).select(
        pl.lit(benchmark.name).alias("proxy"),
        "domain",
        *("query_id", "document_id", "relevance", "teacher_score", "student_score"),
    )


def _candidates(benchmark: Benchmark, query: int, words: Rows, rng: np.random.Generator) -> Rows:
    """Rows, ascending, each once, the query's own document left out."""
    judged, n = benchmark.queries.judgments, len(benchmark.document_ids)
    relevant = judged.document[(judged.query == query) & (judged.gain > 0)]
    chance = rng.choice(n, min(CHANCE, n), replace=False)
    rows = np.unique(np.concatenate([relevant, words[words >= 0], chance]))
    kept: Rows = rows[rows != benchmark.queries.itself[query]]
    return kept


def _gains(benchmark: Benchmark, query: int, rows: Rows) -> list[float]:
    judged = benchmark.queries.judgments
    own = judged.query == query
    gain = dict(zip(judged.document[own].tolist(), judged.gain[own].tolist(), strict=True))
    return [float(gain.get(row, 0.0)) for row in rows.tolist()]
