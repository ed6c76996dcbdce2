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
WRITTEN_CELLS = 12  # venue-years up to which there is room for numbers


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

    `coverage`: rows of `venue_coverage`. Grey: nobody says how many papers to expect; blank:
    nobody tells of the venue-year at all. Small maps have their numbers written in.
    """
    from matplotlib.figure import Figure

    sources, shares = sorted(coverage["source"].unique()), _shares(coverage)
    venues, years = sorted(shares["venue"].unique()), sorted(shares["year"].unique())
    n_years = years[-1] - years[0] + 1
    n_columns = min(2, len(sources))  # more beside each other would be shown too small to read
    n_rows = -(-len(sources) // n_columns)
    width = max(5.5, 1.8 + n_columns * max(2.2, 0.11 * n_years))
    height = 0.6 + n_rows * (0.7 + max(0.6, 0.16 * len(venues)))
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = list(figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes, source in zip(panels, sources, strict=False):
        mine = shares.filter(source=source).drop("source")
        image = _draw_map(axes, venues, years, mine.select("venue", "year", "share"))
        _draw_unknown(axes, venues, years, mine.filter(pl.col("share").is_null()))
        if n_years * len(venues) <= WRITTEN_CELLS:
            _write_numbers(axes, venues, years, mine)
        axes.set_title(source, fontsize=8)
        axes.tick_params(labelbottom=True)
    for axes in panels[len(sources) :]:
        axes.set_visible(False)
    figure.suptitle("Share of expected papers found (grey: number expected unknown)", fontsize=9)
    figure.colorbar(image, ax=figure.axes, shrink=0.8, aspect=30).ax.tick_params(labelsize=7)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _shares(coverage: pl.DataFrame) -> pl.DataFrame:
    """(venue, year, source, share, n_found, n_expected) of every source in every venue-year.

    A source without a row tells of nothing there: that is a gap, and gaps are to be seen.
    """
    cells = coverage.group_by("venue", "year").agg(pl.col("n_expected").max())
    sources = coverage.select(pl.col("source").unique())
    found = coverage.select("venue", "year", "source", "n_found")
    expected = pl.when(pl.col("n_expected") > 0).then("n_expected")
    return (
        cells.join(sources, how="cross")
        .join(found, on=["venue", "year", "source"], how="left")
        .with_columns(pl.col("n_found").fill_null(0))
        .select("venue", "year", "source", share=pl.col("n_found") / expected,
                n_found="n_found", n_expected="n_expected")
    )  # fmt: skip


def _draw_unknown(axes: "Axes", venues: list[str], years: list[int], cells: pl.DataFrame) -> None:
    grid = np.full((len(venues), years[-1] - years[0] + 1), np.nan)
    for venue, year in cells.select("venue", "year").iter_rows():
        grid[venues.index(venue), year - years[0]] = 0.2
    axes.imshow(grid, vmin=0, vmax=1, cmap="Greys", aspect="auto")


def _write_numbers(axes: "Axes", venues: list[str], years: list[int], shares: pl.DataFrame) -> None:
    for row in shares.iter_rows(named=True):
        of = "?" if row["share"] is None else f"{row['n_expected']:,}"
        dark = row["share"] is not None and row["share"] < 0.5
        axes.text(
            row["year"] - years[0], venues.index(row["venue"]), f"{row['n_found']:,} of {of}",
            ha="center", va="center", fontsize=7, color="white" if dark else "black",
        )  # fmt: skip


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
