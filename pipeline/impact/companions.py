"""What stands beside a score: where else the paper's count lies in its pool, and what pool it is.

Belongs here: companions from pools, counts and a few facts about papers. Not: the score and its fit
(tncsi.py), nor intervals (intervals.py).

Other measures of the same count c and pool, so that a reader sees what the exponential makes of
it: mid-rank percentile (Hazen 1914; as used for citations by Leydesdorff and Bornmann 2011), c over
the mean (the mean-normalised citation score of Waltman et al. 2011), and the distribution function
of a lognormal fitted to ln(1 + count) (Radicchi et al. 2008; Thelwall and Wilson 2014). About the
pool: how far its counts are from the fitted exponential (Kolmogorov–Smirnov), and how many members
share the paper's venue and domain.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.intervals import exponential_bounds, robust_bounds
from pipeline.impact.pool_measures import LOG_UNIT, Measured
from pipeline.impact.pools import PoolRule
from pipeline.impact.segments import UNKNOWN

_PRECISIONS = ("day", "month", "year")
_NO_DOMAIN = 0x7FFF
_LEAST_SIGMA = 1e-4  # of ln(1 + count): below, counts are equal but for rounding
_OF_SCORES = ("tncsi_sp_low", "tncsi_sp_high", "robust_low", "robust_high")


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


def companions(
    scores: pl.DataFrame,
    measured: Measured,
    rows: NDArray[np.int32],
    rule: PoolRule,
    facts: PaperFacts | None,
) -> pl.DataFrame:
    """The columns of `tncsi_sp` from `tncsi_sp_low` to `date_precision` but `pool_radius`.

    Args:
        scores: `status, cited_by_count, excess_ratio, pool_k` of the papers.
        measured: of their pools.
        rows: `paper_row` of the papers.
        rule: gives `n_min`.
        facts: of the papers and all members, or None.
    """
    c = scores["cited_by_count"].fill_null(0).to_numpy()
    placed = scores["cited_by_count"].is_not_null().to_numpy() & (measured.n >= rule.n_min)
    n = np.maximum(measured.n, 1)
    mean = measured.total / n
    mu = measured.logs / LOG_UNIT / n
    sigma = np.sqrt(np.maximum(measured.log_squares / LOG_UNIT / n - mu**2, 0))
    k = np.maximum(scores["pool_k"].to_numpy(), 1)
    kin = facts.kin[rows] if facts else np.full(rows.size, UNKNOWN)
    some = (scores["pool_k"].to_numpy() > 0) & (kin != UNKNOWN)
    return pl.DataFrame(
        [
            *_intervals(scores, measured),
            _given("pool_percentile", (measured.below + measured.equal / 2) / n, placed),
            _given("count_to_mean", c / np.where(mean > 0, mean, 1), placed & (mean > 0)),
            _lognormal(c, mu, sigma, placed),
            _given("pool_ks", measured.ks, measured.scale > 0),
            _given("pool_same_venue", measured.venue / k, some),
            _given("pool_same_domain", measured.domain / k, some & (kin >> 16 != _NO_DOMAIN)),
            _precision(rows, facts),
        ]
    )


def _intervals(scores: pl.DataFrame, measured: Measured) -> list[pl.Series]:
    ok = (scores["status"] == "ok").to_numpy()
    a = scores["excess_ratio"].fill_null(0).to_numpy()
    n, scale = np.where(ok, measured.n, 2), np.where(ok, measured.scale, 1)
    loc = measured.loc.astype(np.float64)
    # Of x − loc: whole numbers below 2^53 until the last step.
    squares = measured.squares - loc * (2 * measured.total - loc * measured.n)
    variance = np.where(ok, np.maximum(squares - n * scale**2, 0) / (n - 1), 1)
    bounds = (
        *exponential_bounds(a, n, certain=measured.loc == 0),
        *robust_bounds(a, n, np.sqrt(variance) / scale, certain=measured.loc == 0),
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
