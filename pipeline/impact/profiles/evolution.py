"""Whether a paper's citations gather speed: the impact evolution index (IEI) from snapshots.

Belongs here: months from cumulative counts, and the mean slope of the curve through six of them
(arXiv 2402.12928, L6 of its authors' code). Not: the history itself (pipeline/corpus/counts.py).

The authors count citing papers by their day of publication; here a month's citations are what the
source's count grew by. A count is stored only when it moves, so a month without a row may be a
month in which nobody looked. A month counts as looked at if, in it, any count of the paper's
venue-year moved at the same source; seven such months in a row are needed, the running one not
among them. Sources also take citations back: a later, lower count shows that what was above it
never was, so every count is lowered to the least one after it, and no month is negative.
"""

from math import comb

import polars as pl

MONTHS = 6
"""Control points of the curve (arXiv 2402.12928)."""

GRID = tuple(step / 99 for step in (0, 20, 40, 60, 80, 99))
"""Where the authors' code takes the slope: places of a grid of 100 points on 0..1."""

_CELL = ["venue", "year", "citation_source"]


def slope_weights(n_points: int = MONTHS) -> tuple[float, ...]:
    """Weights of the n − 1 differences of neighbouring points in the mean slope; they sum to 1.

    The Bézier curve of points (i, y_i) has dx/dt = n − 1, so its slope at t is
    Σ_i C(n − 2, i) (1 − t)^(n − 2 − i) t^i (y_{i+1} − y_i).
    """
    last = n_points - 2
    return tuple(
        sum(comb(last, i) * (1 - t) ** (last - i) * t**i for t in GRID) / len(GRID)
        for i in range(last + 1)
    )


def evolution_profiles(
    papers: pl.DataFrame, snapshots: pl.DataFrame, scores: pl.DataFrame
) -> pl.DataFrame:
    """`paper_id, n_observations, iei` of the papers whose count of record has a history.

    Args:
        papers: `paper_id, venue, year`: where each paper is at home now.
        snapshots: `citation_snapshots` of all of them.
        scores: `paper_id, citation_source`: whose count is the one of record, null if nobody's.
    """
    own = scores.drop_nulls("citation_source").select("paper_id", "citation_source")
    # A paper that moved home has two rows of one day: the last is what the day ended with.
    days = (
        snapshots.join(own, on=["paper_id", "citation_source"], how="semi")
        .sort("paper_id", "observed_on", "venue", "year")
        .unique(["paper_id", "observed_on"], keep="last", maintain_order=True)
    )
    n = days.group_by("paper_id").agg(
        n_observations=pl.len(), citation_source=pl.col("citation_source").first()
    )
    cells = _well_looked_at(snapshots)
    followed = (
        papers.select("paper_id", "venue", "year").join(n, on="paper_id").join(cells, on=_CELL)
    )
    levels = days.select(
        "paper_id",
        month=_month("observed_on"),
        level=pl.col("cited_by_count").cum_min(reverse=True).over("paper_id"),
    )
    return n.drop("citation_source").join(
        _indices(levels, followed.select("paper_id", "last_month")), on="paper_id", how="left"
    )


def _well_looked_at(snapshots: pl.DataFrame) -> pl.DataFrame:
    """Venue-years and sources that were looked at in each of the months needed, and `last_month`.

    That is the month before the newest one in which the source was looked at anywhere.
    """
    looks = snapshots.select(*_CELL, month=_month("observed_on")).unique()
    last = looks.group_by("citation_source").agg(last_month=pl.col("month").max() - 1)
    recent = looks.join(last, on="citation_source").filter(
        pl.col("month").is_between(pl.col("last_month") - MONTHS, pl.col("last_month"))
    )
    months = recent.group_by(*_CELL, "last_month").agg(n=pl.len())
    return months.filter(pl.col("n") == MONTHS + 1).drop("n")


def _indices(levels: pl.DataFrame, followed: pl.DataFrame) -> pl.DataFrame:
    """`paper_id, iei` of the papers whose count was known when the first month began."""
    rows = levels.join(followed, on="paper_id").with_columns(
        back=pl.col("last_month") - pl.col("month")
    )
    for back in range(MONTHS + 1):  # level at the end of each month, the newest first
        known = rows.filter(pl.col("back") >= back).group_by("paper_id")
        # Levels never fall, so the newest is the highest.
        followed = followed.join(
            known.agg(pl.col("level").max().alias(f"level_{back}")), on="paper_id", how="left"
        )
    gains = [pl.col(f"level_{b}") - pl.col(f"level_{b + 1}") for b in reversed(range(MONTHS))]
    slopes = [weight * (gains[i + 1] - gains[i]) for i, weight in enumerate(slope_weights())]
    return followed.select("paper_id", iei=sum(slopes[1:], slopes[0]))


def _month(day: str) -> pl.Expr:
    """Months since the year 0."""
    return pl.col(day).dt.year() * 12 + pl.col(day).dt.month().cast(pl.Int32) - 1
