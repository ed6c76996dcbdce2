"""Scores of a library's papers under any rule, from papers, vectors and counts.

Belongs here: `tncsi_variants` rows. Not: what rules there are (rules.py), reading and storing.

Pools come from the exact search (pipeline/retrieval/neighbours.py); rules of equal pools share one.
With whole weights w_i of the members i whose counts c_i are known (1 each, or the product of the
quantised vectors, which is the cosine times 2^23, 0 if negative),

    loc = min c_i,  scale = (Σ w_i c_i − loc Σ w_i) / Σ w_i,

the weighted maximum-likelihood fit of a shifted exponential; a weighted mean with a kernel of the
distance is the estimator of Nadaraya and Watson (1964). Members of weight 0 are not counted. For
n known counts and a share p, the ⌊pn⌋ largest are cut to the largest of the others before
(winsorising on one side: Tukey and McLaughlin, 1963). All sums are of integers, so that scores do
not depend on how the work is cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.impact.pools import days_of
from pipeline.impact.segments import UNKNOWN
from pipeline.impact.tncsi import Counts, count_of_record, reaching, source_names
from pipeline.impact.variants.rules import Variant
from pipeline.retrieval.neighbours import NO_DAY, Pools, Reach, WindowNeighbours
from pipeline.tables import TNCSI_VARIANTS

MOST_CITATIONS = 2**29
"""Counts below it, times a thousand weights, have a sum that 64 bits hold."""

_AT_ONCE = 4096  # papers, each with up to a thousand members: 200 MB
_EVER = np.iinfo(np.int64)
_BEFORE_ALL = NO_DAY + 1  # day of a paper without one, where it may be a member all the same


class _AllMembers(Reach):
    """Reports every member with its product, the nearest first."""

    def ranks(
        self, k: NDArray[np.int64], n_window: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.zeros_like(k), k


@dataclass(frozen=True)
class _Pool:
    """Pools of q papers side by side: counts (q, k), UNKNOWN where there is none, and products."""

    counts: NDArray[np.int32]
    products: NDArray[np.int32]


def score_variant(
    variant: Variant,
    papers: pl.DataFrame,
    vectors: NDArray[np.float32],
    counts: Counts,
    *,
    encoder_id: str,
    precedence: Sequence[str],
    queries: NDArray[np.float32] | None = None,
    places: NDArray[np.int64] | None = None,
) -> pl.DataFrame:
    """`tncsi_variants` rows of the papers in `places`, in that order; of all if None.

    Args:
        variant: the rule.
        papers: `paper_id, paper_row, venue, year, publication_date, in_pools`, and `is_retracted`
            if the rule looks at it.
        vectors: unit vectors (n, d), row by row those of `papers`.
        counts: citations by source and `paper_row`; papers beyond their end are unknown.
        encoder_id: goes into `config_id`.
        precedence: sources, the most trusted first, as in `score_pools`.
        queries: unit vectors (len(places), d) that look for the pools in place of the papers' own,
            such as prompted ones.
        places: rows of `papers`.

    Raises:
        InputError: arrays disagree in length, vectors are not of length 1, a source is not in
            `precedence`, or a count is too large for exact weights.
    """
    return score_variants(
        [variant],
        papers,
        vectors,
        counts,
        encoder_id=encoder_id,
        precedence=precedence,
        queries=queries,
        places=places,
    )


def score_variants(
    variants: Sequence[Variant],
    papers: pl.DataFrame,
    vectors: NDArray[np.float32],
    counts: Counts,
    *,
    encoder_id: str,
    precedence: Sequence[str],
    queries: NDArray[np.float32] | None = None,
    places: NDArray[np.int64] | None = None,
) -> pl.DataFrame:
    """The rows of each variant, one after the other; rules of equal pools share one search.

    Arguments and errors are those of `score_variant`.
    """
    places = np.arange(papers.height) if places is None else places
    if papers.height != len(vectors) or (queries is not None and len(queries) != len(places)):
        raise InputError(
            f"expected one vector per paper and one query per place, received {len(vectors)} "
            f"for {papers.height} papers, {len(places) if queries is None else len(queries)} "
            f"for {len(places)} places"
        )
    if max((int(c.max(initial=0)) for c in counts.values()), default=0) >= MOST_CITATIONS:
        raise InputError(f"expected counts below {MOST_CITATIONS:,}, received one beyond")
    counts = reaching(counts, 1 + max(papers["paper_row"].to_list(), default=-1))
    alike: dict[str, list[Variant]] = {}
    for variant in variants:
        alike.setdefault(variant.pool_key, []).append(variant)
    done: dict[str, pl.DataFrame] = {}
    for group in alike.values():
        search = _Search(group[0], papers, vectors, queries, places)
        parts: dict[str, list[pl.DataFrame]] = {variant.name: [] for variant in group}
        for at, pools in search.pools():
            asked = papers[places[at]]
            chosen, cited = count_of_record(asked["paper_row"].to_numpy(), counts, precedence)
            # As in `tncsi_sp`: without a count of its own, the most trusted source.
            pool = _side_by_side(pools, counts, precedence, np.maximum(chosen, 0))
            for variant in group:
                rows = _rows(variant, asked, pools.k, cited, pool)
                names = source_names(chosen, precedence)
                parts[variant.name].append(rows.with_columns(names, pl.Series("at", at)))
        for variant in group:
            scored = pl.concat(parts[variant.name]).sort("at") if parts[variant.name] else None
            done[variant.name] = _declared(scored, variant, encoder_id)
    return pl.concat([done[variant.name] for variant in variants])


class _Search:
    """The pools of the papers asked for, some thousand at a time, in the order of their days."""

    def __init__(
        self,
        variant: Variant,
        papers: pl.DataFrame,
        vectors: NDArray[np.float32],
        queries: NDArray[np.float32] | None,
        places: NDArray[np.int64],
    ) -> None:
        day, windows = _windows(variant, papers)
        candidate = papers["in_pools"].to_numpy()
        if variant.without_retracted:
            candidate = candidate & ~papers["is_retracted"].to_numpy()
        self._neighbours = WindowNeighbours(
            vectors,
            day=day,
            member_id=papers["paper_row"].to_numpy(),
            tie_rank=papers["paper_id"].rank("ordinal").to_numpy(),
            candidate=candidate,
            rule=variant.window_rule,
            reach=_AllMembers(),
            windows=windows,
            itself=variant.itself,
        )
        self._queries, self._places = queries, places
        self._order = np.argsort(windows[0][places], kind="stable")
        # All times first, and by themselves: no window of one search may hold another.
        self._n_unbounded = int((windows[0][places] == _EVER.min).sum())

    def pools(self) -> Iterator[tuple[NDArray[np.int64], Pools]]:
        """Which of the places, and their pools."""
        for part in np.split(self._order, [self._n_unbounded]):
            for start in range(0, part.size, _AT_ONCE):
                at = part[start : start + _AT_ONCE]
                look = None if self._queries is None else self._queries[at]
                yield at, self._neighbours.pools(self._places[at], vectors=look)


def _windows(
    variant: Variant, papers: pl.DataFrame
) -> tuple[NDArray[np.int32], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The day of every paper as a member, and first and last day of its window as a paper."""
    if variant.window == "none":
        always = np.zeros(papers.height, np.int64)
        return always.astype(np.int32), (always, always)
    day = days_of(papers)
    first = day.astype(np.int64) - variant.half_window
    last = day.astype(np.int64) + variant.half_window
    if variant.window == "months":
        first, last = _month_edge(first, "month_start"), _month_edge(last, "month_end")
    if variant.undated_against_all:
        undated = day == NO_DAY
        day = np.where(undated, np.int32(_BEFORE_ALL), day)
        first[undated], last[undated] = _EVER.min, _EVER.max
    return day, (first, last)


