"""Scores as of an earlier day, from the history of counts.

Belongs here: counts known on a day, and what a score would have been with them. Not: how a pool
is scored (tncsi.py), what was published (releases keep that), or where tables lie.

Counts are those of the day, pools are those of *now*: who belongs to whose topic is judged with
every paper known today. A member whose count nobody had told by that day has none, so `n_pool` is
the smaller the farther back one looks. What readers were really shown on that day stands in the
release of that day.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.companions import PaperFacts
from pipeline.impact.pools import PoolRule
from pipeline.impact.tncsi import dense_counts, score_pools
from pipeline.tables import TNCSI_SP

_KEY = ["paper_id", "citation_source"]
TRAJECTORY_COLUMNS = (
    "day", "citation_source", "cited_by_count", "n_pool", "pool_loc", "pool_scale",
    "tncsi_sp", "excess_ratio", "status",
)  # fmt: skip
TRAJECTORY_SCHEMA = pl.Schema(
    {"day": pl.Date} | {name: TNCSI_SP.schema[name] for name in TRAJECTORY_COLUMNS[1:]}
)


def counts_on(snapshots: pl.DataFrame, day: date) -> pl.DataFrame:
    """The newest row of every paper and source that was observed on or before `day`."""
    known = snapshots.filter(pl.col("observed_on") <= day)
    # A paper that moved to another venue-year left its history there: rows of one day may be two.
    ordered = known.sort(*_KEY, "observed_on", "venue", "year")
    return ordered.group_by(_KEY, maintain_order=True).last()


def scores_as_of(
    pools: pl.DataFrame,
    snapshots: pl.DataFrame,
    day: date,
    *,
    paper_rows: pl.DataFrame,
    undated: NDArray[np.int32],
    precedence: Sequence[str],
    rule: PoolRule,
    facts: PaperFacts | None = None,
) -> pl.DataFrame:
    """`tncsi_sp` rows of the papers in `pools`, with the counts known on `day`.

    Args:
        pools: `topic_pools` rows, as they are now.
        snapshots: `citation_snapshots` of these papers and of all members.
        day: counts observed later are not known yet.
        paper_rows: `paper_id, paper_row` of the same papers; snapshots of others are left out.
        undated: `paper_row` of papers without publication date.
        precedence: sources, the most trusted first.
        rule: gives `n_min`, the fewest known counts for a score.
        facts: of the papers and all members, for the companions that look at them.

    Raises:
        InputError: a source without precedence, or `paper_rows` that lack a member.
    """
    counts = counts_on(snapshots, day).join(paper_rows.select("paper_id", "paper_row"), "paper_id")
    n_rows = max(paper_rows["paper_row"].to_list(), default=-1) + 1
    dense = dense_counts(counts, n_rows)
    return score_pools(
        pools,
        dense,
        undated=undated,
        precedence=precedence,
        rule=rule,
        facts=facts and facts.reaching(n_rows),
    )


def trajectory(
    pool: pl.DataFrame,
    snapshots: pl.DataFrame,
    *,
    paper_rows: pl.DataFrame,
    undated: NDArray[np.int32],
    precedence: Sequence[str],
    rule: PoolRule,
    pool_days: bool = False,
) -> pl.DataFrame:
    """The score of one paper through time: TRAJECTORY_COLUMNS, a row per day on which it moved.

    Days are those on which the paper's own count was seen to move, and the newest on which any
    count of its pool did, so that the last row is the present; with `pool_days`, every day on
    which any count of its pool moved. Other arguments as of `scores_as_of`, `pool` being one row.
    """
    own = snapshots.filter(pl.col("paper_id").is_in(pool["paper_id"].implode()))
    if pool_days:
        days = sorted(set(snapshots["observed_on"]))
    else:
        days = sorted({*own["observed_on"], *snapshots["observed_on"].sort().tail(1)})
    rows = [
        scores_as_of(
            pool, snapshots, day,
            paper_rows=paper_rows, undated=undated, precedence=precedence, rule=rule,
        ).select(pl.lit(day).alias("day"), *TRAJECTORY_COLUMNS[1:])
        for day in days
    ]  # fmt: skip
    return _moves(pl.concat([TRAJECTORY_SCHEMA.to_frame(), *rows]))


def _moves(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that differ from the one before: a count of a source nobody scores by moves nothing."""
    values = TRAJECTORY_COLUMNS[1:]
    first = pl.int_range(pl.len()) == 0
    return rows.filter(
        first | pl.any_horizontal(pl.col(v).ne_missing(pl.col(v).shift()) for v in values)
    )
