"""One window of the library, and the pools of a venue-year in it: updated where that is exact.

Belongs here: what changed since pools were made, and which of them must be searched anew. Not: what
a change does to a pool (pipeline/impact/pool_update.py), the stage (topic_pools.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.stages import Job
from assets.windows import CellReader
from pipeline.impact.frontier import QUERY, frontier_rows, picked, pools_of
from pipeline.impact.pool_update import Candidates, Change, Queries, update_pools
from pipeline.impact.pools import PoolBuilder, days_of, hash_by_row, pool_rows
from pipeline.retrieval.neighbours import NO_DAY, Pools, Reach
from pipeline.tables import Cell
from resources.pool_memory import PoolMemory

FRONTIER = "frontier"
"""Facet of a pools state: digest of the frontier that belongs to its table."""

PAPERS_OF = "papers of "  # as the planner names the inputs

REACHED = Reach()
SEARCHED_ANEW = 0.25
"""Share of a window that may change before searching all of it costs less than updating."""


_Named = tuple[str | None, str | None]  # a list of members by its digest: before, and now


@dataclass(frozen=True)
class Remade:
    """Pools of a venue-year with their frontiers; None where those could not be relied on.

    `searched` pools were found anew, `updated` ones have other members than before.
    """

    cell: Cell
    table: pl.DataFrame
    edges: pl.DataFrame | None
    searched: int
    updated: int


@dataclass(frozen=True)
class _Moved:
    """Candidates that went and came, and the days of all of them that have one, ascending."""

    change: Change
    days: NDArray[np.int64]

    @classmethod
    def of(cls, gone: pl.DataFrame, came: pl.DataFrame, vectors: NDArray[np.float32]) -> "_Moved":
        """From QUERY of those that went, of those that came, and vectors beside the latter."""
        day = days_of(came).astype(np.int64)
        both = np.concatenate([days_of(gone).astype(np.int64), day])
        rows = (frame["paper_row"].to_numpy() for frame in (gone, came))
        return cls(Change(*rows, day, vectors), np.sort(both[both != NO_DAY]))

    @classmethod
    def all_of(cls, parts: Sequence["_Moved"]) -> "_Moved":
        """Of several venue-years."""
        changes = [part.change for part in parts]
        vectors = [c.came_vectors for c in changes if c.came.size] or [np.zeros((0, 1), np.float32)]
        change = Change(
            np.concatenate([c.gone for c in changes]),
            np.concatenate([c.came for c in changes]),
            np.concatenate([c.came_day for c in changes]),
            np.concatenate(vectors),
        )
        return cls(change, np.sort(np.concatenate([part.days for part in parts])))

    @property
    def size(self) -> int:
        """Arrivals and departures."""
        return self.change.gone.size + self.change.came.size

    def touches(self, day: NDArray[np.int64], half_window_days: int) -> NDArray[np.bool_]:
        """Whether anything moved within the window of each day; never for NO_DAY."""
        start = np.searchsorted(self.days, day - half_window_days, side="left")
        return start < np.searchsorted(self.days, day + half_window_days, side="right")


@dataclass(frozen=True)
class _Before:
    """What a venue-year's pools were, and what has moved in their windows since."""

    queries: pl.DataFrame
    pools: Pools
    moved: _Moved


