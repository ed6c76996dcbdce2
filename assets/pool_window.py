"""One window of the library, and the pools of a venue-year in it: updated where that is exact.

Belongs here: what changed since pools were made, and which of them must be searched anew. Not: what
a change does to a pool (pipeline/impact/pool_update.py), the stage (topic_pools.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.stages import Job
from assets.windows import CellReader
from pipeline.impact.frontier import QUERY, frontier_rows, pools_of
from pipeline.impact.pool_update import Candidates, Change, Queries, update_pools
from pipeline.impact.pools import PoolBuilder, days_of, hash_by_row, pool_rows
from pipeline.retrieval.neighbours import NO_DAY, Pools
from pipeline.staleness import State
from pipeline.tables import Cell
from resources.pool_memory import PoolMemory

FRONTIER = "frontier"
"""Facet of a pools state: digest of the frontier that belongs to its table."""

PAPERS_OF = "papers of "  # as the planner names the inputs

SEARCHED_ANEW = 0.25
"""Share of a window that may change before searching all of it costs less than updating."""


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
    """Candidates of one venue-year that went and came; `came_vectors` beside `came`."""

    gone: pl.DataFrame
    came: pl.DataFrame
    came_vectors: NDArray[np.float32]


@dataclass(frozen=True)
class _Before:
    """What a venue-year's pools were, and what has moved in their windows since."""

    table: pl.DataFrame
    edges: pl.DataFrame
    moved: Sequence[_Moved]


@dataclass(frozen=True)
class _Part:
    """Some rows of the new tables, and their places among the papers of the venue-year."""

    places: NDArray[np.int64]
    table: pl.DataFrame
    edges: pl.DataFrame


