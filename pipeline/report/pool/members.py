"""The right panel of a pool: how similar its members are, and when they were published.

Belongs here: discs of members whose count is known, crosses of the others. Where all dates are one,
as of a library that knows years only, citations take the place of dates.
"""

import math
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.report.figures.canvas import BLUE, VERMILION
from pipeline.report.pool.axes import (
    CITATIONS,
    Row,
    citation_axis,
    legend_above,
    mark_paper,
    most_cited,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Window = tuple[date, date]
_SHADE = "#eeeeee"


def draw_members(axes: "Axes", paper: Row, pool: pl.DataFrame, window: Window | None) -> None:
    """Similarity against date, or against citations where there is hardly a date to tell."""
    axes.set(ylabel="similarity (cosine) to the paper")
    placed = pool.drop_nulls(["similarity", "publication_date"])
    if not placed.height:
        axes.text(0.5, 0.5, "no member to show", transform=axes.transAxes, ha="center")
    elif placed["publication_date"].n_unique() > 1:
        _against_date(axes, paper, placed, window)
    else:
        _against_citations(axes, paper, placed, window)
    legend_above(axes, 1.35)


def _against_date(axes: "Axes", paper: Row, pool: pl.DataFrame, window: Window | None) -> None:
    """The more a member is cited, the larger its disc."""
    if window:
        first, last = (_on_axis(day) for day in window)
        axes.axvspan(first, last, color=_SHADE, zorder=0, label="window of the pool")
    known, unknown = _by_knowledge(pool)
    size = 5 + 8 * np.log1p(known["cited_by_count"].to_numpy())
    _discs(axes, _days(known), known, size, "; the more cited, the larger")
    _crosses(axes, _days(unknown), unknown)
    if (day := paper["publication_date"]) is not None:
        axes.axvline(_on_axis(day), color="black", lw=1.8, label=f"this paper: {day}")
    axes.xaxis_date()
    axes.set_xlabel("published (date)")


def _days(pool: pl.DataFrame) -> NDArray[np.float64]:
    """Publication dates as matplotlib counts them: days since 1970."""
    return pool["publication_date"].to_physical().cast(pl.Float64).to_numpy()


def _on_axis(day: date) -> float:
    return (day - date(1970, 1, 1)).days


def _against_citations(axes: "Axes", paper: Row, pool: pl.DataFrame, window: Window | None) -> None:
    """Members whose count is unknown stand left of 0."""
    known, unknown = _by_knowledge(pool)
    counts = known["cited_by_count"].cast(pl.Int64).to_numpy()
    _discs(axes, np.log1p(counts), known, np.full(counts.size, 16.0), "")
    _crosses(axes, np.full(unknown.height, math.log(0.5)), unknown)
    mark_paper(axes, paper)
    citation_axis(axes, most_cited(paper, counts))
    axes.set_xlabel(CITATIONS)
    day = pool["publication_date"][0]
    around = f", window {window[0]} to {window[1]}" if window else ""
    axes.set_title(f"all members dated {day}{around}", fontsize=8)


def _by_knowledge(pool: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    unknown = pl.col("cited_by_count").is_null()
    return pool.filter(~unknown), pool.filter(unknown)


# Both are drawn as one picture within an SVG: a thousand marks would be larger than all the rest.
def _discs(
    axes: "Axes", x: NDArray[np.float64], pool: pl.DataFrame, size: NDArray[np.float64], more: str
) -> None:
    if pool.height:
        axes.scatter(
            x, pool["similarity"].to_numpy(), s=size, facecolor=BLUE, alpha=0.35, linewidth=0,
            rasterized=True, label=f"pool, {pool.height:,} counts{more}",
        )  # fmt: skip


def _crosses(axes: "Axes", x: NDArray[np.float64], pool: pl.DataFrame) -> None:
    if pool.height:
        axes.scatter(
            x, pool["similarity"].to_numpy(), s=12, marker="x", color=VERMILION, linewidth=0.8,
            rasterized=True, label=f"pool, count unknown: {pool.height:,}",
        )  # fmt: skip
