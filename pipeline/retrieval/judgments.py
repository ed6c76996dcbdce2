"""Which documents answer which queries, and how well: sparse, by row.

Belongs here: judgments as three arrays, and what a measure asks of them. Not: the measures
(measures.py), rankings (ranking.py), or where judgments come from (benchmarks/, labels).
Pairs without a judgment have gain 0, as in trec_eval; so do pairs judged 0 or below.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError

Rows = NDArray[np.int32]  # document rows; −1 stands for none
Gains = NDArray[np.float64]


@dataclass(frozen=True)
class Judgments:
    """`gain[i]` of document row `document[i]` for query row `query[i]`; each pair at most once.

    Sorted by query, then document; make one with `from_pairs` or `from_padded`.
    """

    query: Rows
    document: Rows
    gain: Gains
    n_queries: int

    @classmethod
    def from_pairs(
        cls,
        query: Sequence[int] | Rows,
        document: Sequence[int] | Rows,
        gain: Sequence[float] | Gains,
        n_queries: int,
    ) -> "Judgments":
        """Judgments from pairs in any order.

        Raises:
            InputError: a pair twice, a row below 0, a query row ≥ `n_queries`, a gain not finite.
        """
        q, d = np.asarray(query, np.int32), np.asarray(document, np.int32)
        g = np.asarray(gain, np.float64)
        if not (q.shape == d.shape == g.shape):
            raise InputError(
                f"expected as many queries, documents and gains, received {q.size}, {d.size} and "
                f"{g.size}"
            )
        if q.size and (min(q.min(), d.min()) < 0 or q.max() >= n_queries):
            raise InputError(
                f"expected query rows 0..{n_queries - 1} and document rows from 0, received "
                f"queries {q.min()}..{q.max()} and documents from {d.min()}"
            )
        if not np.isfinite(g).all():
            raise InputError("expected finite gains, received NaN or infinity; drop those pairs")
        order = np.lexsort((d, q))
        q, d, g = q[order], d[order], g[order]
        if repeated := int(np.count_nonzero((q[1:] == q[:-1]) & (d[1:] == d[:-1]))):
            raise InputError(f"expected each pair judged once, received {repeated} judged again")
        return cls(q, d, g, n_queries)

    @classmethod
    def from_padded(cls, documents: Rows, gains: NDArray[np.floating]) -> "Judgments":
        """Judgments from lists [query, c], padded with document −1."""
        query, column = np.nonzero(documents >= 0)
        return cls.from_pairs(
            query.astype(np.int32),
            documents[query, column],
            gains[query, column].astype(np.float64),
            len(documents),
        )

    def without(self, excluded: Rows) -> "Judgments":
        """The judgments less each query's own document, `excluded` [query] (−1: none)."""
        kept = self.document != excluded[self.query]
        return Judgments(self.query[kept], self.document[kept], self.gain[kept], self.n_queries)

    def gains_of(self, ranking: Rows) -> Gains:
        """Gains [query, rank] of the ranked documents; 0 where unjudged, negative or −1."""
        # Pairs as one sorted key: a look-up is a binary search, and nothing is [query, N].
        width = 1 + max(int(self.document.max(initial=0)), int(ranking.max(initial=0)))
        key = self.query.astype(np.int64) * width + self.document
        asked = np.arange(len(ranking))[:, None] * width + ranking
        if not key.size:
            return np.zeros(ranking.shape)
        place = np.minimum(np.searchsorted(key, asked), key.size - 1)
        found = (key[place] == asked) & (ranking >= 0)
        return np.where(found, np.maximum(self.gain[place], 0), 0.0)

    def ideal_gains(self, k: int) -> Gains:
        """The `k` largest gains of each query, descending, padded with 0: [query, k]."""
        order = np.lexsort((-self.gain, self.query))
        query, gain = self.query[order], np.maximum(self.gain[order], 0)
        first = np.searchsorted(query, np.arange(self.n_queries))
        rank = np.arange(query.size) - first[query]
        ideal, near = np.zeros((self.n_queries, k)), rank < k
        ideal[query[near], rank[near]] = gain[near]
        return ideal

    def n_relevant(self) -> NDArray[np.int64]:
        """Documents of gain > 0 of each query: [query]."""
        return np.bincount(self.query[self.gain > 0], minlength=self.n_queries)
