"""The shifted exponential of many pools at once, weighted and winsorised.

Belongs here: counts of pools as matrices, and their fit. Not: who is in a pool (search.py).

With whole weights w_i of the members i whose counts c_i are known (1 each, or the product of the
quantised vectors, which is the cosine times 2^23, 0 if negative),

    loc = min c_i,  scale = (Σ w_i c_i − loc Σ w_i) / Σ w_i,

the weighted maximum-likelihood fit of a shifted exponential; a mean weighted by a kernel of the
distance is the estimator of Nadaraya and Watson (1964). Members of weight 0 are not counted. For
n known counts and a share p, the ⌊pn⌋ largest are cut to the largest of the others before
(winsorising on one side: Tukey and McLaughlin, 1963). (Σ w)² / Σ w² is the number of equal weights
that would give a mean of the same variance (Kish, 1965). All sums are of integers, so that scores
do not depend on how the work is cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from pipeline.impact.exponential import scale_of
from pipeline.impact.pool_measures import Counts
from pipeline.impact.segments import UNKNOWN
from pipeline.impact.variants.rules import Variant
from pipeline.retrieval.windows import Pools


@dataclass(frozen=True)
class CountedPools:
    """Pools of q papers side by side: counts (q, k), UNKNOWN where there is none, and products."""

    counts: NDArray[np.int32]
    products: NDArray[np.int32]


def side_by_side(
    pools: Pools, counts: Counts, precedence: Sequence[str], chosen: NDArray[np.int64]
) -> CountedPools:
    """Counts and products of each pool from the source `chosen` for it, as matrices."""
    filled = np.arange(int(pools.k.max(initial=0))) < pools.k[:, None]
    rows = np.zeros(filled.shape, np.int32)
    rows[filled] = pools.frontier.rows
    products = np.zeros(filled.shape, np.int32)
    products[filled] = pools.frontier.products
    known = np.full(filled.shape, UNKNOWN, np.int32)
    for position in np.unique(chosen).tolist():
        if precedence[position] in counts:
            here = chosen == position
            known[here] = counts[precedence[position]][rows[here]]
    known[~filled] = UNKNOWN
    return CountedPools(known, products)


@dataclass(frozen=True)
class Fit:
    """Per pool: counts used, their minimum, their (weighted) mean less it, (Σw)² / Σw²."""

    n: NDArray[np.int32]
    loc: NDArray[np.int64]
    scale: NDArray[np.float64]
    n_effective: NDArray[np.float64]


def fit_pools(variant: Variant, pool: CountedPools) -> Fit:
    """The fit of each pool as the rule weighs and cuts its counts."""
    used = pool.counts != UNKNOWN
    weights = np.ones(used.shape, np.int64)
    if variant.weighting == "similarity":
        used &= pool.products > 0
        weights = pool.products.astype(np.int64)
    weights = np.where(used, weights, 0)
    counts = np.where(used, pool.counts, UNKNOWN)
    n = used.sum(axis=1, dtype=np.int64)
    loc = np.where(used, counts, np.iinfo(np.int32).max).min(axis=1, initial=np.iinfo(np.int32).max)
    loc = np.where(n > 0, loc, UNKNOWN).astype(np.int64)
    if variant.winsorised and used.size:
        counts = np.minimum(counts, _cut(counts, n, variant.winsorised)[:, None])
    mass = weights.sum(axis=1)
    # Weights are 0 where a count is not used, whatever stands there.
    total = (weights * counts).sum(axis=1)
    squares = np.maximum((weights * weights).sum(axis=1), 1)
    n_effective = mass.astype(np.float64) ** 2 / squares
    return Fit(n.astype(np.int32), loc, scale_of(mass, loc, total), n_effective)


def _cut(counts: NDArray[np.int32], n: NDArray[np.int64], share: float) -> NDArray[np.int32]:
    """The largest count that is not among the ⌊share · n⌋ largest, shape (q,)."""
    part = Fraction(share).limit_denominator(1_000_000)
    cut_off = n * part.numerator // part.denominator
    ordered = np.sort(counts, axis=1)  # unknown ones, below 0, come first
    cut: NDArray[np.int32] = ordered[np.arange(len(n)), counts.shape[1] - 1 - cut_off]
    return cut
