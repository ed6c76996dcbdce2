"""Plots in asset metadata: PNG bytes from frames.

Belongs here: what a picture shows. Not: where it is attached (materialise.py).
"""

import io
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

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


def coverage_map(coverage: pl.DataFrame) -> bytes:
    """PNG of the share of each venue-year's expected papers that each source tells of.

    `coverage`: rows of `venue_coverage`. Blank: nobody says how many papers to expect.
    """
    from matplotlib.figure import Figure

    sources = coverage["source"].unique().sort()
    # A source without a row tells of nothing there: that is a gap, and gaps are to be seen.
    expected = (
        coverage.filter(pl.col("n_expected") > 0)
        .group_by("venue", "year")
        .agg(pl.col("n_expected").first())
    )
    known = (
        expected.join(pl.DataFrame({"source": sources}), how="cross")
        .join(coverage.drop("n_expected"), on=["venue", "year", "source"], how="left")
        .with_columns(share=pl.col("n_found").fill_null(0) / pl.col("n_expected"))
    )
    cells = coverage.select("venue", "year").unique()
    venues, years = sorted(cells["venue"].unique()), sorted(cells["year"].unique())
    width = 1.6 + len(sources) * (0.6 + 0.11 * (years[-1] - years[0] + 1))
    figure = Figure(figsize=(max(5, width), 1.6 + 0.2 * len(venues)), layout="constrained")
    panels = figure.subplots(1, len(sources), sharey=True, squeeze=False)[0]
    for axes, source in zip(panels, sources, strict=True):
        mine = known.filter(source=source).select("venue", "year", "share")
        image = _draw_map(axes, venues, years, mine)
        axes.set_title(source, fontsize=8)
    figure.suptitle("Share of expected papers found (blank: number expected unknown)", fontsize=9)
    figure.colorbar(image, ax=list(panels), shrink=0.8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _map_of_medians(
    figure_type: "type[Figure]", cells: pl.DataFrame, known: pl.DataFrame
) -> "Figure":
    venues, years = sorted(cells["venue"].unique()), sorted(cells["year"].unique())
    figure = figure_type(
        figsize=(3 + 0.22 * (years[-1] - years[0] + 1), 1.4 + 0.22 * len(venues)),
        layout="constrained",
    )
    axes = figure.add_subplot()
    medians = known.group_by("venue", "year").agg(pl.col("tncsi_sp").median())
    image = _draw_map(axes, venues, years, medians)
    axes.set_title("Median TNCSI_SP by venue and year (blank: no scores)", fontsize=9)
    figure.colorbar(image, ax=axes, shrink=0.8)
    return figure


def _draw_map(
    axes: "Axes", venues: list[str], years: list[int], values: pl.DataFrame
) -> "AxesImage":
    """A venue × year map of (venue, year, value between 0 and 1)."""
    grid = np.full((len(venues), years[-1] - years[0] + 1), np.nan)
    for venue, year, value in values.iter_rows():
        grid[venues.index(venue), year - years[0]] = value
    image = axes.imshow(grid, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axes.set_yticks(range(len(venues)), venues, fontsize=7)
    ticks = range(0, grid.shape[1], max(1, grid.shape[1] // 12))
    axes.set_xticks(ticks, [str(years[0] + t) for t in ticks], fontsize=7, rotation=45)
    return image
