"""The best columns of every row of similarities, exactly, ties and all.

Belongs here: selection on a matrix of similarities. Not: products, windows.

Method. A column is named by one integer, its *key*: less for a larger product, and among equal
products for a lower tie rank, so that "the K best" is a plain selection of integers without ties.
A partition of whole rows costs more than the product that filled them. So every s-th column is
looked at first: its value at a rank a little beyond K / s is, almost surely, a lower bound of the
K-th largest of the row. Only what reaches the bound gets a key. Whether it was a bound is counted,
not believed: rows where it was not get an exact one, so that the result is exact for any order of
columns.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXCLUDED = np.float32(-(2**24))
"""Less than any product of quantised vectors: stands for "no candidate"."""

_SAMPLE = 4096  # columns looked at in wide rows
_STEP = 8  # at least this many columns per one looked at
_NARROW = 1024  # below this many columns the detour costs more than it saves
_RANKS = 1 << 32


def keys_of(
    products: NDArray[np.floating[Any]] | NDArray[np.integer[Any]], tie_rank: NDArray[np.int64]
) -> NDArray[np.int64]:
    """One integer per candidate, same shape: the lower, the nearer.

    `products` are whole numbers from EXCLUDED to 2^24, `tie_rank` from 0 to 2^32 − 1, and unique.
    """
    return tie_rank - products.astype(np.int64) * _RANKS


def products_of(keys: NDArray[np.int64]) -> NDArray[np.int32]:
    """The products in `keys`, same shape."""
    return (-(keys >> 32)).astype(np.int32)


def ranks_of(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """The tie ranks in `keys`, same shape."""
    return keys & (_RANKS - 1)


def best_keys(
    similar: NDArray[np.float32], tie_rank: NDArray[np.int64], first: int, last: int
) -> NDArray[np.int64]:
    """Keys of the `last` best columns of each row of `similar` (row, column), shape (row, last).

    Ascending from place `first` on (from 0); those before are the `first` best in any order.
    """
    n = similar.shape[1]
    if n < _NARROW or 4 * last > n:
        keys = keys_of(similar, tie_rank)
    else:
        keys = _keys_above(similar, tie_rank, _lower_bound(similar, last), last)
    if last < keys.shape[1]:
        keys.partition(last - 1, axis=1)
        keys = keys[:, :last]
    if 0 < first < last:
        keys.partition(first, axis=1)
    keys[:, first:].sort(axis=1)
    return keys


def kth_largest(values: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """The `k`-th largest value of every row (row, column), shape (row,)."""
    cut = values.shape[1] - k
    return np.partition(values, cut, axis=1)[:, cut].copy()


def _lower_bound(similar: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Per row a value that at least `k` columns reach, but for bad luck; few more do."""
    n = similar.shape[1]
    sample = similar[:, :: max(_STEP, n // _SAMPLE)]
    expected = k * sample.shape[1] / n
    # Three standard deviations of the hypergeometric count: one row in a thousand is unlucky.
    rank = math.ceil(expected + 3 * math.sqrt(expected)) + 1
    return kth_largest(sample, min(rank, sample.shape[1]))


def _keys_above(
    similar: NDArray[np.float32], tie_rank: NDArray[np.int64], bound: NDArray[np.float32], k: int
) -> NDArray[np.int64]:
    """Keys of what reaches `bound`, at least `k` per row, filled up with the largest integer."""
    above = similar >= bound[:, None]
    count = np.count_nonzero(above, axis=1)
    missed = np.flatnonzero(count < k)
    if missed.size:
        above[missed] = similar[missed] >= kth_largest(similar[missed], k)[:, None]
        count[missed] = np.count_nonzero(above[missed], axis=1)
    width = int(count.max())
    keys = np.full((len(similar), width), np.iinfo(np.int64).max)
    # Two index arrays are faster than the mask itself (EXPERIMENTS.md).
    row = np.repeat(np.arange(len(similar)), count)
    column = np.flatnonzero(above) - row * similar.shape[1]
    keys[np.arange(width) < count[:, None]] = keys_of(similar[row, column], tie_rank[column])
    return keys
