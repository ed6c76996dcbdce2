"""Scores of a library's papers under any rule, from papers, vectors and counts.

Belongs here: `tncsi_variants` rows. Not: what rules there are (rules.py), reading and storing.

Rules of equal pools share one search.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.impact.exponential import excess_of, score_of, status_of
from pipeline.impact.pool_measures import Counts
from pipeline.impact.segments import UNKNOWN
from pipeline.impact.tncsi import count_of_record, reaching, source_names
from pipeline.impact.variants.fit import CountedPools, fit_pools, side_by_side
from pipeline.impact.variants.rules import Variant
from pipeline.impact.variants.search import Search
from pipeline.tables import TNCSI_VARIANTS


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
    """`tncsi_variants` rows of the papers in `places`, in that order, variant after variant.

    Rules of equal pools share one search. Without `places`, rows are of all papers.

    Args:
        variants: the rules.
        papers: `paper_id, paper_row, venue, year, publication_date, in_pools`, and `is_retracted`
            if a rule looks at it.
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
    places = np.arange(papers.height) if places is None else places
    _check(variants, papers, vectors, counts, queries, places)
    counts = reaching(counts, 1 + max(papers["paper_row"].to_list(), default=-1))
    alike: dict[str, list[Variant]] = {}
    for variant in variants:
        alike.setdefault(variant.pool_key, []).append(variant)
    done: dict[Variant, pl.DataFrame] = {}
    for group in alike.values():
        search = Search(group[0], papers, vectors, queries, places)
        done |= _scored_alike(group, papers[places], search, counts, precedence)
    return pl.concat([_declared(done[variant], variant, encoder_id) for variant in variants])


def _check(
    variants: Sequence[Variant],
    papers: pl.DataFrame,
    vectors: NDArray[np.float32],
    counts: Counts,
    queries: NDArray[np.float32] | None,
    places: NDArray[np.int64],
) -> None:
    n_queries = len(places) if queries is None else len(queries)
    if papers.height != len(vectors) or len(places) != n_queries:
        raise InputError(
            f"expected one vector per paper and one query per place, received {len(vectors)} "
            f"for {papers.height} papers, {n_queries} for {len(places)} places"
        )
    most = max((int(known.max(initial=0)) for known in counts.values()), default=0)
    weighted = [v.k_max for v in variants if v.weighting == "similarity"]
    members = max(1, min(max(weighted, default=0), papers.height))
    # Weights stay below 2^24: so do sums of weighted counts below 2^63.
    if weighted and most * members >= 2**39:
        raise InputError(f"expected counts below {2**39 // members:,}, received {most:,}")


def _scored_alike(
    group: Sequence[Variant],
    asked: pl.DataFrame,
    search: Search,
    counts: Counts,
    precedence: Sequence[str],
) -> dict[Variant, pl.DataFrame]:
    """Rows of `asked`, in their order, under rules that share the pools of this search."""
    parts: dict[Variant, list[pl.DataFrame]] = {variant: [] for variant in group}
    for at, pools in search.pools():
        papers = asked[at]
        chosen, cited = count_of_record(papers["paper_row"].to_numpy(), counts, precedence)
        # As in `tncsi_sp`: without a count of its own, the most trusted source.
        pool = side_by_side(pools, counts, precedence, np.maximum(chosen, 0))
        more = source_names(chosen, precedence), pl.Series("at", at)
        for variant in group:
            parts[variant].append(_rows(variant, papers, pools.k, cited, pool).with_columns(*more))
    return {v: pl.concat(rows).sort("at") if rows else asked for v, rows in parts.items()}


def _rows(
    variant: Variant,
    asked: pl.DataFrame,
    pool_k: NDArray[np.int32],
    cited: NDArray[np.int32],
    pool: CountedPools,
) -> pl.DataFrame:
    """Rows of `asked` but for names, meaningful figures only."""
    fit = fit_pools(variant, pool)
    needs_date = variant.window != "none" and not variant.undated_against_all
    status = status_of(
        undated=asked["publication_date"].is_null().to_numpy() & needs_date,
        cited=cited,
        n=fit.n,
        scale=fit.scale,
        n_min=variant.n_min,
    )
    excess = excess_of(cited, fit.loc, fit.scale)
    scored, fitted = pl.col("status") == "ok", pl.col("n_pool") > 0
    return (
        asked.select("paper_id", "venue", "year")
        .with_columns(
            status,
            pl.Series("cited_by_count", cited).replace(UNKNOWN, None),
            pl.Series("variant_score", score_of(excess)),
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


def _declared(rows: pl.DataFrame, variant: Variant, encoder_id: str) -> pl.DataFrame:
    """The rows under the names and in the order that the table declares."""
    if not rows.height:
        return TNCSI_VARIANTS.empty()
    return rows.with_columns(
        variant=pl.lit(variant.name), config_id=pl.lit(variant.config_id(encoder_id))
    ).select(TNCSI_VARIANTS.schema.names())