def _month_edge(days: NDArray[np.int64], edge: str) -> NDArray[np.int64]:
    """First or last day of the months of these days; of days that no calendar has, any."""
    dates = pl.Series(np.clip(days, -700_000, 2_900_000).astype(np.int32)).cast(pl.Date)
    moved: pl.Series = getattr(dates.dt, edge)()
    return moved.to_physical().to_numpy().astype(np.int64)


def _side_by_side(
    pools: Pools, counts: Counts, precedence: Sequence[str], chosen: NDArray[np.int64]
) -> _Pool:
    """Counts and products of each pool from the source `chosen` for it, as matrices."""
    filled = np.arange(int(pools.k.max(initial=0))) < pools.k[:, None]
    rows = np.zeros(filled.shape, np.int32)
    rows[filled] = pools.frontier.rows
    products = np.zeros(filled.shape, np.int32)
    products[filled] = pools.frontier.products
    known = np.full(filled.shape, UNKNOWN, np.int32)
    for position in np.unique(chosen).tolist():
        if precedence[position] in counts:
            here = chosen == position
            known[here] = counts[precedence[position]][rows[here]]
    known[~filled] = UNKNOWN
    return _Pool(known, products)


def _rows(
    variant: Variant,
    asked: pl.DataFrame,
    pool_k: NDArray[np.int32],
    cited: NDArray[np.int32],
    pool: _Pool,
) -> pl.DataFrame:
    """Rows of `asked` but for names, meaningful figures only."""
    fit = _fit(variant, pool)
    # One reason before the other, as in `tncsi_sp`.
    undated = asked["publication_date"].is_null().to_numpy()
    reasons = {
        "no_date": undated & (variant.window != "none" and not variant.undated_against_all),
        "no_citation_count": cited == UNKNOWN,
        "pool_too_small": fit.n < variant.n_min,
        "constant_pool": fit.scale == 0,
    }
    status = np.select(list(reasons.values()), list(range(len(reasons))), default=len(reasons))
    excess = (cited - fit.loc) / np.where(fit.scale > 0, fit.scale, np.nan)
    scored, fitted = pl.col("status") == "ok", pl.col("n_pool") > 0
    return (
        asked.select("paper_id", "venue", "year")
        .with_columns(
            pl.Series("status", [*reasons, "ok"]).gather(status),
            pl.Series("cited_by_count", cited).replace(UNKNOWN, None),
            # expm1 keeps the digits of scores near 0.
            pl.Series("variant_score", -np.expm1(-np.maximum(excess, 0))),
            pl.Series("excess_ratio", excess),
            pl.Series("variant_loc", fit.loc.astype(np.float64)),
            pl.Series("variant_scale", fit.scale),
            pl.Series("n_pool", fit.n),
            pl.Series("n_effective", fit.n_effective),
            pl.Series("pool_k", pool_k),
        )
        .with_columns(
            pl.when(scored).then(pl.col("variant_score", "excess_ratio")),
            pl.when(fitted).then(pl.col("variant_loc", "variant_scale", "n_effective")),
        )
    )


