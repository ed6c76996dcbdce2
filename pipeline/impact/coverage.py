"""How often the intervals of a score hold, by simulation.

Belongs here: pools drawn from a known distribution, and the share of them whose interval holds the
score that an infinite pool of that distribution would give. Not: the intervals (intervals.py).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.exponential import score_of
from pipeline.impact.intervals import exponential_bounds, robust_bounds

Distribution = Literal["exponential", "lognormal"]
_AT_ONCE = 1 << 20  # drawn counts held at a time


def interval_coverage(
    distribution: Distribution,
    *,
    n_pool: int,
    at: Sequence[float],
    repetitions: int,
    rng: np.random.Generator,
    rounded: bool = False,
    sigma: float = 1.3,
    mean: float = 20.0,
) -> pl.DataFrame:
    """`distribution, n_pool, at, method, coverage, repetitions`: a row per place and method.

    The truth is 1 − exp(−(c − loc)/scale) with loc and scale of an infinite pool, whatever its
    distribution: lowest possible count 0, scale = `mean`. Pools without spread have no interval
    and are left out; `repetitions` says how many were counted.

    Args:
        distribution: of the counts.
        n_pool: counts per pool.
        at: quantiles of `distribution` at which the paper's count c lies, in (0, 1).
        repetitions: pools drawn.
        rng: of the draws.
        rounded: round counts, of the pool and of the paper, to whole numbers.
        sigma: standard deviation of ln count under `lognormal`.
        mean: of the counts.
    """
    c = _quantiles(distribution, np.asarray(at, np.float64), sigma, mean)
    c = np.round(c) if rounded else c
    truth = -np.expm1(-c / mean)
    held = {method: np.zeros(c.size, np.int64) for method in ("exponential", "robust")}
    counted = 0
    for start in range(0, repetitions, step := max(1, _AT_ONCE // n_pool)):
        size = (min(step, repetitions - start), n_pool)
        pools = _draw(distribution, size, rng, sigma, mean)
        pools = np.round(pools) if rounded else pools
        pools = pools[np.ptp(pools, axis=1) > 0]
        counted += len(pools)
        for method, (low, high) in _intervals(pools, c).items():
            held[method] += ((low <= truth) & (truth <= high)).sum(axis=0)
    return pl.concat(
        pl.DataFrame({
            "distribution": distribution, "n_pool": n_pool, "at": [float(q) for q in at],
            "method": method, "coverage": hits / max(counted, 1), "repetitions": counted,
        })
        for method, hits in held.items()
    )  # fmt: skip


def _intervals(
    pools: NDArray[np.float64], c: NDArray[np.float64]
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Method -> bounds, shape (pools, counts)."""
    n = np.full((len(pools), 1), pools.shape[1], np.int32)
    loc = pools.min(axis=1, keepdims=True)
    scale = pools.mean(axis=1, keepdims=True) - loc
    a = (c - loc) / scale
    spread = pools.std(axis=1, ddof=1, keepdims=True) / scale
    certain = loc == 0
    bounds = {
        "exponential": exponential_bounds(a, n, certain=certain),
        "robust": robust_bounds(a, n, spread, certain=certain),
    }
    return {method: (score_of(low), score_of(high)) for method, (low, high) in bounds.items()}


def _draw(
    distribution: Distribution,
    size: tuple[int, int],
    rng: np.random.Generator,
    sigma: float,
    mean: float,
) -> NDArray[np.float64]:
    if distribution == "exponential":
        return rng.exponential(mean, size)
    return rng.lognormal(np.log(mean) - sigma**2 / 2, sigma, size)


def _quantiles(
    distribution: Distribution, p: NDArray[np.float64], sigma: float, mean: float
) -> NDArray[np.float64]:
    from scipy.special import ndtri

    if distribution == "exponential":
        return -mean * np.log1p(-p)
    quantile: NDArray[np.float64] = np.exp(np.log(mean) - sigma**2 / 2 + sigma * ndtri(p))
    return quantile
