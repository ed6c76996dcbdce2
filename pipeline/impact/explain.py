"""Why a score moved between two states: its own count, its pool, or both.

Belongs here: the arithmetic of a change. Not: which two days are compared, or the words for it
(pipeline/query/why_moved.py).

A score is f(c, pool), pool being (loc, scale) of tncsi.py. Between state 0 and state 1,

    own  = f(c1, pool0) − f(c0, pool0)      only the paper's count moves
    pool = f(c0, pool1) − f(c0, pool0)      only its pool moves
    both = total − own − pool               what neither does alone

so that the three add up to the total: the threefold decomposition, its interaction kept apart
(Winsborough and Dickinson 1971). Looked at backwards, `both` stays what it is, while `own` and
`pool` become −(own + both) and −(pool + both).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.errors import InputError
from pipeline.impact.exponential import scale_of, score_of

MemberCounts = Mapping[str, int]
"""`paper_id` of a member -> its known count; members without a count are left out."""


@dataclass(frozen=True)
class Fit:
    """What a score needs of a pool: its least count, and the mean less it, in citations."""

    loc: float
    scale: float

    def __post_init__(self) -> None:
        """Raises InputError for a pool without spread, against which nothing can be scored."""
        if not self.scale > 0:
            raise InputError(
                f"expected a pool whose counts differ (scale above 0), received scale {self.scale}"
            )

    @classmethod
    def of(cls, counts: MemberCounts) -> "Fit":
        """The exponential fit of the members' counts, as tncsi.py makes it: one rounding."""
        if not counts:
            raise InputError("expected a pool with at least one known count, received none")
        loc = min(counts.values())
        n, total = np.array(len(counts)), np.array(sum(counts.values()))
        return cls(loc, float(scale_of(n, np.array(loc), total)))


def excess_ratio(cited: int, fit: Fit) -> float:
    """(c − loc) / scale, which does not saturate."""
    return (cited - fit.loc) / fit.scale


def tncsi_sp(cited: int, fit: Fit) -> float:
    """1 − exp(−excess_ratio), 0 below loc."""
    return float(score_of(np.array(excess_ratio(cited, fit))))


Measure = Callable[[int, Fit], float]
MEASURES: Mapping[str, Measure] = {"tncsi_sp": tncsi_sp, "excess_ratio": excess_ratio}


@dataclass(frozen=True)
class Parts:
    """A change of one measure, in its own unit; own + pool + both = total."""

    before: float
    after: float
    own: float
    pool: float
    both: float

    @property
    def total(self) -> float:
        """after − before."""
        return self.after - self.before


def decompose(
    measure: Measure, cited_before: int, fit_before: Fit, cited_after: int, fit_after: Fit
) -> Parts:
    """The change of `measure` between two states, cut as the module says."""
    before, after = measure(cited_before, fit_before), measure(cited_after, fit_after)
    own = measure(cited_after, fit_before) - before
    pool = measure(cited_before, fit_after) - before
    return Parts(before, after, own, pool, (after - before) - own - pool)


@dataclass(frozen=True)
class PoolMoves:
    """What moved a pool between two states, in members; `between` has all counts moved, no member.

    `between` is None where the counts of that half-way pool are all equal.
    """

    n_moved: int
    n_entered: int
    n_left: int
    between: Fit | None


def pool_moves(before: MemberCounts, after: MemberCounts) -> PoolMoves:
    """Members whose count moved, that entered or that left, and the pool half-way.

    The order is fixed: first the counts of those that stay move, then members enter and leave. A
    member whose count becomes known enters, one whose count is no longer known leaves.
    """
    stay = before.keys() & after.keys()
    moved = {member: after.get(member, count) for member, count in before.items()}
    try:
        between = Fit.of(moved)
    except InputError:
        between = None
    return PoolMoves(
        sum(before[member] != after[member] for member in stay),
        len(after.keys() - stay),
        len(before.keys() - stay),
        between,
    )


def split_pool(
    measure: Measure, cited_before: int, fit_before: Fit, parts: Parts, moves: PoolMoves
) -> tuple[float, float] | None:
    """`parts.pool` as (by counts that moved, by members that entered or left); they add up to it.

    None where the pool half-way has no spread.
    """
    if moves.between is None:
        return None
    by_counts = measure(cited_before, moves.between) - measure(cited_before, fit_before)
    return by_counts, parts.pool - by_counts
