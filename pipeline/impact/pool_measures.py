"""One pass over the members of many pools: everything that scores and companions need of them.

Belongs here: counting, adding and sorting the members' counts, and their venues. Not: what becomes
of these numbers (tncsi.py, companions.py).

Pools are taken some at a time as a matrix that fits the second-level cache, in a few threads, for
numpy works without the interpreter's lock. Every value is that of its pool alone, whichever others
are measured with it: sums are of whole numbers (logarithms are rounded to 2^-32) and stay below
2^53, so that no order can change them: of a thousand counts, up to 3 million each.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.impact.exponential import scale_of
from pipeline.impact.segments import UNKNOWN, flatten, matrices

Counts = Mapping[str, NDArray[np.int32]]
"""Citation source -> citations by `paper_row`, UNKNOWN where the source does not know."""

LOG_UNIT = 2.0**32
"""Sums of logarithms are in 1 / LOG_UNIT."""

_UNKNOWN = np.uint32(2**32 - 1)  # UNKNOWN as it stands among unsigned counts
_NOBODY = 2**31 - 1  # stands where a pool is shorter than those it is measured with
_THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Measured:
    """What one pass over the members gives, per pool.

    Of the known counts x: their number `n`, least `loc` (UNKNOWN without any) and sum `total`; how
    many are `below` and `equal` to c; sums of x², ln(1 + x) and its square; `ks`, the distance
    from the fit. Of all members: how many are of the paper's `venue` and `domain`.
    """

    n: NDArray[np.int32]
    loc: NDArray[np.int32]
    total: NDArray[np.float64]
    below: NDArray[np.int32]
    equal: NDArray[np.int32]
    squares: NDArray[np.float64]
    logs: NDArray[np.float64]
    log_squares: NDArray[np.float64]
    ks: NDArray[np.float64]
    venue: NDArray[np.int32]
    domain: NDArray[np.int32]

    @classmethod
    def nothing(cls, pools: int) -> "Measured":
        """Of so many empty pools."""
        whole = [np.zeros(pools, np.int32) for _ in range(6)]
        real = [np.zeros(pools) for _ in range(5)]
        n, loc, below, equal, venue, domain = whole
        total, squares, logs, log_squares, ks = real
        return cls(n, loc, total, below, equal, squares, logs, log_squares, ks, venue, domain)

    @property
    def scale(self) -> NDArray[np.float64]:
        """Mean less least of the known counts."""
        return scale_of(self.n, self.loc, self.total)


class _Source:
    """The counts of one source by `paper_row`, with one row more that stands for nobody."""

    def __init__(self, known: NDArray[np.int32]) -> None:
        padded = np.append(known, np.int32(UNKNOWN))
        self.counts = padded.view(np.uint32)  # UNKNOWN is the largest of all: it comes last
        self._known = np.maximum(padded, 0).astype(np.float64)

    @cached_property
    def _terms(self) -> tuple[NDArray[np.float64], ...]:
        log = np.log1p(self._known)
        in_units = np.rint(log * LOG_UNIT), np.rint(log**2 * LOG_UNIT)
        return self._known, self._known**2, *in_units

    def sums(self, members: NDArray[np.int32]) -> list[NDArray[np.float64]]:
        """Of counts, their squares, their logarithms and these squared, in 2^-32; per row."""
        # A sparse product gathers and adds in one pass, half the time of gathering and then adding.
        from scipy.sparse import csr_array

        if members[-1, -1] == _NOBODY:
            members = np.minimum(members, self.counts.size - 1)
        starts = np.arange(0, members.size + 1, members.shape[1], dtype=np.int32)
        shape = (len(members), self.counts.size)
        pools = csr_array((np.ones(members.size), members.ravel(), starts), shape=shape)
        return [pools @ term for term in self._terms]


def measure_pools(
    pools: pl.DataFrame,
    counts: Counts,
    precedence: Sequence[str],
    chosen: NDArray[np.int64],
    cited: NDArray[np.int32],
    kin: NDArray[np.int32] | None,
) -> Measured:
    """Counts and company of the members of each of `pools`.

    Args:
        pools: `topic_pools` rows.
        counts: citations by source and `paper_row`.
        precedence: names of sources.
        chosen: place in `precedence` of the source each pool is counted from.
        cited: the paper's own count c, UNKNOWN without one.
        kin: of every paper by `paper_row`, as of `PaperFacts`; or None.

    Raises:
        InputError: `counts` that do not reach every member.
    """
    rows = pools["paper_row"].to_numpy()
    sources = {i: _Source(counts[name]) for i, name in enumerate(precedence) if name in counts}
    kin = None if kin is None else np.append(kin, np.int32(UNKNOWN))
    into = Measured.nothing(pools.height)
    into.loc[:] = UNKNOWN

    def measure(tile: tuple[NDArray[np.int64], NDArray[np.int32], int]) -> None:
        at, members, position = tile
        index = members.astype(np.intp)  # once: either take would do it by itself
        if source := sources.get(position):
            _count(source, members, index, cited[at], at, into)
        if kin is not None:
            near, mine = kin.take(index, mode="clip"), kin[rows[at]][:, None]
            into.venue[at] = _number(near == mine)
            into.domain[at] = _number(near >> 16 == mine >> 16)

    known = {i: counts[precedence[i]].size for i in sources}
    with ThreadPoolExecutor(_THREADS) as threads:
        for _ in threads.map(measure, _tiles(pools["members"], chosen, known, precedence)):
            pass
    return into


def _count(
    source: _Source,
    members: NDArray[np.int32],
    index: NDArray[np.intp],
    cited: NDArray[np.int32],
    at: NDArray[np.int64],
    into: Measured,
) -> None:
    """Everything about the counts of `members`, a row per pool, written to `into` at `at`."""
    known = source.counts.take(index, mode="clip")
    own = cited.view(np.uint32)[:, None]
    into.below[at], into.equal[at] = _number(known < own), _number(known == own)
    n = _number(known != _UNKNOWN)
    known.sort(axis=1)
    loc = known[:, 0].view(np.int32)
    total, into.squares[at], into.logs[at], into.log_squares[at] = source.sums(members)
    into.n[at], into.loc[at], into.total[at] = n, loc, total
    into.ks[at] = _distance(known, n, loc, scale_of(n, loc, total))


def _tiles(
    members: pl.Series,
    chosen: NDArray[np.int64],
    known: Mapping[int, int],
    precedence: Sequence[str],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32], int]]:
    """Places of some pools, their members as a matrix, and the source they are counted from."""
    start = 0
    for chunk in members.get_chunks():  # of one file each: putting them together would copy them
        values, offsets = flatten(chunk)
        here = chosen[start : start + len(chunk)]
        reach = int(values.max(initial=-1))
        for position in np.unique(here).tolist():
            if reach >= known.get(position, reach + 1):
                raise InputError(
                    f"expected counts of {precedence[position]} up to row {reach}, received "
                    f"{known[position]} rows; load the counts of every venue in the window"
                )
            lists = np.flatnonzero(here == position)
            for which, matrix in matrices(values, offsets, lists, pad=_NOBODY):
                yield which + start, matrix, position
        start += len(chunk)


def _number(true: NDArray[np.bool_]) -> NDArray[np.int32]:
    """How many hold, per row."""
    narrow = np.uint16 if true.shape[1] < 2**16 else np.uint32  # adds twice as fast
    number: NDArray[np.int32] = true.view(np.uint8).sum(axis=1, dtype=narrow).astype(np.int32)
    return number


def _distance(
    ordered: NDArray[np.uint32],
    n: NDArray[np.int32],
    loc: NDArray[np.int32],
    scale: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Largest difference of the counts' distribution function from the fitted exponential's.

    With x(1) ≤ … ≤ x(n): max of i/n − F(x(i)) and F(x(i)) − (i − 1)/n. Of equal counts the last
    attains the first and the first the second, so that jumps need no care of their own.
    Single precision: right to 10^-6.
    """
    survival = ordered.astype(np.float32)
    np.copyto(survival, np.inf, where=ordered == _UNKNOWN)
    survival -= loc.astype(np.float32)[:, None]
    survival *= (-1 / np.where(scale > 0, scale, 1)).astype(np.float32)[:, None]
    np.exp(survival, out=survival)  # 1 − F
    each = (1 / np.maximum(n, 1)).astype(np.float32)
    step = np.arange(1, ordered.shape[1] + 1, dtype=np.float32) * each[:, None]
    # Where nobody is known, step and survival add up to 1: no difference.
    survival += np.minimum(step, 1, out=step)
    above, below = survival.max(axis=1) - 1, each + 1 - survival.min(axis=1)
    largest: NDArray[np.float64] = np.maximum(above, below).astype(np.float64)
    return largest
