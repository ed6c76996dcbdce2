"""Figures of calibration: what a score would look like if it were a probability, and what it is.

Belongs here: PIT histograms (Dawid 1984; Gneiting, Balabdaoui and Raftery 2007), and distances of
pools from the exponential. Not: the values (pipeline/impact) or the verdict in words
(pipeline/report/impact/calibration.py).
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.report.figures.canvas import BLACK, BLUE, COLOURS, canvas, label, quiet, to_png

BINS = 10
STYLES = ("-", "--", ":", "-.")


def pit_histograms(shares: pl.DataFrame, names: dict[str, str]) -> bytes:
    """PNG of a panel per system in `names` (system -> what to call it): shares of BINS bins.

    `shares`: system, slice, pit_bin (from 1), share. The first slice of a system is drawn as bars,
    others as lines. The dashed line is where a calibrated value's bars would end.
    """
    from matplotlib.ticker import MultipleLocator

    figure = canvas(0.35 + 1.45 * len(names))
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    slices = shares["slice"].unique(maintain_order=True).to_list()
    for axes, (system, name) in zip(panels, names.items(), strict=True):
        mine = shares.filter(system=system).sort("pit_bin")
        for i, one in enumerate(s for s in slices if s in mine["slice"]):
            heights = mine.filter(slice=one)["share"].to_numpy()
            edges = np.linspace(0, 1, len(heights) + 1)
            if i == 0:
                axes.stairs(heights, edges, fill=True, color=BLUE, label=label(one))
            else:
                colour, style = COLOURS[1 + i % 5], STYLES[i % len(STYLES)]
                axes.stairs(heights, edges, color=colour, linestyle=style, label=label(one))
        axes.axhline(1 / BINS, color=BLACK, linewidth=0.8, linestyle="--")
        axes.set_title(name, fontsize=8, loc="left")
        axes.set_xlim(0, 1)
        axes.yaxis.set_major_locator(MultipleLocator(0.05))  # else ticks at 2.5%, written 2%
        axes.yaxis.set_major_formatter("{x:.0%}")
        quiet(axes, grid="y")
    if len(slices) > 1:
        handles, told = panels[0].get_legend_handles_labels()
        figure.legend(handles, told, loc="outside lower center", fontsize=7, frameon=False, ncols=2)
    return to_png(figure)


def distance_histogram(distances: NDArray[np.float64], expected: float) -> bytes:
    """PNG of how far pools are from the exponential fitted to them (0..1), beside `expected`."""
    figure = canvas(1.9)
    axes = figure.add_subplot()
    axes.hist(distances, bins=40, range=(0, max(0.5, float(distances.max()))), color=BLUE)
    axes.axvline(expected, color=BLACK, linewidth=1, linestyle="--")
    axes.set_xlabel("Kolmogorov–Smirnov distance", fontsize=7)
    axes.set_ylabel("pools", fontsize=7)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    quiet(axes, grid="y")
    return to_png(figure)
