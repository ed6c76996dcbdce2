"""Which documents a query vector finds first.

Belongs here: exact rankings by cosine over a whole document matrix or over given candidates. Not:
what the rankings are worth (measures.py). Method: blocks of queries against all documents, so that
[query, document] never exists; the first k of each block by `kth_largest`, ties by document row.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.models.encoding import Vectors
from pipeline.retrieval.judgments import Rows
from pipeline.retrieval.selection import kth_largest

_BLOCK_FLOATS = 1 << 24  # 64 MB of products at a time


def rank_documents(
    queries: Vectors, documents: Vectors, k: int, *, excluded: Rows | None = None
) -> Rows:
    """Rows [query, min(k, documents)] of the nearest documents, nearest first, ties by row.

    Args:
        queries: unit vectors [query, dim].
        documents: unit vectors [document, dim].
        k: depth, ranks.
        excluded: [query] each query's own document, which is not ranked; −1: none. Where it leaves
            fewer than k documents the last rank is −1.
    """
    _check(queries, documents)
    k = min(k, len(documents))
    ranking = np.empty((len(queries), k), np.int32)
    step = max(1, _BLOCK_FLOATS // max(1, len(documents)))
    for start in range(0, len(queries) if k else 0, step):
        similar = queries[start : start + step] @ documents.T
        if excluded is not None:
            own = excluded[start : start + step]
            similar[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
        ranking[start : start + step] = _first(similar, k)
    return ranking


def score_candidates(queries: Vectors, documents: Vectors, candidates: Rows) -> Vectors:
    """Cosines [query, candidate] of each query with its own candidates; NaN where padded (−1)."""
    _check(queries, documents)
    scores = np.empty(candidates.shape, np.float32)
    step = max(1, _BLOCK_FLOATS // max(1, candidates.shape[1] * queries.shape[1]))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        near = documents[candidates[part]]  # [query, candidate, dim]
        scores[part] = np.matmul(near, queries[part, :, None])[:, :, 0]
    return np.where(candidates >= 0, scores, np.float32(np.nan))


def order_candidates(candidates: Rows, scores: NDArray[np.floating]) -> Rows:
    """Each query's candidates [query, candidate], best scored first, ties by row, −1 last.

    Candidates whose score is NaN come after all that have one.
    """
    worst = np.where(np.isnan(scores), np.inf, -scores)
    order = np.lexsort((candidates, worst, candidates < 0), axis=1)
    return np.take_along_axis(candidates, order, axis=1)


def _first(similar: NDArray[np.float32], k: int) -> Rows:
    """Columns of each row's k largest values, descending, ties by column; −1 for −inf."""
    chosen = similar >= kth_largest(similar, k)[:, None]
    row, column = np.nonzero(chosen)
    value = similar[row, column]
    order = np.lexsort((column, -value, row))
    start = np.searchsorted(row, np.arange(len(similar)))  # rows with ties at the end have > k
    place = order[start[:, None] + np.arange(k)]
    return np.where(np.isneginf(value[place]), -1, column[place]).astype(np.int32)


def _check(queries: Vectors, documents: Vectors) -> None:
    if lost := int(np.count_nonzero(~np.isfinite(queries).all(axis=1))):
        raise InputError(
            f"expected finite query vectors, received {lost} of {len(queries)} with NaN or "
            "infinity; the encoder or its prompt has diverged"
        )
    if queries.shape[1:] != documents.shape[1:]:
        raise InputError(
            f"expected queries as wide as the documents' {documents.shape[1]}, received "
            f"{queries.shape[1]}; encode both with one encoder"
        )
