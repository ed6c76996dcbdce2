"""Plots in asset metadata: PNG bytes from frames.

Belongs here: what a picture shows. Not: where it is attached (materialise.py).
"""

import io
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 20  # bars of a single venue-year's histogram


def score_distribution(scores: pl.DataFrame) -> bytes:
    """PNG of TNCSI_SP by venue-year: a histogram of one, else a map of medians by venue × year.

    `scores`: venue, year, tncsi_sp (null where there is no score).
    """
    from matplotlib.figure import Figure  # here: loading a code location must not pay for it

    cells = scores.select("venue", "year").unique()
    known = scores.drop_nulls("tncsi_sp")
    if cells.height == 1:
        figure = Figure(figsize=(5, 2.6), layout="constrained")
        axes = figure.add_subplot()
        venue, year = cells.row(0)
        axes.hist(known["tncsi_sp"].to_numpy(), bins=BINS, range=(0, 1), color="#3b6ea5")
        axes.set(xlabel="TNCSI_SP", ylabel="papers", xlim=(0, 1))
        axes.set_title(f"{venue} {year}: {known.height:,} of {scores.height:,} papers scored")
    else:
        figure = _map_of_medians(Figure, cells, known)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _map_of_medians(
    figure_type: "type[Figure]", cells: pl.DataFrame, known: pl.DataFrame
) -> "Figure":
    venues, years = sorted(cells["venue"].unique()), sorted(cells["year"].unique())
    grid = np.full((len(venues), years[-1] - years[0] + 1), np.nan)
    medians = known.group_by("venue", "year").agg(pl.col("tncsi_sp").median())
    for venue, year, median in medians.iter_rows():
        grid[venues.index(venue), year - years[0]] = median
    figure = figure_type(
        figsize=(3 + 0.22 * grid.shape[1], 1.4 + 0.22 * len(venues)), layout="constrained"
    )
    axes = figure.add_subplot()
    image = axes.imshow(grid, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axes.set_yticks(range(len(venues)), venues, fontsize=7)
    ticks = range(0, grid.shape[1], max(1, grid.shape[1] // 12))
    axes.set_xticks(ticks, [str(years[0] + t) for t in ticks], fontsize=7, rotation=45)
    axes.set_title("Median TNCSI_SP by venue and year (blank: no scores)", fontsize=9)
    figure.colorbar(image, ax=axes, shrink=0.8)
    return figure
