"""Many lists of row numbers that lie one after the other: sums and minima over each.

Belongs here: the streaming gather under digests and scores, the lists as matrices, and the way in
and out of list columns. Not: what the numbers mean. All results are exact integers; an empty list
sums to 0.
"""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

_CHUNK = 1 << 17  # list entries gathered at a time: stays in the second-level cache
UNKNOWN = -1
"""Stands for an unknown count in dense arrays; tables hold null or no row instead."""

_Gathered = TypeVar("_Gathered", np.int32, np.int64, np.uint64)


def as_lists(name: str, values: NDArray[np.int32], offsets: NDArray[np.int64]) -> pl.Series:
    """A list column over `values`, list i being `offsets[i]:offsets[i + 1]`; nothing is copied."""
    return pl.Series(name, pl.from_arrow(pa.LargeListArray.from_arrays(offsets, pa.array(values))))


def flatten(lists: pl.Series) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Values and offsets of a list column: the inverse of `as_lists`."""
    array = lists.rechunk().to_arrow()
    # DLPack, since pyarrow's own `to_numpy` imports pandas, which takes longer than the work.
    values = np.from_dlpack(array.values).view(np.int32)
    offsets = np.from_dlpack(array.offsets).view(np.int64)
    # A filtered column may be a view of a longer one: its values would come along.
    return values[offsets[0] : offsets[-1]], offsets - offsets[0]


def segment_sums(
    rows: NDArray[np.int32], offsets: NDArray[np.int64], values: NDArray[_Gathered]
) -> NDArray[_Gathered]:
    """Sum of `values[rows]` for each list, modulo 2^64, shape (len(offsets) − 1,)."""
    sums = np.zeros(len(offsets) - 1, values.dtype)
    for lists, gathered, starts in _chunks(rows, offsets, values):
        sums[lists] = np.add.reduceat(gathered, starts)
    return sums


def matrices(
    rows: NDArray[np.int32], offsets: NDArray[np.int64], lists: NDArray[np.int64], *, pad: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32]]]:
    """The lists numbered `lists`, some at a time: their numbers, and a matrix with a row for each.

    Lists of about one length stand together, filled up with `pad`; empty lists are left out.
    """
    length = np.diff(offsets)
    longest_first = lists[np.argsort(-length[lists], kind="stable")]
    left = longest_first[length[longest_first] > 0]
    while left.size:
        width = int(length[left[0]])
        some, left = np.split(left, [max(1, _CHUNK // width)])
        yield some, _matrix(rows, offsets[some], length[some], width, pad)


def _matrix(
    rows: NDArray[np.int32],
    start: NDArray[np.int64],
    length: NDArray[np.int64],
    width: int,
    pad: int,
) -> NDArray[np.int32]:
    if length[-1] == width and (np.diff(start) == width).all():
        # One after the other, as in most venue-years: nothing is copied.
        return rows[start[0] : start[-1] + width].reshape(start.size, width)
    column = np.arange(width)
    place = np.minimum(start[:, None] + column, rows.size - 1)
    return np.where(column < length[:, None], rows[place], np.int32(pad))


def _chunks(
    rows: NDArray[np.int32], offsets: NDArray[np.int64], values: NDArray[_Gathered]
) -> Iterator[tuple[NDArray[np.int64], NDArray[_Gathered], NDArray[np.int64]]]:
    """Consecutive non-empty lists: their numbers, their values, and where each list starts."""
    filled = np.flatnonzero(offsets[1:] > offsets[:-1])
    begin, end = offsets[:-1][filled], offsets[1:][filled]
    first = 0
    while first < filled.size:
        fitting = int(np.searchsorted(end, begin[first] + _CHUNK, side="right"))
        last = max(first + 1, fitting)
        gathered = values[rows[begin[first] : end[last - 1]]]
        yield filled[first:last], gathered, begin[first:last] - begin[first]
        first = last
