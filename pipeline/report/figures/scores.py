"""Figures of TNCSI_SP and of the percentile: how they are distributed.

Belongs here: histograms, and the map of medians. Not: whether they should look so
(calibration.py), nor intervals of groups (dots.py).
"""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pipeline.report.figures.canvas import (
    BLACK,
    BLUE,
    METADATA_DPI,
    PAGE_WIDTH,
    canvas,
    label,
    quiet,
    to_png,
)
from pipeline.report.figures.maps import draw_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 20  # bars of a histogram from 0 to 1
COLUMNS = 3  # small multiples beside each other


def score_distribution(scores: pl.DataFrame) -> bytes:
    """PNG of TNCSI_SP by venue-year: a histogram of one, else a map of medians by venue × year.

    `scores`: venue, year, tncsi_sp (null where there is no score).
    """
    cells = scores.select("venue", "year").unique()
    known = scores.drop_nulls("tncsi_sp")
    if cells.height > 1:
        return to_png(_map_of_medians(cells, known), METADATA_DPI)
    figure = canvas(2.6, 5)
    axes = figure.add_subplot()
    venue, year = cells.row(0)
    axes.hist(known["tncsi_sp"].to_numpy(), bins=BINS, range=(0, 1), color=BLUE)
    axes.set(xlabel="TNCSI_SP", ylabel="papers", xlim=(0, 1))
    axes.set_title(f"{venue} {year}: {known.height:,} of {scores.height:,} papers scored")
    return to_png(figure, METADATA_DPI)


def score_histograms(scores: pl.DataFrame, names: dict[str, str]) -> bytes:
    """PNG of a histogram from 0 to 1 for each column in `names` (column -> what to call it).

    The dashed line is where all bars would end were the values uniform.
    """
    figure = canvas(1.55 * len(names))
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (column, name) in zip(panels, names.items(), strict=True):
        values = scores[column].drop_nulls().to_numpy()
        axes.hist(values, bins=BINS, range=(0, 1), color=BLUE, edgecolor="white", linewidth=0.4)
        axes.axhline(len(values) / BINS, color=BLACK, linewidth=0.8, linestyle="--")
        axes.set_title(name, fontsize=8, loc="left")
        axes.set_ylabel("papers", fontsize=7)
        axes.set_xlim(0, 1)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        quiet(axes, grid="y")
    return to_png(figure)


def group_histograms(scores: pl.DataFrame, column: str) -> bytes:
    """PNG of a small histogram of `column` for each `name`, all on one scale: shares per bar.

    `scores`: name, and `column` between 0 and 1 without nulls. At least one row is needed.
    """
    names = scores["name"].unique().sort().to_list()
    n_rows = -(-len(names) // COLUMNS)
    figure = canvas(0.3 + 0.85 * n_rows)
    panels = figure.subplots(n_rows, COLUMNS, sharex=True, sharey=True, squeeze=False).flat
    for axes, name in zip(panels, names, strict=False):
        values = scores.filter(name=name)[column].to_numpy()
        weights = np.full(len(values), 1 / len(values))
        axes.hist(values, bins=BINS // 2, range=(0, 1), weights=weights, color=BLUE)
        axes.axhline(2 / BINS, color=BLACK, linewidth=0.7, linestyle="--")
        axes.set_title(f"{label(name, 14)} ({len(values):,})", fontsize=7, loc="left", pad=2)
        axes.set(xlim=(0, 1), xticks=(0, 0.5, 1), xticklabels=("0", "½", "1"))
        axes.yaxis.set_major_formatter("{x:.0%}")
        quiet(axes, grid="y")
    for axes in list(figure.axes)[len(names) :]:
        axes.set_visible(False)
    return to_png(figure)


def _map_of_medians(cells: pl.DataFrame, known: pl.DataFrame) -> "Figure":
    venues, years = sorted(cells["venue"].unique()), sorted(cells["year"].unique())
    width = 3 + 0.22 * (years[-1] - years[0] + 1)
    figure = canvas(1.4 + 0.22 * len(venues), max(width, PAGE_WIDTH))
    axes = figure.add_subplot()
    medians = known.group_by("venue", "year").agg(pl.col("tncsi_sp").median())
    image = draw_map(axes, venues, years, medians)
    axes.set_title("Median TNCSI_SP by venue and year (blank: no scores)", fontsize=9)
    figure.colorbar(image, ax=axes, shrink=0.8)
    return figure
