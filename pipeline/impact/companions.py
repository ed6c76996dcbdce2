"""What stands beside a score: where else the paper's count lies in its pool, and what pool it is.

Belongs here: companions from pools, counts and a few facts about papers. Not: the score and its fit
(tncsi.py), nor intervals (intervals.py).

Other measures of the same count c and pool, so that a reader sees what the exponential makes of
it: mid-rank percentile (Hazen 1914; as used for citations by Leydesdorff and Bornmann 2011), c over
the mean (the mean-normalised citation score of Waltman et al. 2011), and the distribution function
of a lognormal fitted to ln(1 + count) (Radicchi et al. 2008; Thelwall and Wilson 2014). About the
pool: how far its counts are from the fitted exponential (Kolmogorov–Smirnov), and how many members
share the paper's venue and domain.

Every value is that of its pool alone, whichever others are measured with it: sums are of whole
numbers (logarithms are rounded to 2^-32) and stay below 2^53, so that no order can change them.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.intervals import exponential_bounds, robust_bounds
from pipeline.impact.pools import PoolRule
from pipeline.impact.segments import UNKNOWN, flatten, matrices

Counts = Mapping[str, NDArray[np.int32]]
"""Citation source -> citations by `paper_row`, UNKNOWN where the source does not know."""

_PRECISIONS = ("day", "month", "year")
_NO_DOMAIN = 0x7FFF
_NOBODY = 2**31 - 1  # stands where a pool is shorter than those it is measured with
_LEAST_SIGMA = 1e-4  # of ln(1 + count): below, counts are equal but for rounding
_LOG_UNIT = 2.0**32
_THREADS = min(4, os.cpu_count() or 1)
_OF_SCORES = ("tncsi_sp_low", "tncsi_sp_high", "robust_low", "robust_high")


@dataclass(frozen=True)
class Fit:
    """Per pool: known counts, their minimum and sum, their mean less the minimum."""

    n: NDArray[np.int32]
    loc: NDArray[np.int32]
    total: NDArray[np.int64]
    scale: NDArray[np.float64]


@dataclass(frozen=True)
class PaperFacts:
    """Of every paper, by `paper_row`: what its venue is kin to, and how well its date is known.

    `kin`: number of the domain · 2^16 + number of the venue, UNKNOWN at rows of no paper;
    `precision`: place in `day, month, year`, UNKNOWN without a date.
    """

    kin: NDArray[np.int32]
    precision: NDArray[np.int8]

    @classmethod
    def of(cls, papers: pl.DataFrame, domains: Mapping[str, str]) -> "PaperFacts":
        """From `paper_row, venue, date_precision`; `domains` of venues, which may lack some."""
        rows = papers["paper_row"].to_numpy()
        size = 1 + int(rows.max(initial=UNKNOWN))
        slugs = papers["venue"].unique().sort()
        names = sorted(set(domains.values()))
        domain = [names.index(domains[s]) if s in domains else _NO_DOMAIN for s in slugs]
        codes = [d << 16 | i for i, d in enumerate(domain)]
        kin, precision = np.full(size, UNKNOWN, np.int32), np.full(size, UNKNOWN, np.int8)
        kin[rows] = papers["venue"].replace_strict(slugs, codes, return_dtype=pl.Int32).to_numpy()
        precision[rows] = (
            papers["date_precision"]
            .replace_strict(_PRECISIONS, range(3), default=UNKNOWN, return_dtype=pl.Int8)
            .to_numpy()
        )
        return cls(kin, precision)

    def reaching(self, n_rows: int) -> "PaperFacts":
        """The same for at least `n_rows` papers; nothing is known of those that are added."""
        more = (0, max(0, n_rows - self.kin.size))
        return PaperFacts(
            np.pad(self.kin, more, constant_values=UNKNOWN),
            np.pad(self.precision, more, constant_values=UNKNOWN),
        )


@dataclass(frozen=True)
class Measured:
    """Per pool, of the known counts x: how many are below and equal to c; sums of x², ln(1 + x)
    and its square; the distance from the fit. Of all members: of the same venue, and domain.
    """

    below: NDArray[np.int32]
    equal: NDArray[np.int32]
    squares: NDArray[np.float64]
    logs: NDArray[np.float64]
    log_squares: NDArray[np.float64]
    ks: NDArray[np.float64]
    venue: NDArray[np.int32]
    domain: NDArray[np.int32]

    @classmethod
    def nothing(cls, n: int) -> "Measured":
        """Zeros for `n` pools."""
        whole, real = (lambda: np.zeros(n, np.int32)), (lambda: np.zeros(n))
        return cls(whole(), whole(), real(), real(), real(), real(), whole(), whole())


class _Source:
    """The counts of one source by `paper_row`, with one row more that stands for nobody."""

    def __init__(self, known: NDArray[np.int32]) -> None:
        padded = np.append(known, np.int32(UNKNOWN))
        self.counts = padded.view(np.uint32)  # UNKNOWN is the largest of all
        self._known = np.maximum(padded, 0).astype(np.float64)

    @cached_property
    def _terms(self) -> tuple[NDArray[np.float64], ...]:
        log = np.log1p(self._known)
        return self._known**2, np.rint(log * _LOG_UNIT), np.rint(log**2 * _LOG_UNIT)

    def sums(self, members: NDArray[np.int32]) -> list[NDArray[np.float64]]:
        """Of squares, of logarithms and of their squares, the last two in 2^-32; per row."""
        # A sparse product gathers and adds in one pass, half the time of gathering and then adding.
        from scipy.sparse import csr_array

        rows = np.minimum(members, self.counts.size - 1).ravel()
        starts = np.arange(0, members.size + 1, members.shape[1], dtype=np.int32)
        shape = (len(members), self.counts.size)
        pools = csr_array((np.ones(members.size), rows, starts), shape=shape)
        return [pools @ term for term in self._terms]


def measure_pools(
    pools: pl.DataFrame,
    counts: Counts,
    precedence: Sequence[str],
    chosen: NDArray[np.int64],
    cited: NDArray[np.int32],
    fit: Fit,
    facts: PaperFacts | None,
) -> Measured:
    """What one pass over the members gives, for each of `pools`.

    Args:
        pools: `topic_pools` rows.
        counts: citations by source and `paper_row`.
        precedence: names of sources.
        chosen: place in `precedence` of the source each pool is counted from.
        cited: the paper's own count c, UNKNOWN without one.
        fit: of each pool.
        facts: of all members, or None.
    """
    rows = pools["paper_row"].to_numpy()
    sources = [_Source(counts[name]) if name in counts else None for name in precedence]
    kin = np.append(facts.kin, np.int32(UNKNOWN)) if facts else None
    into = Measured.nothing(pools.height)

    def one(tile: tuple[NDArray[np.int64], NDArray[np.int32], int]) -> None:
        at, members, position = tile
        if source := sources[position]:
            own = cited[at].view(np.uint32)[:, None]
            known = source.counts.take(members, mode="clip")
            into.below[at], into.equal[at] = _number(known < own), _number(known == own)
            into.squares[at], into.logs[at], into.log_squares[at] = source.sums(members)
            into.ks[at] = _distance(known, fit.n[at], fit.loc[at], fit.scale[at])
        if kin is not None:
            near, mine = kin.take(members, mode="clip"), kin[rows[at]][:, None]
            into.venue[at] = _number(near == mine)
            into.domain[at] = _number(near >> 16 == mine >> 16)

    with ThreadPoolExecutor(_THREADS) as threads:
        for _ in threads.map(one, _tiles(pools["members"], chosen)):
            pass
    return into


def _tiles(
    members: pl.Series, chosen: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32], int]]:
    """Places of some pools, their members as a matrix, and the source they are counted from."""
    start = 0
    for chunk in members.get_chunks():  # of one file each: putting them together would copy them
        values, offsets = flatten(chunk)
        here = chosen[start : start + len(chunk)]
        for position in np.unique(here).tolist():
            lists = np.flatnonzero(here == position)
            for which, matrix in matrices(values, offsets, lists, pad=_NOBODY):
                yield which + start, matrix, position
        start += len(chunk)


def _number(true: NDArray[np.bool_]) -> NDArray[np.int32]:
    """How many hold, per row."""
    return true.view(np.uint8).sum(axis=1, dtype=np.int32)


def _distance(
    known: NDArray[np.uint32],
    n: NDArray[np.int32],
    loc: NDArray[np.int32],
    scale: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Largest difference of the counts' distribution function from the fitted exponential's.

    With x(1) ≤ … ≤ x(n): max of i/n − F(x(i)) and F(x(i)) − (i − 1)/n. Of equal counts the last
    attains the first and the first the second, so that jumps need no care of their own.
    Single precision: right to 10^-6.
    """
    ordered = np.sort(known, axis=1)  # unknown ones come last
    nobody = ordered == np.uint32(2**32 - 1)
    per_count = (-1 / np.where(scale > 0, scale, 1)).astype(np.float32)[:, None]
    beyond = (ordered - loc.view(np.uint32)[:, None]).astype(np.float32)  # 1 − F, in place
    beyond *= per_count
    np.exp(beyond, out=beyond)
    np.copyto(beyond, 0, where=nobody)
    each = (1 / np.maximum(n, 1)).astype(np.float32)
    step = np.arange(1, known.shape[1] + 1, dtype=np.float32) * each[:, None]
    np.minimum(step, 1, out=step)  # places of unknown ones: the difference is 0 there
    beyond += step
    beyond -= 1
    above, below = beyond.max(axis=1), each - beyond.min(axis=1)
    return np.maximum(above, below).astype(np.float64)


