"""What moved a score, in plain words.

Belongs here: sentences on a change. Not: which states are compared (why_moved.py), or words for a
score of today (explain_words.py).
"""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from pipeline.query.records import Row
from pipeline.wording import counted, times

if TYPE_CHECKING:
    from pipeline.query.why_moved import Change


def told_in_words(told: "Change") -> Iterator[str]:
    """A sentence or two per line: both states, the exact sum, and what happened in the pool."""
    before, after = told.before, told.after
    if after is None or before is None:
        first = f"; its past begins on {told.known_since}" if told.known_since else ""
        yield f"nothing was known of it by {told.asked[0]}, so that nothing can be compared{first}"
        if after:
            yield f"after: {_state(after, told.asked[1])}"
        return
    yield f"before: {_state(before, told.asked[0])}"
    yield f"after: {_state(after, told.asked[1])}"
    if _same(before, after):
        yield "nothing moved between the two"
        return
    yield from _other_source(before, after)
    if not told.parts:
        for name, row in (("before", before), ("after", after)):
            if row["status"] != "ok":
                yield f"it had no score {name} ({row['status']}): there are no numbers to compare"
        return
    for name, parts in told.parts.items():
        yield (
            f"{name} {parts.before:.4f} → {parts.after:.4f}: {_signed(parts.total)} = "
            f"{_signed(parts.own)} by its own citations, {_signed(parts.pool)} by its pool, "
            f"{_signed(parts.both)} by both together"
        )
    yield from _members(told)


def _state(row: Row, asked: date | None) -> str:
    day = row["day"] if asked in (None, row["day"]) else f"{asked} (unmoved since {row['day']})"
    how = (
        f"as release {row['release']} published it"
        if row["release"]
        else "by the counts known on that day and the pool of now"
    )
    if row["status"] != "ok":
        return f"{day}, {how}: no score ({row['status']})"
    mean = row["pool_loc"] + row["pool_scale"]
    return (
        f"{day}, {how}: cited {times(row['cited_by_count'])}, {row['n_pool']:,} counts in "
        f"its pool, least {row['pool_loc']:,}, mean {mean:,.2f}; TNCSI_SP {row['tncsi_sp']:.4f}"
    )


def _same(before: Row, after: Row) -> bool:
    moving = ("status", "citation_source", "cited_by_count", "n_pool", "pool_loc", "pool_scale")
    return all(before[name] == after[name] for name in moving)


def _other_source(before: Row, after: Row) -> Iterator[str]:
    sources = before["citation_source"], after["citation_source"]
    if sources[0] != sources[1] and None not in sources:
        yield (
            f"counts are those of {sources[0]} before and of {sources[1]} after: another ruler, by "
            "which own and pool move without a new citation"
        )


def _members(told: "Change") -> Iterator[str]:
    if (moves := told.moves) is None:
        return
    line = (
        f"in its pool, {counted(moves.n_moved, 'count')} moved; of members with a count, "
        f"{moves.n_entered:,} came and {moves.n_left:,} went"
    )
    if cut := told.split.get("tncsi_sp"):
        line += (
            f"; of the {_signed(told.parts['tncsi_sp'].pool)} by the pool, first "
            f"{_signed(cut[0])} by counts that moved, then {_signed(cut[1])} by members that came "
            "and went"
        )
    yield line


def _signed(change: float) -> str:
    """Four digits with a sign, fewer where all four are 0; no sign before a plain 0."""
    if not change:
        return "0"
    digits = f"{change:+.4f}" if abs(change) >= 5e-5 else f"{change:+.0e}"
    return digits.replace("-", "−")