@dataclass(frozen=True)
class _Fit:
    """Per pool: counts used, their minimum, their (weighted) mean less it, (Σw)² / Σw²."""

    n: NDArray[np.int32]
    loc: NDArray[np.int64]
    scale: NDArray[np.float64]
    n_effective: NDArray[np.float64]


def _fit(variant: Variant, pool: _Pool) -> _Fit:
    used = pool.counts != UNKNOWN
    weights = np.ones(used.shape, np.int64)
    if variant.weighting == "similarity":
        used &= pool.products > 0
        weights = pool.products.astype(np.int64)
    weights = np.where(used, weights, 0)
    counts = np.where(used, pool.counts, UNKNOWN)
    n = used.sum(axis=1, dtype=np.int64)
    loc = np.where(used, counts, np.iinfo(np.int32).max).min(axis=1, initial=MOST_CITATIONS)
    loc = np.where(n > 0, loc, UNKNOWN).astype(np.int64)
    if variant.winsorised and used.size:
        counts = np.minimum(counts, _cut(counts, n, variant.winsorised)[:, None])
    mass = weights.sum(axis=1)
    # Weights are 0 where a count is not used, whatever stands there.
    total = (weights * counts).sum(axis=1)
    scale = (total - loc * mass) / np.maximum(mass, 1)
    squares = np.maximum((weights * weights).sum(axis=1), 1)
    return _Fit(n.astype(np.int32), loc, scale, mass.astype(np.float64) ** 2 / squares)


def _cut(counts: NDArray[np.int32], n: NDArray[np.int64], share: float) -> NDArray[np.int32]:
    """The largest count that is not among the ⌊share · n⌋ largest, shape (q,)."""
    part = Fraction(share).limit_denominator(1_000_000)
    cut_off = n * part.numerator // part.denominator
    ordered = np.sort(counts, axis=1)  # unknown ones, below 0, come first
    return ordered[np.arange(len(n)), counts.shape[1] - 1 - cut_off]


def _declared(rows: pl.DataFrame | None, variant: Variant, encoder_id: str) -> pl.DataFrame:
    """The rows under the names and in the order that the table declares."""
    if rows is None:
        return TNCSI_VARIANTS.empty()
    return rows.with_columns(
        variant=pl.lit(variant.name), config_id=pl.lit(variant.config_id(encoder_id))
    ).select(TNCSI_VARIANTS.schema.names())