class PoolWindow:
    """The papers that pools of some venue-years look at, prepared once for all of these."""

    def __init__(
        self, job: Job, memory: PoolMemory, reader: CellReader, cells: Sequence[Cell]
    ) -> None:
        """Read the papers of `cells`, and remember who of them may be a member."""
        self._job, self._memory, self._reader, self._cells = job, memory, reader, cells
        self._rule = job.workspace.rule
        self._states: dict[Cell, State | None] = {}
        self._lists: dict[str, tuple[Cell, pl.DataFrame]] = {}
        self._diffs: dict[tuple[str | None, str | None, str], _Moved | None] = {}
        frames = [reader.papers(cell) for cell in cells]
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
        papers, inputs = self._reader.papers(cell), self._job.inputs[cell]
        before = self._before(cell)
        parts, updated = ([], 0) if before is None else self._updated(cell, papers, before)
        known = np.concatenate([np.empty(0, np.int64), *(part.places for part in parts)])
        anew = np.setdiff1d(np.arange(papers.height), known)
        if anew.size or not parts:
            parts.append(self._searched(cell, papers, anew))
        order = np.concatenate([part.places for part in parts])
        table, edges = pl.concat([p.table for p in parts]), pl.concat([p.edges for p in parts])
        if (np.diff(order) < 0).any():
            order = np.argsort(order)
            table, edges = table[order], edges[order]
        named = {digest for name, digest in inputs.items() if name.startswith(PAPERS_OF)}
        trusted = named <= self._lists.keys()
        return Remade(cell, table, edges if trusted else None, anew.size, updated)

    def _searched(self, cell: Cell, papers: pl.DataFrame, places: NDArray[np.int64]) -> _Part:
        pools = self._builder.search(places + self._start[cell])
        return self._part(papers[places], places, pools)

    def _part(self, papers: pl.DataFrame, places: NDArray[np.int64], pools: Pools) -> _Part:
        table = pool_rows(papers, pools, self._hash, self._job.workspace.config_id)
        return _Part(places, table, frontier_rows(papers, pools.frontier))

    @cached_property
    def _hash(self) -> NDArray[np.uint64]:
        return hash_by_row(self.papers)

    @cached_property
    def _builder(self) -> PoolBuilder:
        vectors = self._reader.all_vectors(self._cells)
        return PoolBuilder(
            self.papers, vectors, rule=self._rule, config_id=self._job.workspace.config_id
        )

    @cached_property
    def _candidates(self) -> Candidates:
        eligible = self.papers.filter("in_pools")
        day = days_of(eligible).astype(np.int64)
        return Candidates(
            np.sort(day[day != NO_DAY]), eligible.sort("paper_id")["paper_row"].to_numpy()
        )

    def _updated(
        self, cell: Cell, papers: pl.DataFrame, before: _Before
    ) -> tuple[list[_Part], int]:
        """Rows that need no search, and how many of them have other members than before."""
        place, old = _same_queries(papers, before.edges)
        day = days_of(papers).astype(np.int64)
        near = _touched(day[place], before.moved, self._rule.half_window_days)
        parts = []
        if not near.all():
            rows = old[~near]
            parts.append(_Part(place[~near], before.table[rows], before.edges[rows]))
        place, old = place[near], old[near]
        if not place.size:
            return parts, 0
        every = len(old) == before.table.height and bool((np.diff(old) == 1).all())
        table, edges = before.table, before.edges
        found = update_pools(
            pools_of(table, edges) if every else pools_of(table[old], edges[old]),
            self._queries(cell, papers, day, place, before.moved),
            _change(before.moved),
            self._candidates,
            rule=self._rule,
        )
        part = self._part(papers[place], place, found.pools)
        if not found.exact.all():
            part = _Part(
                place[found.exact], part.table.filter(found.exact), part.edges.filter(found.exact)
            )
        return [*parts, part], int((found.moved & found.exact).sum())

    def _queries(
        self,
        cell: Cell,
        papers: pl.DataFrame,
        day: NDArray[np.int64],
        place: NDArray[np.int64],
        moved: Sequence[_Moved],
    ) -> Queries:
        needed = any(m.came.height for m in moved)
        vectors = self._reader.vectors(cell)[place] if needed else np.zeros((0, 1), np.float32)
        return Queries(papers["paper_row"].to_numpy()[place], day[place], vectors)

    def _before(self, cell: Cell) -> _Before | None:
        """What can be updated; None where pools must be made from nothing."""
        lake, wanted = self._job.workspace.lake, self._job.inputs[cell]
        state = lake.state("topic_pools", cell)
        if state is None or not _updatable(state.inputs, wanted):
            return None
        edges = self._memory.frontier(cell, state.facets.get(FRONTIER, ""))
        moved = self._moved(state.inputs, wanted)
        if edges is None or moved is None or self._too_many(moved):
            return None
        table = lake.read("topic_pools", cell)
        same = table.select("paper_id", "paper_row").equals(edges.select("paper_id", "paper_row"))
        return _Before(table, edges, moved) if same else None

    def _too_many(self, moved: Sequence[_Moved]) -> bool:
        changes = sum(m.gone.height + m.came.height for m in moved)
        return changes > SEARCHED_ANEW * self._candidates.day.size

    def _moved(self, was: Mapping[str, str], wanted: Mapping[str, str]) -> Sequence[_Moved] | None:
        names = sorted(n for n in was.keys() | wanted.keys() if n.startswith(PAPERS_OF))
        moved = []
        for name in names:
            old, new = was.get(name), wanted.get(name)
            if old != new:
                # A venue-year that is named only now, or no more, had, or has, nobody in any of
                # these windows: there its list is as good as empty.
                key = (old, new, name)
                if key not in self._diffs:
                    self._diffs[key] = self._difference(old, new)
                if (difference := self._diffs[key]) is None:
                    return None
                moved.append(difference)
        return moved

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
            rows = self._reader.papers(cell)["paper_row"].to_numpy()
            order = np.argsort(rows)
            at = order[np.searchsorted(rows, came["paper_row"].to_numpy(), sorter=order)]
            vectors = self._reader.vectors(cell)[at]
        return _Moved(gone, came, vectors)


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


def _days(moved: Sequence[_Moved]) -> Iterator[NDArray[np.int64]]:
    yield np.empty(0, np.int64)
    for one in moved:
        for frame in (one.gone, one.came):
            day = days_of(frame).astype(np.int64)
            yield day[day != NO_DAY]


def _touched(
    day: NDArray[np.int64], moved: Sequence[_Moved], half_window_days: int
) -> NDArray[np.bool_]:
    """Whether anything moved within the window of each day; never for NO_DAY."""
    days = np.sort(np.concatenate(list(_days(moved))))
    start = np.searchsorted(days, day - half_window_days, side="left")
    return start < np.searchsorted(days, day + half_window_days, side="right")


def _change(moved: Sequence[_Moved]) -> Change:
    gone = pl.concat([m.gone for m in moved])
    came = pl.concat([m.came for m in moved])
    vectors = [m.came_vectors for m in moved if len(m.came_vectors)]
    return Change(
        gone["paper_row"].to_numpy(),
        came["paper_row"].to_numpy(),
        days_of(came).astype(np.int64),
        np.concatenate(vectors) if vectors else np.zeros((0, 1), np.float32),
    )
