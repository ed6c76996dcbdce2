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
from pipeline.impact.frontier import QUERY, frontier_rows, picked, pools_of, run_of
from pipeline.impact.pool_update import Candidates, Change, Queries, update_pools
from pipeline.impact.pools import PoolBuilder, days_of, hash_by_row, pool_rows
from pipeline.retrieval.windows import NO_DAY, Pools, Reach
from pipeline.tables import Cell
from resources.pool_memory import PoolMemory

PAPERS_OF = "papers of "  # as the planner names the inputs

REACHED = Reach()
SEARCHED_ANEW = 0.25
"""Share of a window that may change before searching all of it costs less than updating."""

POOL_COLUMNS = ("paper_row", "n_window", "pool_k", "pool_radius", "members")
_AT_ONCE = 10_000  # papers, each with up to a thousand members: 40 MB

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
        left, entered = (frame["paper_row"].to_numpy() for frame in (gone, came))
        return cls(Change(left, entered, day, vectors), np.sort(both[both != NO_DAY]))

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
class Before:
    """What the pools of some venue-years were, and what has moved in their windows since."""

    queries: pl.DataFrame
    pools: Pools
    moved: _Moved


@dataclass(frozen=True)
class Group:
    """Venue-years of one window whose pools are made together; None: from nothing."""

    cells: Sequence[Cell]
    before: Before | None


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

    def remembered(self, cells: Sequence[Cell]) -> Iterator[Group]:
        """All of `cells`, in groups whose pools are made together, with what is known of them."""
        of_cells: list[Cell] = []
        edges: list[pl.DataFrame] = []
        pairs: dict[str, _Named] | None = None
        for cell in cells:
            told, frontier = self._told(cell)
            held = sum(self._height(c) for c in of_cells) + self._height(cell)
            if of_cells and (held > _AT_ONCE or not _agree(pairs, told)):
                yield Group(of_cells, self._before(of_cells, edges, pairs))
                of_cells, edges, pairs = [], [], None
            of_cells.append(cell)
            if told is not None and frontier is not None:
                edges.append(frontier)
                pairs = {**(pairs or {}), **told}
        yield Group(of_cells, self._before(of_cells, edges, pairs))

    def remade(self, group: Group) -> Iterator[Remade]:
        """The pools of each venue-year of a group as a search from nothing would find them."""
        cells, before = group.cells, group.before
        frames = self._reader.papers(cells)
        papers = pl.concat(frames)
        # Where each pool comes from: a place in `parts`, −1 while it is not known.
        source = np.full(papers.height, -1)
        moved = np.zeros(papers.height, np.bool_)
        parts = [] if before is None else self._updated(cells, papers, before, source, moved)
        anew = np.flatnonzero(source < 0)
        if anew.size or not parts:
            start = np.concatenate([self._start[c] + np.arange(self._height(c)) for c in cells])
            source[anew] = sum(p.k.size for p in parts) + np.arange(anew.size)
            parts.append(self._builder.search(start[anew]))
        pools = picked(parts, source)
        begin = 0
        for cell, frame in zip(cells, frames, strict=True):
            mine = slice(begin, begin + frame.height)
            begin = mine.stop
            # From arrays of its own: a slice of a larger table would be stored as other bytes.
            found = run_of(pools, mine.start, mine.stop)
            table = pool_rows(frame, found, self._hash, self._job.workspace.config_id)
            edges = frontier_rows(frame, found.frontier) if self._trusted(cell) else None
            searched = int(((anew >= mine.start) & (anew < mine.stop)).sum())
            yield Remade(cell, table, edges, searched, int(moved[mine].sum()))

    def _height(self, cell: Cell) -> int:
        return self._reader.papers([cell])[0].height

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
        self,
        cells: Sequence[Cell],
        papers: pl.DataFrame,
        before: Before,
        source: NDArray[np.int64],
        moved: NDArray[np.bool_],
    ) -> list[Pools]:
        """Pools that need no search; marks where they are, and which have other members now."""
        place, old = _same_queries(papers, before.queries)
        day = days_of(papers).astype(np.int64)
        near = before.moved.touches(day[place], self._rule.half_window_days)
        source[place[~near]] = old[~near]
        place, old = place[near], old[near]
        if not place.size:
            return [before.pools]
        change = before.moved.change
        vectors = self._vectors(cells)[place] if change.came.size else change.came_vectors
        found = update_pools(
            picked([before.pools], old),
            Queries(papers["paper_row"].to_numpy()[place], day[place], vectors),
            change,
            self._candidates,
            rule=self._rule,
            reach=REACHED,
        )
        start = 0 if near.all() else before.pools.k.size
        source[place[found.exact]] = start + np.flatnonzero(found.exact)
        moved[place] = found.moved & found.exact
        return [found.pools] if near.all() else [before.pools, found.pools]

    def _vectors(self, cells: Sequence[Cell]) -> NDArray[np.float32]:
        """Of these venue-years; those of all that are made are read with it: together is faster."""
        made = [c for c in self._cells if c in self._job.inputs]
        self._reader.vectors(made)
        return np.concatenate(self._reader.vectors(cells))

    def _told(self, cell: Cell) -> tuple[Mapping[str, _Named] | None, pl.DataFrame | None]:
        """Every list of members before and now, and the frontier; None if made from nothing."""
        wanted = self._job.inputs[cell]
        state = self._job.workspace.lake.state("topic_pools", cell)
        if state is None or state.damaged or not _updatable(state.inputs, wanted):
            return None, None
        frontier = self._memory.frontier(cell, state.inputs)
        if frontier is None or frontier.height != state.rows["topic_pools"]:
            return None, None
        names = (n for n in state.inputs.keys() | wanted.keys() if n.startswith(PAPERS_OF))
        return {n: (state.inputs.get(n), wanted.get(n)) for n in names}, frontier

    def _before(
        self,
        cells: Sequence[Cell],
        edges: Sequence[pl.DataFrame],
        pairs: Mapping[str, _Named] | None,
    ) -> Before | None:
        """What can be updated; None where pools must be made from nothing."""
        moved = None if pairs is None else self._moved(pairs)
        if moved is None or moved.size > SEARCHED_ANEW * self._candidates.day.size:
            return None
        table = self._job.workspace.lake.read_cells("topic_pools", cells, POOL_COLUMNS)
        queries = pl.concat(edges)
        if not table["paper_row"].equals(queries["paper_row"]):
            return None
        return Before(queries, pools_of(table, queries), moved)

    def _moved(self, pairs: Mapping[str, _Named]) -> _Moved | None:
        """What moved in any of the windows; None if that cannot be told any more."""
        # A venue-year that is named only now, or no more, had, or has, nobody in any of these
        # windows: there its list is as good as empty.
        named = tuple(pair for _, pair in sorted(pairs.items()) if pair[0] != pair[1])
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
        # Nobody stands twice in one list, so who is repeated stands in both.
        alone = ~pl.concat([before, now]).is_duplicated()
        gone, came = before.filter(alone[: before.height]), now.filter(alone[before.height :])
        vectors = np.zeros((0, 1), np.float32)
        if cell is not None and came.height:
            rows = self._reader.papers([cell])[0]["paper_row"].to_numpy()
            order = np.argsort(rows)
            at = order[np.searchsorted(rows, came["paper_row"].to_numpy(), sorter=order)]
            vectors = self._vectors([cell])[at]
        return _Moved.of(gone, came, vectors)


def _agree(one: Mapping[str, _Named] | None, other: Mapping[str, _Named] | None) -> bool:
    """Whether pools made from these lists can follow one change: of lists both name, the same.

    Of a list that only one of them names, the other's windows hold nobody.
    """
    if one is None or other is None:
        return one is other
    return all(one.get(name, pair) == pair for name, pair in other.items())


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
        # Who moved between venue-years may still stand in both, with the same pool.
        before.with_row_index("old").unique(QUERY, keep="any"),
        on=QUERY,
        nulls_equal=True,
        maintain_order="left",
    )
    return both["place"].to_numpy().astype(np.int64), both["old"].to_numpy().astype(np.int64)
