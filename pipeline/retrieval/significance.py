"""Whether a mean over queries, or a difference of two, could be luck.

Belongs here: bootstrap intervals, the paired randomisation test and Holm's correction, on numbers
per query. Not: which comparison decides what (training/gate.py).
Methods: bias-corrected and accelerated bootstrap (Efron 1987); randomisation by flipping signs, as
Smucker, Allan and Carterette 2007 recommend for retrieval; Holm 1979.
Queries are the units that vary: the same resamples serve every system, so systems stay paired.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError

_DRAWS = 1 << 22  # numbers drawn at a time; 32 MB
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Interval:
    """A mean and its bootstrap bounds, in the unit of the values."""

    mean: float
    low: float
    high: float


def bootstrap_intervals(
    values: NDArray[np.float64], *, level: float = 0.95, resamples: int = 10_000, seed: int
) -> list[Interval]:
    """The interval of the mean of each row of `values` [system, query], by BCa.

    Pass differences of two systems for a paired interval. Without spread, or from one query, the
    interval is the mean itself.

    Args:
        values: finite; at least one query.
        level: two-sided coverage, 0..1: both tails together have 1 − level.
        resamples: means drawn.
        seed: equal seeds give equal intervals.
    """
    _check_finite(values)
    means = values.mean(axis=1)
    drawn = np.concatenate(list(_resampled_means(values, resamples, seed)), axis=1)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    bounds = [_bca(row, mean, d, tails) for row, mean, d in zip(values, means, drawn, strict=True)]
    return [
        Interval(float(mean), float(low), float(high))
        for mean, (low, high) in zip(means, bounds, strict=True)
    ]


def randomisation_test(
    differences: NDArray[np.float64], *, resamples: int = 10_000, seed: int
) -> float:
    """One-sided p-value that the mean of `differences` [query] is above 0 only by luck.

    If neither system were better, each difference could as well have the other sign. The observed
    signs count as one of the draws, so p is at least 1 / (resamples + 1).
    """
    _check_finite(differences[None])
    rng, n = np.random.default_rng(seed), differences.size
    observed = differences.sum()
    slack = 1e-12 * np.abs(differences).sum()  # sums of one set of numbers differ by rounding
    reached, step = 0, max(1, _DRAWS // n)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        bits = np.frombuffer(rng.bytes(rows * -(-n // 8)), np.uint8).reshape(rows, -1)
        kept = np.unpackbits(bits, axis=1, count=n)
        # Σ ±d = 2 Σ kept·d − Σ d
        reached += int(np.count_nonzero(2 * (kept @ differences) - observed >= observed - slack))
    return (1 + reached) / (1 + resamples)


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values [test], in the order given: below α, the family's error is at most α."""
    m = p_values.size
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * (m - np.arange(m)))
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def _resampled_means(
    values: NDArray[np.float64], resamples: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Blocks [system, resample] of means over queries drawn with replacement."""
    rng, n = np.random.default_rng(seed), values.shape[1]
    step = max(1, _DRAWS // n)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(0, n, size=(rows, n), dtype=np.int32)
        yield np.stack([row[drawn].mean(axis=1) for row in values])


def _bca(
    values: NDArray[np.float64],
    mean: float,
    drawn: NDArray[np.float64],
    tails: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Bounds from the resampled means, their quantiles moved for bias and skewness."""
    centred = values - mean
    spread = float(np.square(centred).sum())
    if spread <= 1e-24 * values.size * max(1.0, mean * mean):
        return np.array([mean, mean])
    # The jackknife of a mean has a closed form: it leaves each value's own deviation.
    acceleration = float((centred**3).sum()) / (6 * spread**1.5)
    below = np.count_nonzero(drawn < mean) + np.count_nonzero(drawn == mean) / 2
    edge = 0.5 / drawn.size
    bias = _NORMAL.inv_cdf(min(max(below / drawn.size, edge), 1 - edge))
    moved = []
    for tail in tails:
        z = bias + _NORMAL.inv_cdf(float(tail))
        moved.append(_NORMAL.cdf(bias + z / (1 - acceleration * z)))
    return np.asarray(np.quantile(drawn, moved))


def _check_finite(values: NDArray[np.float64]) -> None:
    if values.ndim != 2 or not values.shape[1]:
        raise InputError(
            f"expected values of at least one query, received shape {values.shape}; add queries"
        )
    if not np.isfinite(values).all():
        raise InputError(
            f"expected a number per query, received {np.count_nonzero(~np.isfinite(values))} NaN "
            "or infinite; an unanswered query has 0"
        )
