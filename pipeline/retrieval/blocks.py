"""How a neighbour search is cut into matrix products and selections.

Belongs here: sizes and borders. Not: any result; whatever is decided here, the neighbours are the
same, only memory and time differ.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK_FLOATS = 1 << 26  # 256 MB of products at a time
_CHUNK_FLOATS = 1 << 20  # 4 MB: the partition's copy stays in the cache


@dataclass(frozen=True)
class Plan:
    """Queries in day order: place in the answer, window among the candidates, own place there.

    All of shape (q,); `itself` is −1 for a query that is no candidate.
    """

    order: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    itself: NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Queries `start` to `stop` of a plan against candidates `low` to `high`."""

    start: int
    stop: int
    low: int
    high: int

    @property
    def floats(self) -> int:
        """Numbers in the product."""
        return (self.stop - self.start) * (self.high - self.low)


def cut_blocks(plan: Plan, block: int) -> Iterator[Block]:
    """Consecutive queries whose common product fits the memory and wastes little of it."""
    first = 0
    while first < plan.order.size:
        low, high = int(plan.start[first]), int(plan.stop[first])
        # Queries of other days widen the union; stop before most of the product is unused.
        widest = high + (high - low) // 2 + 4096
        near = np.searchsorted(plan.stop[first : first + block], widest, side="right")
        union = int(plan.stop[first + near - 1]) - low
        last = first + min(int(near), max(1, _BLOCK_FLOATS // union))
        yield Block(first, last, low, int(plan.stop[last - 1]))
        first = last


def cut_runs(plan: Plan, rows: Block) -> Iterator[tuple[int, int]]:
    """Pieces of a block with one window and one pool size, small enough for the cache."""
    part = slice(rows.start, rows.stop)
    key = np.stack([plan.start[part], plan.stop[part], plan.itself[part] >= 0])
    breaks = rows.start + 1 + np.flatnonzero((key[:, 1:] != key[:, :-1]).any(axis=0))
    edges = [rows.start, *breaks.tolist(), rows.stop]
    for begin, end in itertools.pairwise(edges):
        step = max(1, _CHUNK_FLOATS // int(plan.stop[begin] - plan.start[begin]))
        for first in range(begin, end, step):
            yield first, min(first + step, end)