class PoolWindow:
    """The papers that pools of some venue-years look at, prepared once for all of these."""

    def __init__(
        self, job: Job, memory: PoolMemory, reader: CellReader, cells: Sequence[Cell]
    ) -> None:
        """Read the papers of `cells`, and remember who of them may be a member."""
        self._job, self._memory, self._reader, self._cells = job, memory, reader, cells
        self._rule = job.workspace.rule
        self._lists: dict[str, tuple[Cell, pl.DataFrame]] = {}
        self._differences: dict[_Named, _Moved | None] = {}
        self._sums: dict[tuple[_Named, ...], _Moved] = {}
        frames = reader.papers(cells)
        self.papers = pl.concat(frames)
        self._start = dict(zip(cells, np.cumsum([0, *(f.height for f in frames)]), strict=False))
        for cell, frame in zip(cells, frames, strict=True):
            # Looked up after the papers were read: if both agree with what the planner named, the
            # list is the one it meant, whatever other processes do meanwhile.
            state = job.workspace.lake.state("papers", cell)
            if state is not None:
                candidates = frame.filter("in_pools").select(QUERY)
                memory.remember_members(state.facets["members"], candidates)
                self._lists[state.facets["members"]] = (cell, candidates)

    def remade(self, cell: Cell) -> Remade:
        """The pools of a venue-year as a search from nothing would find them."""
        [papers], before = self._reader.papers([cell]), self._before(cell)
        # Where each pool comes from: a place in `parts`, −1 while it is not known.
        source, parts, updated = np.full(papers.height, -1), [], 0
        if before is not None:
            parts, updated = self._updated(cell, papers, before, source)
        anew = np.flatnonzero(source < 0)
        if anew.size or not parts:
            source[anew] = sum(p.k.size for p in parts) + np.arange(anew.size)
            parts.append(self._builder.search(anew + self._start[cell]))
        pools = picked(parts, source)
        table = pool_rows(papers, pools, self._hash, self._job.workspace.config_id)
        edges = frontier_rows(papers, pools.frontier) if self._trusted(cell) else None
        return Remade(cell, table, edges, anew.size, updated)

    def _trusted(self, cell: Cell) -> bool:
        """Whether the papers that were read are those that the planner named."""
        inputs = self._job.inputs[cell].items()
        return all(d in self._lists for name, d in inputs if name.startswith(PAPERS_OF))

    @cached_property
    def _hash(self) -> NDArray[np.uint64]:
        return hash_by_row(self.papers)

    @cached_property
    def _builder(self) -> PoolBuilder:
        vectors = np.concatenate(self._reader.vectors(self._cells))
        return PoolBuilder(
            self.papers,
            vectors,
            rule=self._rule,
            config_id=self._job.workspace.config_id,
            reach=REACHED,
        )

    @cached_property
    def _candidates(self) -> Candidates:
        eligible = self.papers.filter("in_pools")
        day = days_of(eligible).astype(np.int64)
        return Candidates(
            np.sort(day[day != NO_DAY]), eligible.sort("paper_id")["paper_row"].to_numpy()
        )

    def _updated(
        self, cell: Cell, papers: pl.DataFrame, before: _Before, source: NDArray[np.int64]
    ) -> tuple[list[Pools], int]:
        """Pools that need no search, and how many of them have other members than before."""
        place, old = _same_queries(papers, before.queries)
        day = days_of(papers).astype(np.int64)
        near = before.moved.touches(day[place], self._rule.half_window_days)
        source[place[~near]] = old[~near]
        place, old = place[near], old[near]
        if not place.size:
            return [before.pools], 0
        change = before.moved.change
        vectors = self._vectors(cell)[place] if change.came.size else change.came_vectors
        found = update_pools(
            picked([before.pools], old),
            Queries(papers["paper_row"].to_numpy()[place], day[place], vectors),
            change,
            self._candidates,
            rule=self._rule,
            reach=REACHED,
        )
        parts = [found.pools] if near.all() else [before.pools, found.pools]
        start = 0 if near.all() else before.pools.k.size
        source[place[found.exact]] = start + np.flatnonzero(found.exact)
        return parts, int((found.moved & found.exact).sum())

    def _vectors(self, cell: Cell) -> NDArray[np.float32]:
        """Of one venue-year; those of all that are made are read with it, for the same reason."""
        made = [c for c in self._cells if c in self._job.inputs]
        self._reader.vectors(made)
        return self._reader.vectors([cell])[0]

    def _before(self, cell: Cell) -> _Before | None:
        """What can be updated; None where pools must be made from nothing."""
        lake, wanted = self._job.workspace.lake, self._job.inputs[cell]
        state = lake.state("topic_pools", cell)
        if state is None or not _updatable(state.inputs, wanted):
            return None
        edges = self._memory.frontier(cell, state.facets.get(FRONTIER, ""))
        moved = None if edges is None else self._moved(state.inputs, wanted)
        if edges is None or moved is None:
            return None
        if moved.size > SEARCHED_ANEW * self._candidates.day.size:
            return None
        table = lake.read("topic_pools", cell)
        if not (table["paper_row"].equals(edges["paper_row"])):
            return None
        return _Before(edges, pools_of(table, edges), moved)

    def _moved(self, was: Mapping[str, str], wanted: Mapping[str, str]) -> _Moved | None:
        """What moved in any of the windows; None if that cannot be told any more."""
        names = sorted(n for n in was.keys() | wanted.keys() if n.startswith(PAPERS_OF))
        # A venue-year that is named only now, or no more, had, or has, nobody in any of these
        # windows: there its list is as good as empty.
        named = tuple((was.get(n), wanted.get(n)) for n in names if was.get(n) != wanted.get(n))
        for pair in named:
            if pair not in self._differences:
                self._differences[pair] = self._difference(*pair)
        parts = [moved for pair in named if (moved := self._differences[pair]) is not None]
        if len(parts) < len(named):
            return None
        if named not in self._sums:
            self._sums[named] = _Moved.all_of([self._nothing, *parts])
        return self._sums[named]

    @cached_property
    def _nothing(self) -> _Moved:
        none = self.papers.select(QUERY).clear()
        return _Moved.of(none, none, np.zeros((0, 1), np.float32))

    def _difference(self, old: str | None, new: str | None) -> _Moved | None:
        none = self.papers.select(QUERY).clear()
        before = none if old is None else self._memory.members(old)
        cell, now = (None, none) if new is None else self._lists.get(new, (None, None))
        if before is None or now is None:
            return None
        gone = before.join(now, on=QUERY, how="anti", nulls_equal=True)
        came = now.join(before, on=QUERY, how="anti", nulls_equal=True)
        vectors = np.zeros((0, 1), np.float32)
        if cell is not None and came.height:
            rows = self._reader.papers([cell])[0]["paper_row"].to_numpy()
            order = np.argsort(rows)
            at = order[np.searchsorted(rows, came["paper_row"].to_numpy(), sorter=order)]
            vectors = self._vectors(cell)[at]
        return _Moved.of(gone, came, vectors)


def _updatable(was: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether only papers moved; equal inputs mean that somebody wants all made from nothing."""
    rules = ("code", "rule")
    return was != wanted and all(was.get(name) == wanted[name] for name in rules)


def _same_queries(
    papers: pl.DataFrame, edges: pl.DataFrame
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of papers whose pools are remembered, and the places of these pools."""
    now, before = papers.select(QUERY), edges.select(QUERY)
    if now.equals(before):
        return np.arange(now.height), np.arange(now.height)
    both = now.with_row_index("place").join(
        before.with_row_index("old"), on=QUERY, nulls_equal=True, maintain_order="left"
    )
    return both["place"].to_numpy().astype(np.int64), both["old"].to_numpy().astype(np.int64)
