"""Rank correlation of several scores with one target, under one bootstrap.

Belongs here: Spearman's ρ of weighted papers, overall and within strata. Not: what is compared.

Method. A bootstrap resample is how often each paper was drawn, so that nothing has to be sorted
again: with the papers in order of a score, a resample's mid-ranks are running sums of these
numbers. The same resamples serve every score, which pairs them (Efron and Tibshirani 1993, ch. 16);
tests hold the result against scipy's, resample by resample.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 2_000
LEAST = 5  # papers of a stratum: fewer have no rank correlation worth a weight
_AT_ONCE = 1 << 22  # ranks held at a time; 32 MB


def resample_weights(
    n: int, rng: np.random.Generator, resamples: int = RESAMPLES
) -> NDArray[np.int16]:
    """How often each of `n` papers was drawn, shape (1 + resamples, n); first all of them, once."""
    weights = np.ones((1 + resamples, n), np.int16)
    for row in weights[1:]:
        row[:] = np.bincount(rng.integers(0, n, n), minlength=n)
    return weights


def stratum_weights(
    strata: NDArray[np.int64], rng: np.random.Generator, resamples: int = RESAMPLES
) -> NDArray[np.int16]:
    """The same for whole strata drawn: a few papers of a month, resampled, tie and lose ρ."""
    _, place = np.unique(strata, return_inverse=True)
    return resample_weights(int(place.max(initial=-1)) + 1, rng, resamples)[:, place]


def spearman(
    x: Floats, y: Floats, weights: NDArray[np.int16], strata: NDArray[np.int64] | None = None
) -> Floats:
    """Spearman's ρ of `x` and `y` (n) in each resample, shape (resamples,).

    With `strata` (n): the mean over strata of the ρ inside each, weighted by papers, strata of
    fewer than LEAST left out. NaN where a score has no spread.
    """
    if strata is None:
        return _correlation(x, y, weights)
    total, share = np.zeros(len(weights)), np.zeros(len(weights))
    for stratum in np.unique(strata):
        mine = np.flatnonzero(strata == stratum)
        if mine.size < LEAST:
            continue
        inside = weights[:, mine]
        rho = _correlation(x[mine], y[mine], inside)
        size = np.where(np.isfinite(rho), inside.sum(axis=1), 0)
        total, share = total + np.nan_to_num(rho) * size, share + size
    mean: Floats = np.divide(total, share, out=np.full(len(weights), np.nan), where=share > 0)
    return mean


def spearman_of_all(
    scores: Mapping[str, Floats],
    target: Floats,
    weights: NDArray[np.int16],
    strata: NDArray[np.int64] | None = None,
) -> dict[str, Floats]:
    """`spearman` of each score with the target, by name: differences of two are paired."""
    return {name: spearman(score, target, weights, strata) for name, score in scores.items()}


def _correlation(x: Floats, y: Floats, weights: NDArray[np.int16]) -> Floats:
    """In blocks of resamples, to bound memory."""
    if not x.size:
        return np.full(len(weights), np.nan)
    step = max(1, _AT_ONCE // x.size)
    return np.concatenate(
        [_block(x, y, weights[i : i + step]) for i in range(0, len(weights), step)]
    )


def _block(x: Floats, y: Floats, weights: NDArray[np.int16]) -> Floats:
    n = weights.sum(axis=1, keepdims=True, dtype=np.float64)
    # The mean of mid-ranks is (n + 1) / 2 whatever the ties.
    a, b = (_mid_ranks(values, weights) - (n + 1) / 2 for values in (x, y))
    wa = weights * a
    covariance, spread = (wa * b).sum(axis=1), (wa * a).sum(axis=1) * (weights * b * b).sum(axis=1)
    rho: Floats = np.divide(
        covariance, np.sqrt(spread), out=np.full(len(weights), np.nan), where=spread > 0
    )
    return rho


def _mid_ranks(values: Floats, weights: NDArray[np.int16]) -> Floats:
    """Rank of each paper's value in each resample, ties in the middle, shape of `weights`."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # of each tie
    upto = np.cumsum(weights[:, order], axis=1, dtype=np.float64)[:, last]
    below = np.concatenate([np.zeros((len(weights), 1)), upto[:, :-1]], axis=1)
    tie = np.empty(values.size, np.int64)
    tie[order] = np.searchsorted(last, np.arange(values.size))
    return ((below + upto + 1) / 2)[:, tie]
