"""The convention behind every score: a shifted exponential, and where a count stands against it.

Belongs here: scale, excess, score and status from what is known of a pool, whoever is in it. Not:
that knowledge (pool_measures.py, variants/fit.py), nor what stands beside a score (companions.py).

Method (arXiv 2402.12928, 2408.03934, and the code of its authors): counts are fitted by an
exponential with loc = min and scale = mean − min, the maximum-likelihood fit; the score is its
distribution function at the paper's own count c.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.segments import UNKNOWN

Floats = NDArray[np.float64]
Numbers = NDArray[np.int32] | NDArray[np.int64] | Floats


def scale_of(mass: Numbers, loc: Numbers, total: NDArray[np.int64] | Floats) -> Floats:
    """Mean less least, in citations; one rounding, so that it is exactly 0 for equal counts.

    Args:
        mass: how many counts, or the sum of their weights.
        loc: the least.
        total: (weighted) sum of the counts; whole numbers, as `mass` and `loc` are.
    """
    # In the type of the sum: least times number would overflow 32 bits.
    scale: Floats = (total - loc.astype(total.dtype) * mass) / np.maximum(mass, 1)
    return scale


def excess_of(cited: NDArray[np.int32], loc: Numbers, scale: Floats) -> Floats:
    """(c − loc) / scale, which does not saturate; NaN where counts have no spread."""
    excess: Floats = (cited.astype(np.int64) - loc) / np.where(scale > 0, scale, np.nan)
    return excess


def score_of(excess: Floats) -> Floats:
    """1 − exp(−excess), 0 below loc."""
    score: Floats = -np.expm1(-np.maximum(excess, 0))  # expm1 keeps the digits of scores near 0
    return score


def status_of(
    *,
    undated: NDArray[np.bool_],
    cited: NDArray[np.int32],
    n: NDArray[np.int32],
    scale: Floats,
    n_min: int,
) -> pl.Series:
    """The first reason why a paper cannot be scored, or `ok`.

    Args:
        undated: whether the rule leaves the paper without a window.
        cited: c, UNKNOWN without one.
        n: known counts of the pool.
        scale: of these.
        n_min: fewest of them.
    """
    reasons = {
        "no_date": undated,
        "no_citation_count": cited == UNKNOWN,
        "pool_too_small": n < n_min,
        "constant_pool": scale == 0,
    }
    status = np.select(list(reasons.values()), list(range(len(reasons))), default=len(reasons))
    return pl.Series("status", [*reasons, "ok"]).gather(status)
