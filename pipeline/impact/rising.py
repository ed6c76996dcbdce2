"""Rising papers: whose standing among their pools grew most between two days.

Belongs here: which two days, which papers may be compared, and their rank. Not: scores of a day
(history.py, tncsi.py), or reading the history of counts.

A paper's excess_ratio as of both days comes from the counts known on each and the pools of now, so
that what moved is counts and nothing else. Left out is whatever would look like a rise without
being one: fewer than MIN_GAIN new citations (0 → 1 in a pool of zeros is a large step of the
ratio); a count that another source told on the second day, since sources differ by factors; a pool
of which less than KNOWN_BEFORE was known on the first day, since its scale then moved because it
became known.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.history import counts_on
from pipeline.impact.pool_measures import Counts
from pipeline.impact.pools import PoolRule
from pipeline.impact.tncsi import dense_counts, score_pools
from pipeline.tables import RISING_PAPERS

DAYS = 180
"""How far to look back."""
MIN_GAIN = 3
"""Fewest new citations of a rising paper."""
KNOWN_BEFORE = 0.8
"""Least n_pool on the first day / n_pool on the second."""
N_HIGHEST = 200


def two_days(snapshots: pl.DataFrame) -> tuple[date, date] | None:
    """(since, until): the newest day on which a count moved, and DAYS before it.

    Where the history is shorter, since is its first day; None where it has one day or none.
    """
    days = snapshots["observed_on"].unique().sort()
    if days.len() < 2:
        return None
    first, until = days[0], days[-1]
    return max(first, until - timedelta(DAYS)), until


def gainers(snapshots: pl.DataFrame, since: date, until: date) -> pl.DataFrame:
    """`paper_id, citation_source` of counts that grew by MIN_GAIN or more between the two days."""
    key = ["paper_id", "citation_source"]
    before, after = (counts_on(snapshots, d).select(*key, "cited_by_count") for d in (since, until))
    both = before.join(after, on=key, suffix="_after")
    gain = pl.col("cited_by_count_after") - pl.col("cited_by_count")
    return both.filter(gain >= MIN_GAIN).select(key)


def rising_papers(
    pools: Iterable[pl.DataFrame],
    snapshots: pl.DataFrame,
    *,
    since: date,
    until: date,
    paper_rows: pl.DataFrame,
    undated: NDArray[np.int32],
    precedence: Sequence[str],
    rule: PoolRule,
    highest: int = N_HIGHEST,
) -> pl.DataFrame:
    """`rising_papers` rows, the steepest rise first; equal ones by paper id.

    Args:
        pools: `topic_pools` rows of the papers to compare, in parts that fit in memory: those of
            `gainers` are enough.
        snapshots: `citation_snapshots` of these papers and of all members.
        since, until: the two days.
        paper_rows: `paper_id, paper_row` of the same papers.
        undated, precedence, rule: as of `score_pools`.
        highest: most rows.

    Raises:
        InputError: a source without precedence, or `paper_rows` that lack a member.
    """
    counts = [_counts(snapshots, day, paper_rows) for day in (since, until)]
    parts = [RISING_PAPERS.empty()]
    for part in pools:
        before, after = (
            score_pools(part, known, undated=undated, precedence=precedence, rule=rule)
            for known in counts
        )
        parts.append(_rises(before, after, since, until))
        parts = [_highest(pl.concat(parts), highest)]  # no more are held than are kept
    return parts[0]


def _counts(snapshots: pl.DataFrame, day: date, paper_rows: pl.DataFrame) -> Counts:
    """Citations known on `day`, by source and `paper_row`."""
    rows = paper_rows.select("paper_id", "paper_row")
    n_rows = max(rows["paper_row"].to_list(), default=-1) + 1
    return dense_counts(counts_on(snapshots, day).join(rows, "paper_id"), n_rows)


def _rises(before: pl.DataFrame, after: pl.DataFrame, since: date, until: date) -> pl.DataFrame:
    """Rows without a rank of the papers that may be compared and rose."""
    columns = ["citation_source", "cited_by_count", "excess_ratio", "n_pool", "status"]
    both = before.join(after.select("paper_id", *columns), on="paper_id", suffix="_after")
    comparable = (
        (pl.col("status") == "ok")
        & (pl.col("status_after") == "ok")
        & (pl.col("citation_source") == pl.col("citation_source_after"))
        & (pl.col("n_pool") >= KNOWN_BEFORE * pl.col("n_pool_after"))
        & (pl.col("cited_by_count_after") - pl.col("cited_by_count") >= MIN_GAIN)
        & (pl.col("excess_ratio_after") > pl.col("excess_ratio"))
    )
    return (
        both.filter(comparable)
        .select(
            "paper_id",
            "venue",
            "year",
            "citation_source",
            rank=pl.lit(0, pl.Int32),
            since=pl.lit(since),
            until=pl.lit(until),
            cited_before="cited_by_count",
            cited_after="cited_by_count_after",
            excess_before="excess_ratio",
            excess_after="excess_ratio_after",
            rise=pl.col("excess_ratio_after") - pl.col("excess_ratio"),
        )
        .select(RISING_PAPERS.schema.names())
    )


def _highest(rises: pl.DataFrame, highest: int) -> pl.DataFrame:
    ranked = rises.sort(["rise", "paper_id"], descending=[True, False]).head(highest)
    return ranked.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32))
