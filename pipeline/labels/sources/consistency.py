"""Queries that the frozen encoder can connect with their answers at all.

Belongs here: the test of mined queries before training. Not: labels of pairs (quality.py).
Source: round-trip consistency, Alberti et al. 2019 (arXiv 1906.05416), in the form of Promptagator
(Dai et al. 2022, arXiv 2209.11755): a made-up query is kept if retrieval with it finds the document
it was made from. Words drawn at random, or a span like "our experiments show that", are as true of
a thousand other papers; as labels they push those away.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.labels.sources.mined import MinedQueries

_BLOCK = 512  # queries multiplied at a time


def best_ranks(
    queries: MinedQueries, vectors: NDArray[np.float32], documents: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Rank from 1 of each query's best positive among all documents, shape (query,).

    `vectors` [query, dim] and `documents` [paper, dim] are unit vectors of one encoder. The query's
    own document is passed over unless it is a positive; documents tied with the best rank behind.
    """
    if len(vectors) != len(queries):
        raise InputError(
            f"expected a vector for each of {len(queries)} queries, received {len(vectors)}"
        )
    ranks = np.empty(len(queries), np.int64)
    for start in range(0, len(queries), _BLOCK):
        rows = slice(start, start + _BLOCK)
        papers, positives = queries.papers[rows], queries.positives[rows]
        scores = vectors[rows] @ documents.T
        right = np.take_along_axis(scores, positives.clip(min=0).astype(np.int64), axis=1)
        best = np.where(positives >= 0, right, -np.inf).max(axis=1)
        ahead = scores > best[:, None]
        about = np.flatnonzero(papers >= 0)
        ahead[about, papers[about]] = False  # as a positive it is no better than the best
        ranks[rows] = 1 + np.count_nonzero(ahead, axis=1)
    return ranks


def consistent(
    queries: MinedQueries,
    vectors: NDArray[np.float32],
    documents: NDArray[np.float32],
    *,
    max_rank: int = 100,
) -> MinedQueries:
    """The queries whose best positive ranks among the first `max_rank`."""
    return queries.where(best_ranks(queries, vectors, documents) <= max_rank)
