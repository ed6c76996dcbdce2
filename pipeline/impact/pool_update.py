"""Pools after papers came, went or moved, from the pools before: exactly those a rebuild gives.

Belongs here: what arrivals and departures do to members and frontiers. Not: which papers changed,
storage (assets/topic_pools.py), the search from nothing (pipeline/retrieval/neighbours.py).

Method. Of every pool the candidates around its edge are remembered in rank order, its *frontier*
(pipeline/impact/frontier.py). Whatever is nearer than the first of them is a member; what is
farther than the last of them is unknown. An arrival nearer than the first is a member, one between
is put in its place, one behind the last is dropped, unless the frontier reaches the end of the
window. A departure leaves the members, the frontier, or nothing. The size K of the pool follows
from the number of papers in the window, which is counted anew, and the edge moves to rank K. As
long as that lies inside the frontier, members, radius and frontier are what a search would find;
where it does not, the pool is *exhausted* and the caller searches it anew. All arithmetic is on
whole numbers, so no sequence of updates ever drifts.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.retrieval.quantise import quantise
from pipeline.retrieval.selection import EXCLUDED, keys_of, products_of, ranks_of
from pipeline.retrieval.windows import NO_DAY, REACH, Frontier, Pools, Reach, WindowRule, offsets_of

_BLOCK = 1 << 22  # products of queries and arrivals at a time
_NEAREST, _FARTHEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True)
class Candidates:
    """Everyone who may be a member now, of all windows concerned.

    `day`: ascending, of those that have one. `row_of_rank`: rows in the order of their paper ids,
    so that ties fall as in a search from nothing.
    """

    day: NDArray[np.int64]
    row_of_rank: NDArray[np.int32]


@dataclass(frozen=True)
class Change:
    """Candidates that went, and those that came with day and unit vector; a moved one is both."""

    gone: NDArray[np.int32]
    came: NDArray[np.int32]
    came_day: NDArray[np.int64]
    came_vectors: NDArray[np.float32]


@dataclass(frozen=True)
class Queries:
    """The papers whose pools are updated: row, day or NO_DAY, and unit vector, in one order."""

    rows: NDArray[np.int32]
    day: NDArray[np.int64]
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class Updated:
    """Pools after a change; `exact` (q) fails where they must be searched anew.

    `moved` (q): whether the members are others than before.
    """

    pools: Pools
    exact: NDArray[np.bool_]
    moved: NDArray[np.bool_]


@dataclass(frozen=True)
class _Stretch:
    """Frontiers under way: flat keys, whether each was a member, and the lengths."""

    n_above: NDArray[np.int64]
    key: NDArray[np.int64]
    was_member: NDArray[np.bool_]
    offsets: NDArray[np.int64]

    @property
    def length(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    @property
    def query(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(self.length.size), self.length)

    @property
    def rank(self) -> NDArray[np.int64]:
        """Rank in the pool's window of every entry, from 0."""
        start = self.n_above - self.offsets[:-1]
        return np.arange(self.key.size) + np.repeat(start, self.length)

    def ends(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and last key of each; where there is none, so that everything is outside."""
        first = np.full(self.length.size, _FARTHEST)
        last = np.full(self.length.size, _NEAREST)
        some = self.length > 0
        first[some] = self.key[self.offsets[:-1][some]]
        last[some] = self.key[self.offsets[1:][some] - 1]
        return first, last

    def kept(self, keep: NDArray[np.bool_]) -> "_Stretch":
        """Only the entries where `keep` holds."""
        if keep.all():
            return self
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(keep)])
        return _Stretch(self.n_above, self.key[keep], self.was_member[keep], before[self.offsets])


def update_pools(
    pools: Pools,
    queries: Queries,
    change: Change,
    candidates: Candidates,
    *,
    rule: WindowRule,
    reach: Reach = REACH,
) -> Updated:
    """The pools of `queries` after `change`; those not `exact` hold nothing of use.

    Args:
        pools: before the change, of the same queries, with their frontiers.
        queries: whose row, day and text are what they were.
        change: of all candidates in the windows of these queries, at least.
        candidates: after the change.
        rule: that `pools` were made by.
        reach: how much of the surroundings of each edge is remembered from now on.
    """
    rank = _rank_of_row(queries, candidates, pools, change)
    n_window = _window_sizes(queries, candidates, rank, rule.half_window_days)
    k = rule.pool_size(n_window)
    gone = np.zeros(rank.size, np.bool_)
    gone[change.gone] = True
    stretch, whole, exact = _departed(pools, gone, rank)
    arrived = _arrivals(stretch, whole, queries, change, rank, rule.half_window_days)
    stretch, entered, sound = _arrived(stretch, whole, arrived)
    reached = stretch.n_above + stretch.length
    exact &= sound & np.where(whole, reached == n_window, reached <= n_window)
    exact &= np.where(k > 0, (stretch.n_above < k) & (k <= reached), reached == 0)
    members, offsets, moved = _members(pools, stretch, entered, gone, exact, k, candidates)
    exact &= np.diff(offsets) == k
    frontier, threshold = _trimmed(stretch, k, n_window, exact, reach, candidates)
    sizes = (n_window.astype(np.int32), k.astype(np.int32), threshold)
    return Updated(Pools(*sizes, members, offsets, frontier), exact, moved)


def _window_sizes(
    queries: Queries, candidates: Candidates, rank: NDArray[np.int64], half_window_days: int
) -> NDArray[np.int64]:
    """Candidates within the window of each query, itself not counted, shape (q,)."""
    start = np.searchsorted(candidates.day, queries.day - half_window_days, side="left")
    stop = np.searchsorted(candidates.day, queries.day + half_window_days, side="right")
    return np.where(queries.day == NO_DAY, 0, stop - start - (rank[queries.rows] >= 0))


def _rank_of_row(
    queries: Queries, candidates: Candidates, pools: Pools, change: Change
) -> NDArray[np.int64]:
    """Tie rank by row number; −1 for rows of no candidate."""
    edge = pools.frontier.rows
    named = (candidates.row_of_rank, queries.rows, pools.members, edge, change.gone)
    rank = np.full(max((int(r.max()) for r in named if r.size), default=-1) + 1, -1, np.int64)
    rank[candidates.row_of_rank] = np.arange(candidates.row_of_rank.size)
    return rank


def _departed(
    pools: Pools, gone: NDArray[np.bool_], rank: NDArray[np.int64]
) -> tuple[_Stretch, NDArray[np.bool_], NDArray[np.bool_]]:
    """Frontiers without who went, whether each reaches its window's end, and what is known."""
    edge = pools.frontier
    n_above, length = edge.n_above.astype(np.int64), np.diff(edge.offsets)
    members_of = np.repeat(edge.offsets[:-1] + pools.k - n_above, length)
    was_member = np.arange(edge.rows.size) < members_of
    ranks = rank[edge.rows]
    stretch = _Stretch(n_above, keys_of(edge.products, ranks), was_member, edge.offsets)
    whole = n_above + length == pools.n_window
    left = gone[edge.rows]
    exact = _sums((ranks < 0) & ~left, edge.offsets) == 0
    if gone.any():
        of_members = _sums(gone[pools.members], pools.offsets)
        n_above = n_above - of_members + _sums(left & stretch.was_member, stretch.offsets)
        stretch = replace(stretch, n_above=n_above).kept(~left)
    return stretch, whole, exact


def _sums(flags: NDArray[np.bool_], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many flags are set in each list."""
    return np.diff(np.searchsorted(np.flatnonzero(flags), offsets))


def _arrivals(
    stretch: _Stretch,
    whole: NDArray[np.bool_],
    queries: Queries,
    change: Change,
    rank: NDArray[np.int64],
    half_window_days: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Query and key of every arrival not behind its frontier, by query and key."""
    last = np.where(whole, _FARTHEST, stretch.ends()[1])
    # Queries with an empty, unfinished frontier drop everything here, and are exhausted anyway.
    floor = np.where(whole | (last == _NEAREST), EXCLUDED, products_of(last)).astype(np.float32)
    came = quantise(change.came_vectors).T
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    step = max(1, _BLOCK // max(1, change.came.size))
    for begin in range(0, queries.rows.size if change.came.size else 0, step):
        part = slice(begin, begin + step)
        products = quantise(queries.vectors[part]) @ came
        asked, who = np.nonzero(products >= floor[part, None])
        days = queries.day[part][asked] - change.came_day[who]
        near = np.abs(days) <= half_window_days
        near &= queries.rows[part][asked] != change.came[who]
        asked, who = asked[near], who[near]
        key = keys_of(products[asked, who], rank[change.came[who]])
        asked += begin
        inside = key < last[asked]
        asked, key = asked[inside], key[inside]
        order = np.lexsort((key, asked))
        found.append((asked[order], key[order]))
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def _arrived(
    stretch: _Stretch,
    whole: NDArray[np.bool_],
    arrived: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> tuple[_Stretch, tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]:
    """Frontiers with the arrivals; query and key of those nearer than all; what can be told."""
    asked, key = arrived
    first, _ = stretch.ends()
    empty = stretch.length == 0
    # Nobody is there at all: whoever comes stands in the frontier.
    first[empty & whole & (stretch.n_above == 0)] = _NEAREST
    sound = ~(empty & (first != _NEAREST))
    above = key < first[asked]
    entered = (asked[above], key[above])
    asked, key = asked[~above], key[~above]
    at = _locate(stretch.key, stretch.offsets, asked, key)
    count = np.bincount(asked, minlength=empty.size)
    grown = _Stretch(
        stretch.n_above + np.bincount(entered[0], minlength=empty.size),
        np.insert(stretch.key, at, key),
        np.insert(stretch.was_member, at, False),
        stretch.offsets + offsets_of(count),
    )
    return grown, entered, sound


def _locate(
    values: NDArray[np.int64] | NDArray[np.int32],
    offsets: NDArray[np.int64],
    lists: NDArray[np.int64],
    wanted: NDArray[np.int64] | NDArray[np.int32],
) -> NDArray[np.int64]:
    """Where `wanted` stands, or would stand, in the ascending list `lists` of the flat `values`."""
    low, high = offsets[lists], offsets[lists + 1]
    while (open_ := low < high).any():
        middle = (low + high) >> 1
        less = open_.copy()
        less[open_] = values[middle[open_]] < wanted[open_]
        low, high = np.where(less, middle + 1, low), np.where(open_ & ~less, middle, high)
    return low


def _members(
    pools: Pools,
    stretch: _Stretch,
    entered: tuple[NDArray[np.int64], NDArray[np.int64]],
    gone: NDArray[np.bool_],
    exact: NDArray[np.bool_],
    k: NDArray[np.int64],
    candidates: Candidates,
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.bool_]]:
    """Members after the change with their offsets, and whether they moved."""
    query = stretch.query
    is_member = stretch.rank < np.repeat(k, stretch.length)
    crossing = np.flatnonzero((is_member != stretch.was_member) & exact[query])
    leaving, entering = crossing[~is_member[crossing]], crossing[is_member[crossing]]
    keep = ~gone[pools.members] if gone.any() else np.ones(pools.members.size, np.bool_)
    leaver = candidates.row_of_rank[ranks_of(stretch.key[leaving])]
    keep[_locate(pools.members, pools.offsets, query[leaving], leaver)] = False
    dropped = np.flatnonzero(~keep)

    told = exact[entered[0]]
    asked = np.concatenate([query[entering], entered[0][told]])
    key = np.concatenate([stretch.key[entering], entered[1][told]])
    row = candidates.row_of_rank[ranks_of(key)]
    order = np.lexsort((row, asked))
    asked, row = asked[order], row[order]
    at = _locate(pools.members, pools.offsets, asked, row)
    added = np.bincount(asked, minlength=k.size)
    lost = np.diff(np.searchsorted(dropped, pools.offsets))
    members = np.insert(pools.members[keep], at - np.searchsorted(dropped, at), row)
    return members, offsets_of(np.diff(pools.offsets) - lost + added), (added > 0) | (lost > 0)


def _trimmed(
    stretch: _Stretch,
    k: NDArray[np.int64],
    n_window: NDArray[np.int64],
    exact: NDArray[np.bool_],
    reach: Reach,
    candidates: Candidates,
) -> tuple[Frontier, NDArray[np.int32]]:
    """Frontiers cut to their reach around the new edges, and the product at each edge."""
    threshold = np.zeros(k.size, np.int32)
    some = exact & (k > 0)
    edge = (stretch.offsets[:-1] + k - stretch.n_above - 1)[some]
    threshold[some] = products_of(stretch.key[edge])
    first, last = reach.ranks(k, n_window)
    rank = stretch.rank
    inside = rank >= np.repeat(first, stretch.length)
    inside &= rank < np.repeat(last, stretch.length)
    kept = stretch.kept(inside)
    frontier = Frontier(
        np.maximum(stretch.n_above, first).astype(np.int32),
        candidates.row_of_rank[ranks_of(kept.key)],
        products_of(kept.key),
        kept.offsets,
    )
    return frontier, threshold
