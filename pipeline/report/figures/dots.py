"""The dot plot: values with their intervals, one line each (Cleveland 1984).

Belongs here: any ranking with intervals. Not: trends (trends.py), nor systems beside each other on
several measures (quality.py).
"""

import numpy as np
import polars as pl

from pipeline.report.figures.canvas import BLACK, BLUE, canvas, label, quiet, to_png


def dot_plot(rows: pl.DataFrame, unit: str, reference: float | None = None) -> bytes:
    """PNG of `rows` (label, value, low, high), the first on top; `reference` is a dashed line.

    At least one row is needed; a row without interval has its dot only.
    """
    figure = canvas(0.55 + 0.155 * max(3, rows.height))
    axes = figure.add_subplot()
    at = np.arange(rows.height)
    value = rows["value"].to_numpy()
    reach = [
        np.nan_to_num((value - rows["low"].to_numpy()).astype(float)).clip(0),
        np.nan_to_num((rows["high"].to_numpy() - value).astype(float)).clip(0),
    ]
    axes.errorbar(
        value, at, xerr=reach, linestyle="none", marker="o", color=BLUE, markersize=3.5,
        elinewidth=1.1, capsize=0,
    )  # fmt: skip
    if reference is not None:
        axes.axvline(reference, color=BLACK, linewidth=0.8, linestyle="--")
    axes.set_yticks(at, [label(text, 34) for text in rows["label"]])
    axes.set_ylim(rows.height - 0.4, -0.6)
    axes.set_xlabel(unit, fontsize=7)
    quiet(axes)
    axes.tick_params(axis="y", labelsize=6.5)
    return to_png(figure)
