"""Quantiles of a·Gamma(m) + Exp(1), fast for many a and m at a time.

Belongs here: that one distribution. Not: what it says of a score (intervals.py).

For a ≤ 0 the upper part is closed: P(a·G + H > y) = exp(−y)·(1 − a)^−m for y ≥ 0. For a > 0 a
shifted gamma of the same mean, variance and third cumulant (Pearson type III) is the sum itself at
a → 0, a = 1 and a → ∞. What it lacks between, at most a third of a standard deviation, is found
once on a grid of a·√m and 1/√m by Newton's method, and interpolated. With f the density of the sum,
its distribution function is P(m, y/a) − f(y), P being the regularised incomplete gamma function.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_KNOTS = 4096  # of the gamma's quantile
_RATIO = np.geomspace(0.01, 100, 161)  # standard deviation of a·Gamma(m) over that of Exp(1)
_ROOT = np.linspace(0.02, 1, 50)  # 1/√m: shapes beyond 2500 are taken for that
_NODES = 96  # of the density's integral
_STEPS = 12  # of Newton's method; the last ones move nothing


def quantile(p: float, a: Floats, shape: Floats, *, alone: NDArray[np.bool_]) -> Floats:
    """Of a·Gamma(shape) + Exp(1), or of a·Gamma(shape) where `alone`.

    Where a < 0, only quantiles above 0 are right, others are 0 or less.

    Args:
        p: probability.
        a: finite.
        shape: 1 or more.
        alone: where the exponential is left out.
    """
    from scipy.ndimage import map_coordinates

    positive = np.maximum(a, 0)
    ratio = np.log(np.clip(positive * np.sqrt(shape), _RATIO[0], _RATIO[-1]) / _RATIO[0])
    place = np.broadcast_arrays(
        ratio / np.log(_RATIO[1] / _RATIO[0]),
        (np.maximum(shape**-0.5, _ROOT[0]) - _ROOT[0]) / (_ROOT[1] - _ROOT[0]),
    )
    lacking = map_coordinates(_lacking(p), place, order=1, mode="nearest")
    mean, deviation, pearson = _pearson(p, positive, shape)
    below = -np.log1p(-p) - shape * np.log1p(np.maximum(-a, 0))
    both = np.where(a > 0, mean + deviation * (pearson + lacking), below)
    gamma = positive * (shape + np.sqrt(shape) * np.interp(shape**-0.5, *_gamma_table(p)))
    return np.where(alone, gamma, both)


def _pearson(p: float, a: Floats, shape: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean and standard deviation of the sum for a ≥ 0, and the matched gamma's quantile."""
    variance = a**2 * shape + 1
    third = a**3 * shape + 1  # half the third cumulant
    z = np.interp(third / variance**1.5, *_gamma_table(p))
    return a * shape + 1, np.sqrt(variance), z


@lru_cache(maxsize=4)
def _gamma_table(p: float) -> tuple[Floats, Floats]:
    """1/√shape in [0, 1], and the standardised quantile of that gamma."""
    from scipy.special import gammaincinv, ndtri

    root = np.linspace(0, 1, _KNOTS)
    shape = root[1:] ** -2.0
    z = (gammaincinv(shape, p) - shape) / np.sqrt(shape)
    return root, np.concatenate([[ndtri(p)], z])


@lru_cache(maxsize=4)
def _lacking(p: float) -> Floats:
    """What the matched gamma's standardised quantile lacks, shape (ratios, roots)."""
    from scipy.special import gammainc

    shape = np.broadcast_to(_ROOT**-2.0, (_RATIO.size, _ROOT.size))
    a = _RATIO[:, None] / np.sqrt(shape)
    mean, deviation, pearson = _pearson(p, a, shape)
    y = np.maximum(mean + deviation * pearson, 1e-9)
    for _ in range(_STEPS):
        density = _density(y, a, shape)
        step = (gammainc(shape, y / a) - density - p) / np.maximum(density, 1e-12)
        y = np.maximum(y - np.clip(step, -deviation / 2, deviation / 2), y / 4)
    return (y - mean) / deviation - pearson


def _density(y: Floats, a: Floats, shape: Floats) -> Floats:
    """Of a·Gamma(shape) + Exp(1): the integral of the gamma's density times the exponential's."""
    from scipy.special import gammaln

    node, weight = np.polynomial.legendre.leggauss(_NODES)
    low = np.maximum(shape - 9 * np.sqrt(shape), 0)
    high = np.minimum(y / a, shape + 9 * np.sqrt(shape) + 20)
    half = np.maximum(high - low, 0)[..., None] / 2
    u = low[..., None] + half * (1 + node)
    m = shape[..., None]
    logarithm = (m - 1) * np.log(np.maximum(u, 1e-300)) - u - gammaln(m)
    total: Floats = (half * weight * np.exp(logarithm - y[..., None] + a[..., None] * u)).sum(-1)
    return total