def companions(
    scores: pl.DataFrame,
    measured: Measured,
    rows: NDArray[np.int32],
    fit: Fit,
    rule: PoolRule,
    facts: PaperFacts | None,
) -> pl.DataFrame:
    """The columns of `tncsi_sp` from `tncsi_sp_low` to `date_precision` but `pool_radius`.

    Args:
        scores: `status, cited_by_count, excess_ratio, pool_k` of the papers.
        measured: of their pools.
        rows: `paper_row` of the papers.
        fit: of their pools.
        rule: gives `n_min`.
        facts: of all members, or None.
    """
    c = scores["cited_by_count"].fill_null(0).to_numpy()
    placed = scores["cited_by_count"].is_not_null().to_numpy() & (fit.n >= rule.n_min)
    n = np.maximum(fit.n, 1)
    mean = fit.total / n
    mu = measured.logs / _LOG_UNIT / n
    sigma = np.sqrt(np.maximum(measured.log_squares / _LOG_UNIT / n - mu**2, 0))
    k = np.maximum(scores["pool_k"].to_numpy(), 1)
    some = (scores["pool_k"].to_numpy() > 0) & (facts is not None)
    domain = facts.kin[rows] >> 16 if facts else np.full(rows.size, _NO_DOMAIN)
    return pl.DataFrame(
        [
            *_intervals(scores, measured, fit),
            _given("pool_percentile", (measured.below + measured.equal / 2) / n, placed),
            _given("count_to_mean", c / np.where(mean > 0, mean, 1), placed & (mean > 0)),
            _lognormal(c, mu, sigma, placed),
            _given("pool_ks", measured.ks, fit.scale > 0),
            _given("pool_same_venue", measured.venue / k, some),
            _given("pool_same_domain", measured.domain / k, some & (domain != _NO_DOMAIN)),
            _precision(rows, facts),
        ]
    )


