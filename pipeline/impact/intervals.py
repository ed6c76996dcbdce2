"""How surely a score is known: intervals of 1 − exp(−x) for a paper's true excess x.

Belongs here: bounds from the ingredients of a fit. Not: the fit (tncsi.py), nor how often the
bounds hold (coverage.py).

The paper's count c is given; what is random is the pool, a sample of n counts from which loc and
scale θ are estimated by min and mean − min. Under an exponential, n·scale/θ ~ Gamma(n − 1) and
(min − loc)/θ ~ Exp(n) are independent, so that with a = (c − min)/scale the true excess
x = (c − loc)/θ equals a·G/n + E. Bounds of x are the quantiles of that sum at the observed a. They
are exact, not approximate: the quantile grows with a, so `x ≤ q(a)` happens as often as
`a·G/n + E ≤ x` does. The same inversion, read the other way round, gives the tolerance limits of
Guenter, Patil and Uppuluri (1976) and the generalized confidence limits of Roy and Mathew (2005).
Near loc, where min itself is what is uncertain, only the second term counts.

The quantile for a ≤ 0 is closed: P(a·G + H > y) = exp(−y)·(1 − a)^−m for H ~ Exp(1), y ≥ 0. For
a > 0 the sum is matched by a shifted gamma of the same three cumulants (Pearson type III), which
is the sum itself at a → 0, at a = 1 and at a → ∞, and is off by at most 0.3% of x between.

The robust interval puts in place of n − 1 the shape that the pool's own variance shows,
n·(scale/sd)²: the relative variance of a mean whatever the distribution (sandwich; White 1980).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVEL = 0.95
_KNOTS = 4096


def exponential_bounds(a: Floats, n: NDArray[np.int32]) -> tuple[Floats, Floats]:
    """Bounds of the score at `LEVEL`, were the pool a sample of an exponential.

    Args:
        a: observed excess (c − min)/(mean − min), finite, may be negative.
        n: counts in the pool, 2 or more.
    """
    return _bounds(a, n - 1.0, n)


def robust_bounds(a: Floats, n: NDArray[np.int32], spread: Floats) -> tuple[Floats, Floats]:
    """The same from `spread`, the standard deviation of the pool's counts over their scale."""
    shape = n / np.maximum(spread, 1e-9) ** 2
    return _bounds(a * n / shape, shape, n)


def _bounds(a: Floats, shape: Floats, n: NDArray[np.int32]) -> tuple[Floats, Floats]:
    """Of 1 − exp(−S/n), S = a·Gamma(shape) + Exp(1), clipped at 0."""
    tail = (1 - LEVEL) / 2
    low, high = (
        -np.expm1(-np.maximum(_quantile(p, a, shape), 0) / n) for p in (tail, 1 - tail)
    )
    return low, high


def _quantile(p: float, a: Floats, shape: Floats) -> Floats:
    """Of a·Gamma(shape) + Exp(1); where a < 0, only quantiles above 0 are right."""
    positive = np.maximum(a, 0)
    variance = positive**2 * shape + 1
    third = positive**3 * shape + 1  # half the third cumulant
    # Of the gamma with these cumulants: shape variance³/third², unit third/variance.
    z = np.interp(third / variance**1.5, *_gamma_table(p))
    above = positive * shape + 1 + np.sqrt(variance) * z
    below = -np.log1p(-p) - shape * np.log1p(np.maximum(-a, 0))
    return np.where(a > 0, above, below)


@lru_cache(maxsize=4)
def _gamma_table(p: float) -> tuple[Floats, Floats]:
    """1/√shape in (0, 1], and the standardised quantile of that gamma."""
    from scipy.special import gammaincinv, ndtri

    root = np.linspace(0, 1, _KNOTS)
    shape = root[1:] ** -2.0
    z = (gammaincinv(shape, p) - shape) / np.sqrt(shape)
    return root, np.concatenate([[ndtri(p)], z])
