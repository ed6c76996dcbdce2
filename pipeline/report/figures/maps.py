"""Venue × year maps: the grid, its axes and its colours.

Belongs here: what maps of coverage and of scores share. Not: what they map.
"""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.report.figures.canvas import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

TICKS = 12  # years named below a map, at most


def draw_map(
    axes: "Axes", venues: list[str], years: list[int], values: pl.DataFrame, ticks: int = TICKS
) -> "AxesImage":
    """A map of (venue, year, value between 0 and 1); what has no row, or null, stays blank.

    `years`: first and last are what counts; the axis has every year between.
    """
    grid = empty_grid(venues, years)
    for venue, year, value in values.iter_rows():
        grid[venues.index(venue), year - years[0]] = np.nan if value is None else value
    image = axes.imshow(
        grid, vmin=0, vmax=1, cmap="viridis", aspect="auto", interpolation="nearest"
    )
    axes.set_yticks(range(len(venues)), [label(venue) for venue in venues], fontsize=7)
    step = -(-grid.shape[1] // ticks)
    shown = range(0, grid.shape[1], step)
    axes.set_xticks(shown, [str(years[0] + t) for t in shown], fontsize=7, rotation=45)
    return image


def draw_unknown(axes: "Axes", venues: list[str], years: list[int], cells: pl.DataFrame) -> None:
    """Grey where `cells` (venue, year) are: a value exists, and nobody knows it."""
    grid = empty_grid(venues, years)
    for venue, year in cells.select("venue", "year").iter_rows():
        grid[venues.index(venue), year - years[0]] = 0.2
    axes.imshow(grid, vmin=0, vmax=1, cmap="Greys", aspect="auto", interpolation="nearest")


def empty_grid(venues: list[str], years: list[int]) -> NDArray[np.float64]:
    """A row per venue, a column per year from the first to the last, nothing in them."""
    return np.full((len(venues), years[-1] - years[0] + 1), np.nan)