def _intervals(scores: pl.DataFrame, measured: Measured, fit: Fit) -> list[pl.Series]:
    ok = (scores["status"] == "ok").to_numpy()
    a = scores["excess_ratio"].fill_null(0).to_numpy()
    n, scale = np.where(ok, fit.n, 2), np.where(ok, fit.scale, 1)
    loc = fit.loc.astype(np.float64)
    # Of x − loc: whole numbers below 2^53 until the last step.
    squares = measured.squares - loc * (2 * fit.total - loc * fit.n)
    variance = np.where(ok, np.maximum(squares - n * scale**2, 0) / (n - 1), 1)
    bounds = (
        *exponential_bounds(a, n, certain=fit.loc == 0),
        *robust_bounds(a, n, np.sqrt(variance) / scale, certain=fit.loc == 0),
    )
    return [_given(name, bound, ok) for name, bound in zip(_OF_SCORES, bounds, strict=True)]


def _lognormal(
    c: NDArray[np.int32],
    mu: NDArray[np.float64],
    sigma: NDArray[np.float64],
    placed: NDArray[np.bool_],
) -> pl.Series:
    from scipy.special import ndtr

    z = (np.log1p(c) - mu) / np.maximum(sigma, _LEAST_SIGMA)
    return _given("lognormal_cdf", ndtr(z), placed & (sigma > _LEAST_SIGMA))


def _precision(rows: NDArray[np.int32], facts: PaperFacts | None) -> pl.Series:
    names = pl.Series("date_precision", [*_PRECISIONS, None], dtype=pl.String)
    place = facts.precision[rows].astype(np.int64) if facts else np.full(rows.size, UNKNOWN)
    return names.gather(np.where(place == UNKNOWN, len(_PRECISIONS), place))


def _given(name: str, values: NDArray[np.float64], where: NDArray[np.bool_]) -> pl.Series:
    """A column of `values`, null elsewhere."""
    return pl.select(pl.when(pl.Series(where)).then(pl.Series(values)).alias(name)).to_series()
