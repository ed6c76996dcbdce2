"""The pools of any rule, from the exact search of neighbours.

Belongs here: what a rule's window and members are to that search. Not: counts.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.pools import days_of
from pipeline.impact.variants.rules import Variant
from pipeline.retrieval.neighbours import WindowNeighbours
from pipeline.retrieval.windows import NO_DAY, Pools, Reach

_AT_ONCE = 1 << 22  # members of pools: 200 MB
_EVER = np.iinfo(np.int64)
_BEFORE_ALL = NO_DAY + 1  # day of a paper without one, where it may be a member all the same


class _AllMembers(Reach):
    """Reports every member with its product, the nearest first."""

    def ranks(
        self, k: NDArray[np.int64], n_window: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.zeros_like(k), k


class Search:
    """The pools of the papers asked for, some thousand at a time, in the order of their days."""

    def __init__(
        self,
        variant: Variant,
        papers: pl.DataFrame,
        vectors: NDArray[np.float32],
        queries: NDArray[np.float32] | None,
        places: NDArray[np.int64],
    ) -> None:
        day, windows = _windows(variant, papers)
        candidate = papers["in_pools"].to_numpy()
        if variant.without_retracted:
            candidate = candidate & ~papers["is_retracted"].to_numpy()
        self._neighbours = WindowNeighbours(
            vectors,
            day=day,
            member_id=papers["paper_row"].to_numpy(),
            tie_rank=papers["paper_id"].rank("ordinal").to_numpy(),
            candidate=candidate,
            rule=variant.window_rule,
            reach=_AllMembers(),
            windows=windows,
            itself=variant.itself,
        )
        self._queries, self._places = queries, places
        widest = max(1, min(variant.k_max, int(candidate.sum())))
        self._at_once = max(1, _AT_ONCE // widest)
        self._order = np.argsort(windows[0][places], kind="stable")
        # All times first, and by themselves: no window of one search may hold another.
        self._n_unbounded = int((windows[0][places] == _EVER.min).sum())

    def pools(self) -> Iterator[tuple[NDArray[np.int64], Pools]]:
        """Which of the places, and their pools."""
        for part in np.split(self._order, [self._n_unbounded]):
            for start in range(0, part.size, self._at_once):
                at = part[start : start + self._at_once]
                look = None if self._queries is None else self._queries[at]
                yield at, self._neighbours.pools(self._places[at], vectors=look)


def _windows(
    variant: Variant, papers: pl.DataFrame
) -> tuple[NDArray[np.int32], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The day of every paper as a member, and first and last day of its window as a paper."""
    if variant.window == "none":
        always = np.zeros(papers.height, np.int64)
        return always.astype(np.int32), (always, always)
    day = days_of(papers)
    first = day.astype(np.int64) - variant.half_window
    last = day.astype(np.int64) + variant.half_window
    if variant.window == "months":
        first, last = _month_edge(first, "month_start"), _month_edge(last, "month_end")
    if variant.undated_against_all:
        undated = day == NO_DAY
        day = np.where(undated, np.int32(_BEFORE_ALL), day)
        first[undated], last[undated] = _EVER.min, _EVER.max
    return day, (first, last)


def _month_edge(days: NDArray[np.int64], edge: str) -> NDArray[np.int64]:
    """First or last day of the months of these days; of days that no calendar has, any."""
    dates = pl.Series(np.clip(days, -700_000, 2_900_000).astype(np.int32)).cast(pl.Date)
    moved: pl.Series = getattr(dates.dt, edge)()
    return moved.to_physical().to_numpy().astype(np.int64)
