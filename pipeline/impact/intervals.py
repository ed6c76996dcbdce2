"""How surely a score is known: intervals of a paper's true excess x, hence of 1 − exp(−x).

Belongs here: bounds from the ingredients of a fit. Not: the fit (tncsi.py), nor how often the
bounds hold (coverage.py).

The paper's count c is given; what is random is the pool, a sample of n counts from which loc and
scale θ are estimated by min and mean − min. Under an exponential, n·scale/θ ~ Gamma(n − 1) and
(min − loc)/θ ~ Exp(n) are independent, so that with a = (c − min)/scale the true excess
x = (c − loc)/θ equals a·G/n + E. Bounds of x are the quantiles of that sum at the observed a. They
are exact, not approximate: the quantile grows with a, so `x ≤ q(a)` happens as often as
`a·G/n + E ≤ x` does. The same inversion, read the other way round, gives the tolerance limits of
Guenter, Patil and Uppuluri (1976) and the generalized confidence limits of Roy and Mathew (2005).

Counts are whole numbers from 0. A pool whose least count is 0 has its loc for certain: then
n·scale/θ ~ Gamma(n), and E is 0. The lower bound is never above the observed excess, as
at c ≤ min the quantile of E alone would be.

The robust interval puts in place of n the shape that the pool's own variance shows: n/v², where
v = sd/scale, the relative variance of a mean whatever the distribution (the sandwich of White
1982). In skewed pools a small mean comes with a small sd, so that this alone falls short: 86% for
a lognormal of n = 30. The variance is therefore taken 1 + γ/√n times as large, with the skewness
γ = v + v², which is 2 as the exponential's and lies between the gamma's 2v and the lognormal's
3v + v³. Of ten such corrections tried by simulation it came nearest to 95% on both
(docs/impact.md).
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.impact.gamma_sum import quantile

Floats = NDArray[np.float64]
LEVEL = 0.95


def exponential_bounds(
    a: Floats, n: NDArray[np.int32], *, certain: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Bounds of the excess ratio at `LEVEL`, were the pool a sample of an exponential.

    Args:
        a: observed excess (c − min)/(mean − min), finite, may be negative.
        n: counts in the pool, 2 or more.
        certain: whether loc is known for certain, as where the least count is 0.
    """
    return _bounds(a, np.where(certain, n, n - 1.0), n.astype(np.float64), n, certain)


def robust_bounds(
    a: Floats, n: NDArray[np.int32], spread: Floats, *, certain: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """The same from `spread`, the standard deviation of the pool's counts over their scale."""
    v = np.maximum(spread, 1e-9)
    shape = np.maximum(n / (v**2 * (1 + (v + v**2) / np.sqrt(n))), 1)
    return _bounds(a, shape, shape, n, certain)


def _bounds(
    a: Floats, shape: Floats, unit: Floats, n: NDArray[np.int32], certain: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Of a·Gamma(shape)/unit + Exp(n), without the second where loc is certain."""
    tail = (1 - LEVEL) / 2
    low, high = (quantile(p, a * n / unit, shape, alone=certain) / n for p in (tail, 1 - tail))
    return np.minimum(low, a), high
