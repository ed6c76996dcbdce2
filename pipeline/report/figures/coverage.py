"""Figures of coverage: how much of each venue-year is held.

Belongs here: maps of shares by venue × year. Not: how a venue-year's papers are counted
(pipeline/corpus/papers.py).
"""

from typing import TYPE_CHECKING

import polars as pl

from pipeline.report.figures.canvas import METADATA_DPI, canvas, to_png
from pipeline.report.figures.maps import draw_map, draw_unknown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WRITTEN_CELLS = 12  # venue-years up to which there is room for numbers
TICKS = 8  # years named below a map of the page


def share_map(cells: pl.DataFrame, title: str) -> bytes:
    """PNG of a venue × year map of `cells`: venue, year, and a share between 0 and 1.

    Null is drawn grey, and what has no row is blank. At least one row is needed.
    """
    venues, years = sorted(cells["venue"].unique()), sorted(cells["year"].unique())
    figure = canvas(1.1 + 0.14 * max(4, len(venues)))
    axes = figure.add_subplot()
    image = draw_map(axes, venues, years, cells, TICKS)
    draw_unknown(axes, venues, years, cells.filter(pl.nth(2).is_null()))
    axes.set_title(title, fontsize=8, loc="left")
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.8, aspect=40)
    bar.ax.xaxis.set_major_formatter("{x:.0%}")
    bar.ax.tick_params(labelsize=7)
    return to_png(figure)


def coverage_map(coverage: pl.DataFrame) -> bytes:
    """PNG of the share of each venue-year's expected papers that each source tells of.

    `coverage`: rows of `venue_coverage`. Grey: nobody says how many papers to expect; blank:
    nobody tells of the venue-year at all. Small maps have their numbers written in.
    """
    sources, shares = sorted(coverage["source"].unique()), _shares(coverage)
    venues, years = sorted(shares["venue"].unique()), sorted(shares["year"].unique())
    n_years = years[-1] - years[0] + 1
    n_columns = min(2, len(sources))  # more beside each other would be shown too small to read
    n_rows = -(-len(sources) // n_columns)
    width = max(5.5, 1.8 + n_columns * max(2.2, 0.11 * n_years))
    height = 0.6 + n_rows * (0.7 + max(0.6, 0.16 * len(venues)))
    figure = canvas(height, width)
    panels = list(figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes, source in zip(panels, sources, strict=False):
        mine = shares.filter(source=source).drop("source")
        image = draw_map(axes, venues, years, mine.select("venue", "year", "share"))
        draw_unknown(axes, venues, years, mine.filter(pl.col("share").is_null()))
        if n_years * len(venues) <= WRITTEN_CELLS:
            _write_numbers(axes, venues, years, mine)
        axes.set_title(source, fontsize=8)
        axes.tick_params(labelbottom=True)
    for axes in panels[len(sources) :]:
        axes.set_visible(False)
    figure.suptitle("Share of expected papers found (grey: number expected unknown)", fontsize=9)
    figure.colorbar(image, ax=figure.axes, shrink=0.8, aspect=30).ax.tick_params(labelsize=7)
    return to_png(figure, METADATA_DPI)


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


def _write_numbers(axes: "Axes", venues: list[str], years: list[int], shares: pl.DataFrame) -> None:
    for row in shares.iter_rows(named=True):
        of = "?" if row["share"] is None else f"{row['n_expected']:,}"
        dark = row["share"] is not None and row["share"] < 0.5
        axes.text(
            row["year"] - years[0], venues.index(row["venue"]), f"{row['n_found']:,} of {of}",
            ha="center", va="center", fontsize=7, color="white" if dark else "black",
        )  # fmt: skip
