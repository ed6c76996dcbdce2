"""Excess, percentile and scale of papers against pools under any rule.

Belongs here: what the studies need of a pool, from its members and counts of one source. Not: the
`tncsi_sp` table (tncsi.py), which says more of each pool; a test holds the two together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.impact.segments import UNKNOWN, count_statistics
from pipeline.retrieval.neighbours import Pools

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PoolFit:
    """Per pool (q): known counts, the smallest, mean − smallest; NaN where no score is given."""

    n: NDArray[np.int32]
    loc: Floats
    scale: Floats

    def excess(self, cited: Floats) -> Floats:
        """(c − loc) / scale of papers cited so often, 0 below loc: orders papers as scores do."""
        ratio: Floats = np.maximum((cited - self.loc) / self.scale, 0)
        return ratio


def fit_pools(pools: Pools, counts: NDArray[np.int32], *, n_min: int) -> PoolFit:
    """The exponential fit of each pool; `counts` by the pools' member ids, UNKNOWN among them."""
    n, total, least = count_statistics(pools.members, pools.offsets, counts)
    scale = (total - n * least.astype(np.int64)) / np.maximum(n, 1)
    fitted = (n >= n_min) & (scale > 0)
    return PoolFit(n, np.where(fitted, least, np.nan), np.where(fitted, scale, np.nan))


def percentiles(
    pools: Pools, counts: NDArray[np.int32], cited: NDArray[np.int32], *, n_min: int
) -> Floats:
    """Mid-rank of each paper's count among its pool's known counts, over their number (q)."""
    others = counts[pools.members]
    own = np.repeat(cited, np.diff(pools.offsets))
    known = others != UNKNOWN
    rank = np.where(known, (others < own) + 0.5 * (others == own), 0.0)
    return _mean(rank, known, pools.offsets, n_min)


def mean_logs(pools: Pools, counts: NDArray[np.int32], *, n_min: int) -> Floats:
    """Mean of ln(1 + count) over each pool's known counts (q)."""
    others = counts[pools.members]
    known = others != UNKNOWN
    return _mean(np.log1p(np.maximum(others, 0)), known, pools.offsets, n_min)


def _mean(
    values: Floats, known: NDArray[np.bool_], offsets: NDArray[np.int64], n_min: int
) -> Floats:
    """Mean of the known values of each list (0 where unknown); NaN of fewer than `n_min`."""
    n, total = (
        np.diff(np.concatenate([[0], np.cumsum(sums)])[offsets]) for sums in (known, values)
    )
    return np.where(n >= n_min, total / np.maximum(n, 1), np.nan)
