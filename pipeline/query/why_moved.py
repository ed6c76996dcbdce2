"""Why a score changed between two days: which two states are compared.

Belongs here: the choice of states, and their pools' counts. Not: the arithmetic
(pipeline/impact/explain.py), the sentences (why_moved_words.py) or how trajectories are read
(history.py).

The state of a day is the newest row of the paper's trajectory on or before it: what a release
published, or else the score that the counts known on that day give with the pool of now.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline.errors import InputError
from pipeline.impact.explain import (
    MEASURES,
    Fit,
    MemberCounts,
    Parts,
    PoolMoves,
    decompose,
    pool_moves,
    split_pool,
)
from pipeline.query.history import check_day, read_pool_counts, read_trajectory
from pipeline.query.holdings import Holdings
from pipeline.query.records import Row
from pipeline.query.why_moved_words import told_in_words

CountsOf = Callable[[Row], MemberCounts | None]
"""Known counts of the pool that a state was scored against; None where they are not kept."""

CHANGE_SCHEMA = pl.Schema(
    {"measure": pl.String()}
    | dict.fromkeys(
        ("before", "after", "total", "own", "pool", "both", "pool_counts", "pool_members"),
        pl.Float64(),
    )
)


@dataclass(frozen=True)
class Change:
    """What moved a score.

    Attributes:
        before: row of the trajectory in force on the first day; None if nothing was known by then.
        after: the same of the last day.
        parts: by measure; empty where one of the two has no score.
        moves: what moved the pool, in members; None where it is not known.
        split: by measure, the pool's part by counts that moved and by members.
        asked: the two days that were asked about; the last is None for the present.
        known_since: the first day of the trajectory; None if it has none.
    """

    before: Row | None
    after: Row | None
    parts: Mapping[str, Parts]
    moves: PoolMoves | None
    split: Mapping[str, tuple[float, float]]
    asked: tuple[date, date | None]
    known_since: date | None

    @property
    def frame(self) -> pl.DataFrame:
        """CHANGE_SCHEMA: a row per measure; own + pool + both = total = after − before.

        `pool_counts` + `pool_members` = `pool`, null where memberships are not known. No row where
        one of the two states has no score.
        """
        none = (None, None)
        rows = [
            (name, p.before, p.after, p.total, p.own, p.pool, p.both, *self.split.get(name, none))
            for name, p in self.parts.items()
        ]
        return pl.DataFrame(rows, schema=CHANGE_SCHEMA, orient="row")

    @property
    def text(self) -> list[str]:
        """The change in plain words, a sentence or two per line."""
        return [*told_in_words(self)]


def read_change(held: Holdings, paper: str, since: date, until: date | None) -> Change:
    """As `Library.why_moved`."""
    found, today = held.find(paper), held.workspace.today
    days = read_trajectory(held, found["paper_id"], pool_days=True)
    for name, day in (("since", since), ("until", until)):
        if day is not None:
            check_day(name, day, today, days["day"])
    counts = read_pool_counts(held, found)
    return change(days, since, until, counts)


def change(trajectory: pl.DataFrame, since: date, until: date | None, counts: CountsOf) -> Change:
    """What moved a score between the states in force on two days.

    Args:
        trajectory: as `Library.trajectory(paper, pool_days=True)` gives it.
        since: the first day.
        until: the last, by default the present.
        counts: asked for the pools' counts of both states.

    Raises:
        InputError: `until` before `since`.
    """
    if until is not None and until < since:
        raise InputError(f"expected --until on or after --since, received {until} before {since}")
    before = _in_force(trajectory, since)
    after = _in_force(trajectory, until)
    days = (since, until), trajectory["day"].to_list()[0] if trajectory.height else None
    told = Change(before, after, {}, None, {}, *days)
    if before is None or after is None or {before["status"], after["status"]} != {"ok"}:
        return told
    fits = [Fit(row["pool_loc"], row["pool_scale"]) for row in (before, after)]
    cited = before["cited_by_count"], after["cited_by_count"]
    parts = {
        name: decompose(measure, cited[0], fits[0], cited[1], fits[1])
        for name, measure in MEASURES.items()
    }
    moves = _moves(before, after, fits, counts)
    split = {
        name: cut
        for name, measure in MEASURES.items()
        if moves and (cut := split_pool(measure, cited[0], fits[0], parts[name], moves))
    }
    return Change(before, after, parts, moves, split, *days)


def _in_force(trajectory: pl.DataFrame, day: date | None) -> Row | None:
    """The newest row on or before a day, by default the present, which no release can say.

    Of one day's rows the release, which stands last.
    """
    chosen = pl.col("release").is_null() if day is None else pl.col("day") <= day
    known = trajectory.filter(chosen)
    return known.row(-1, named=True) if known.height else None


def _moves(before: Row, after: Row, fits: list[Fit], counts: CountsOf) -> PoolMoves | None:
    """Members that moved; None unless the counts kept are those that both states came from."""
    if before["citation_source"] != after["citation_source"]:
        return None  # every count of the pool is another source's: nothing stayed
    pools = [counts(row) for row in (before, after)]
    kept = [pool for pool, fit in zip(pools, fits, strict=True) if pool and _fits(pool, fit)]
    return pool_moves(kept[0], kept[1]) if len(kept) == len(pools) else None


def _fits(pool: MemberCounts, fit: Fit) -> bool:
    try:
        return Fit.of(pool) == fit
    except InputError:
        return False
