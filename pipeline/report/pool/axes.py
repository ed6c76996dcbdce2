"""The axis of citations, the paper's line and the legend, which both panels have.

Belongs here: what is drawn alike left and right. Not: the panels (counts.py, members.py).
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
"""A paper by its columns' names: those that `pool_plot` lists."""

CITATIONS = "citations, on a scale of log(1 + citations)"


def most_cited(paper: Row, counts: NDArray[np.int64]) -> int:
    """The largest count to be drawn, the paper's own among them."""
    return max(int(counts.max(initial=1)), paper["cited_by_count"] or 0)


def citation_axis(axes: "Axes", most: int) -> None:
    """Counts that people know: 0, 1, 10, 100, …, and threes between where there is room."""
    powers = [10**k for k in range(len(str(most)) + 1)]
    thirds = [3 * p for p in powers] if len(powers) < 6 else []
    shown = [c for c in sorted([0, *powers, *thirds]) if c <= most * 1.5]
    axes.set_xticks(np.log1p(shown), [f"{c:,}" for c in shown])
    axes.set_xlim(math.log(0.4), math.log1p(most) + 0.3)


def mark_paper(axes: "Axes", paper: Row) -> None:
    """The paper as a black line."""
    if (cited := paper["cited_by_count"]) is not None:
        score = "" if paper["tncsi_sp"] is None else f", TNCSI_SP {paper['tncsi_sp']:.3f}"
        label = f"this paper: {cited:,}{score}"
        axes.axvline(math.log1p(cited), color="black", lw=1.8, label=label)


def legend_above(axes: "Axes", room: float) -> None:
    """A legend above what is drawn, `room` times as high."""
    if axes.get_legend_handles_labels()[0]:
        low, high = axes.get_ylim()
        axes.set_ylim(low, low + room * (high - low))
        axes.legend(loc="upper right", fontsize=7.5, framealpha=1)
