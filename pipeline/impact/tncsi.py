"""TNCSI_SP: a paper's citations against an exponential fitted to its topic pool.

Belongs here: the score and its ingredients, from pools and counts. Not: who is in a pool
(pools.py), nor what stands beside the score (companions.py, intervals.py).

The score (exponential.py) needs only the number, the sum and the minimum of the pool's counts:
exact integers, so that scores are equal however the work is cut. Where the original (arXiv
2402.12928, 2408.03934) gives −1 (no spread), drops the window (no date) or lets a paper count
towards its own pool, this gives a status or leaves it out.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.impact.companions import PaperFacts, companions
from pipeline.impact.exponential import excess_of, score_of, status_of
from pipeline.impact.pool_measures import Counts, Measured, measure_pools
from pipeline.impact.pools import PoolRule
from pipeline.impact.segments import UNKNOWN
from pipeline.tables import TNCSI_SP

POOL_COLUMNS = (
    "paper_id", "paper_row", "venue", "year", "config_id", "n_window", "pool_k", "pool_radius",
    "members",
)  # fmt: skip
"""What scores look at in `topic_pools`."""


def dense_counts(
    citation_counts: pl.DataFrame, n_rows: int | None = None
) -> dict[str, NDArray[np.int32]]:
    """`citation_counts` rows as one array of `n_rows` counts per source, by `paper_row`.

    Without `n_rows`, as long as the last row that any source knows asks for.

    Raises:
        InputError: a row number beyond `n_rows`, or a negative count.
    """
    if n_rows is None:
        n_rows = 1 + max(citation_counts["paper_row"].to_list(), default=-1)
    dense: dict[str, NDArray[np.int32]] = {}
    for (source,), part in citation_counts.partition_by("citation_source", as_dict=True).items():
        rows, cited = part["paper_row"].to_numpy(), part["cited_by_count"].to_numpy()
        if rows.max() >= n_rows or rows.min() < 0 or cited.min() < 0:
            raise InputError(
                f"expected paper rows below {n_rows} and counts of 0 or more from {source}, "
                f"received rows {rows.min()} to {rows.max()}, least count {cited.min()}"
            )
        dense[str(source)] = np.full(n_rows, UNKNOWN, np.int32)
        dense[str(source)][rows] = cited
    return dense


def reaching(counts: Counts, n_rows: int) -> Counts:
    """The same counts for at least `n_rows` papers; nothing is known of those that are added."""
    return {
        source: np.pad(known, (0, n_rows - known.size), constant_values=UNKNOWN)
        if known.size < n_rows
        else known
        for source, known in counts.items()
    }


def score_pools(
    pools: pl.DataFrame,
    counts: Counts,
    *,
    undated: NDArray[np.int32],
    precedence: Sequence[str],
    rule: PoolRule,
    facts: PaperFacts | None = None,
) -> pl.DataFrame:
    """`tncsi_sp` rows of the papers in `pools`, in their order.

    Args:
        pools: `topic_pools` rows, POOL_COLUMNS of them.
        counts: citations by source and `paper_row`, of all members.
        undated: `paper_row` of papers without publication date.
        precedence: sources, the most trusted first. A paper's count is that of the first source
            that knows it, and its pool is counted from that source alone: counts of different
            sources differ by factors.
        rule: gives `n_min`, the fewest known counts for a score.
        facts: venues, domains and date precisions of all members; without them, companions that
            need them are null.

    Raises:
        InputError: a source of `counts` without precedence, or arrays too short for the rows.
    """
    rows = pools["paper_row"].to_numpy()
    chosen, cited = count_of_record(rows, counts, precedence)
    # A paper without a count still says how well its pool is known: by the most trusted source.
    measured = measure_pools(
        pools, counts, precedence, np.maximum(chosen, 0), cited, facts.kin if facts else None
    )
    share = pl.col("pool_k") / pl.col("n_window")
    scores = (
        pools.select("paper_id", "venue", "year", "config_id", "pool_k", "n_window", "pool_radius")
        .with_columns(
            status_of(
                undated=np.isin(rows, undated),
                cited=cited,
                n=measured.n,
                scale=measured.scale,
                n_min=rule.n_min,
            ),
            source_names(chosen, precedence),
            *_scores(cited, measured),
            pl.when(pl.col("n_window") > 0).then(share).alias("pool_share"),
        )
        .with_columns(
            pl.when(pl.col("status") == "ok").then(pl.col("tncsi_sp", "excess_ratio")),
            pl.when(pl.col("n_pool") > 0).then(pl.col("pool_loc", "pool_scale")),
            pl.col("cited_by_count").replace(UNKNOWN, None),
        )
    )
    beside = companions(scores, measured, rows, rule, facts)
    return scores.hstack(beside).select(TNCSI_SP.schema.names())


def _scores(cited: NDArray[np.int32], fit: Measured) -> list[pl.Series]:
    """Count, fit and score of every paper, meaningful or not."""
    excess = excess_of(cited, fit.loc, fit.scale)
    return [
        pl.Series("cited_by_count", cited),
        pl.Series("tncsi_sp", score_of(excess)),
        pl.Series("excess_ratio", excess),
        pl.Series("pool_loc", fit.loc),
        pl.Series("pool_scale", fit.scale),
        pl.Series("n_pool", fit.n),
    ]


def count_of_record(
    rows: NDArray[np.int32], counts: Counts, precedence: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Place in `precedence` of the first source that knows each paper, −1 if none, and c."""
    if missing := sorted(counts.keys() - set(precedence)):
        raise InputError(f"expected every citation source in the precedence, missing: {missing}")
    chosen, cited = np.full(rows.size, -1, np.int64), np.full(rows.size, UNKNOWN, np.int32)
    for position, source in enumerate(precedence):
        if source not in counts:
            continue
        if rows.size and rows.max() >= counts[source].size:
            raise InputError(
                f"expected counts of {source} up to row {rows.max()}, "
                f"received {counts[source].size} rows"
            )
        count = counts[source][rows]
        first = (chosen == -1) & (count != UNKNOWN)
        chosen[first], cited[first] = position, count[first]
    return chosen, cited


def source_names(chosen: NDArray[np.int64], precedence: Sequence[str]) -> pl.Series:
    """`citation_source` of every place in `precedence` that `count_of_record` gave, shape (q,)."""
    names = pl.Series("citation_source", [*precedence, None], dtype=pl.String)
    return names.gather(np.where(chosen < 0, len(precedence), chosen))
