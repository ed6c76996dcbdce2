"""Queries with judgments: what any way of encoding queries is evaluated on.

Belongs here: the one shape in which our own titles and every benchmark come. Not: how benchmarks
lie on disk (benchmarks/), or the evaluation (evaluation.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.retrieval.judgments import Judgments, Rows


@dataclass(frozen=True)
class QuerySet:
    """Queries over a document matrix, all fields by query row.

    itself: [query] the query's own document, which is never ranked; −1 where it is none.
    candidates: [query, c] the documents to rank, padded with −1; None: all of them.
    teacher_documents, teacher_scores: [query, c] documents a teacher scored, padded with −1 and
        NaN, for the rank correlation with it; None: there is no teacher.
    """

    name: str
    query_ids: Sequence[str]
    texts: Sequence[str]
    domains: Sequence[str]
    judgments: Judgments
    itself: Rows
    candidates: Rows | None = None
    teacher_documents: Rows | None = None
    teacher_scores: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        lengths = {
            "query_ids": len(self.query_ids),
            "texts": len(self.texts),
            "domains": len(self.domains),
            "judgments": self.judgments.n_queries,
            "itself": len(self.itself),
        }
        for field in ("candidates", "teacher_documents", "teacher_scores"):
            if (value := getattr(self, field)) is not None:
                lengths[field] = len(value)
        if len(set(lengths.values())) != 1:
            raise InputError(
                f"expected one entry per query in every field of {self.name}, received {lengths}"
            )


def teacher_query_set(
    name: str,
    query_ids: Sequence[str],
    texts: Sequence[str],
    domains: Sequence[str],
    *,
    itself: Rows,
    teacher_documents: Rows,
    teacher_scores: NDArray[np.floating],
    n_relevant: int = 20,
) -> QuerySet:
    """Queries judged by a teacher: its r-th best of n has gain (n − r + 1) / n, the others none.

    Ranks rather than scores, so that log-odds, logits and cosines of any scale give one measure.
    Documents the teacher never saw have gain 0: where it saw only what some system proposed, the
    figures favour that system.
    """
    scores = np.where(teacher_documents >= 0, teacher_scores, np.nan)
    worst = np.where(np.isnan(scores), np.inf, -scores)
    order = np.lexsort((teacher_documents, worst), axis=1)[:, :n_relevant]
    best = np.take_along_axis(teacher_documents, order, axis=1)
    best = np.where(np.isnan(np.take_along_axis(scores, order, axis=1)), -1, best)
    gains = np.broadcast_to((n_relevant - np.arange(best.shape[1])) / n_relevant, best.shape)
    return QuerySet(
        name=name,
        query_ids=query_ids,
        texts=texts,
        domains=domains,
        judgments=Judgments.from_padded(best, gains),
        itself=itself,
        teacher_documents=teacher_documents,
        teacher_scores=scores,
    )
