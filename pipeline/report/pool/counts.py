"""The left panel of a pool: how often its members are cited.

Belongs here: bars of known counts, and what two distributions would put into the same bins. Not:
who is in the pool (pipeline/impact).
"""

from collections.abc import Iterator
from statistics import NormalDist
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

_GREY = "#bbbbbb"


def draw_counts(axes: "Axes", paper: Row, pool: pl.DataFrame) -> None:
    """Bars of the known counts, both expectations, and the paper."""
    counts = pool["cited_by_count"].drop_nulls().cast(pl.Int64).to_numpy()
    axes.set(xlabel=CITATIONS, ylabel="papers per unit of ln(1 + citations)")
    most = most_cited(paper, counts)
    if counts.size:
        edges = _edges(int(counts.max()), n_bins=round(2 * counts.size ** (1 / 3)) + 2)
        x = np.log1p(edges)
        seen = np.histogram(counts, edges)[0] / np.diff(x)
        axes.stairs(seen, x, fill=True, color=_GREY, label=f"pool, {counts.size:,} counts")
        for name, expected, colour, look in _expected(paper, counts, edges):
            middle, density = (x[1:] + x[:-1]) / 2, expected / np.diff(x)
            axes.plot(middle, density, look, label=name, color=colour, markersize=4)
    else:
        axes.text(0.5, 0.5, "no citation count known", transform=axes.transAxes, ha="center")
    mark_paper(axes, paper)
    citation_axis(axes, most)
    legend_above(axes, 1.45)


def _edges(most: int, *, n_bins: int) -> NDArray[np.float64]:
    """Bounds of bins halfway between counts, from that of 0 to beyond `most`; ever wider."""
    starts = np.unique(np.rint(np.geomspace(1, most + 2, n_bins + 1)).astype(np.int64)) - 1
    return starts.astype(np.float64) - 0.5


def _expected(
    paper: Row, counts: NDArray[np.int64], edges: NDArray[np.float64]
) -> Iterator[tuple[str, NDArray[np.float64], str, str]]:
    """Name, papers expected per bin, colour and looks of each distribution that has a spread."""
    if paper["pool_scale"]:
        excess = np.maximum(edges - paper["pool_loc"], 0) / paper["pool_scale"]
        expected = counts.size * np.diff(-np.expm1(-excess))
        yield "exponential of TNCSI_SP", expected, VERMILION, "-o"
    logs = np.log1p(counts)
    if logs.std() > 0:
        normal = NormalDist(float(logs.mean()), float(logs.std()))
        below = np.array([normal.cdf(x) for x in np.log1p(edges)])
        yield "lognormal of 1 + citations", counts.size * np.diff(below), BLUE, "--^"
