"""The K-th largest value of every row, exactly.

Belongs here: selection on a matrix of similarities. Not: products, windows, ties.

Method. A partition of whole rows costs more than the product that filled them. So every s-th
column is looked at first: its value at a rank a little beyond K / s is, almost surely, a lower
bound of the K-th largest of the row. Only the values above the bound are partitioned. Whether it
was a bound is counted, not believed: rows where it was not are partitioned whole, so that the
result is exact for any order of columns.
"""

import math

import numpy as np
from numpy.typing import NDArray

_SAMPLE = 4096  # columns looked at in wide rows
_STEP = 8  # at least this many columns per one looked at
_NARROW = 1024  # below this many columns the detour costs more than it saves


def kth_largest(similar: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """The `k`-th largest value (from 1) of each row of `similar` (row, column), shape (row,).

    Values must not be NaN; −inf is a value like any other.
    """
    n = similar.shape[1]
    if n < _NARROW or 4 * k > n:
        return _by_partition(similar, k)
    bound = _lower_bound(similar, k)
    above = similar >= bound[:, None]
    count = np.count_nonzero(above, axis=1)
    kth = _by_partition(_gather(similar, above, count, max(k, int(count.max()))), k)
    missed = np.flatnonzero(count < k)
    if missed.size:
        kth[missed] = _by_partition(similar[missed], k)
    return kth


def _by_partition(values: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    cut = values.shape[1] - k
    return np.partition(values, cut, axis=1)[:, cut].copy()


def _lower_bound(similar: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Per row a value that at least `k` columns reach, but for bad luck; few more do."""
    n = similar.shape[1]
    sample = similar[:, :: max(_STEP, n // _SAMPLE)]
    expected = k * sample.shape[1] / n
    # Three standard deviations of the hypergeometric count: one row in a thousand is unlucky.
    rank = math.ceil(expected + 3 * math.sqrt(expected)) + 1
    return _by_partition(sample, min(rank, sample.shape[1]))


def _gather(
    similar: NDArray[np.float32], above: NDArray[np.bool_], count: NDArray[np.int64], width: int
) -> NDArray[np.float32]:
    """Values where `above` holds, row by row, filled up with −inf to (row, `width`)."""
    gathered = np.full((len(similar), width), -np.inf, np.float32)
    # Two index arrays are faster than the mask itself (EXPERIMENTS.md).
    row = np.repeat(np.arange(len(similar)), count)
    column = np.flatnonzero(above) - row * similar.shape[1]
    gathered[np.arange(width) < count[:, None]] = similar[row, column]
    return gathered
