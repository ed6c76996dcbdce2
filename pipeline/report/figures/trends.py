"""Small multiples of a mean through the years, with its interval.

Belongs here: lines by year. Not: rankings (dots.py).
"""

import polars as pl

from pipeline.report.figures.canvas import BLACK, BLUE, canvas, label, quiet, to_png

SHORT = 14  # characters of a label that leave room for three panels beside each other


def trend_panels(rows: pl.DataFrame, reference: float) -> bytes:
    """PNG of a panel per label, on one scale: `rows` are label, year, value, low, high.

    Panels come in the order of the labels' first rows. At least one row is needed.
    """
    labels = rows["label"].unique(maintain_order=True).to_list()
    n_columns = 3 if max(map(len, labels)) <= SHORT else 2
    n_rows = -(-len(labels) // n_columns)
    figure = canvas(0.3 + 0.85 * n_rows)
    panels = list(figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes, name in zip(panels, labels, strict=False):
        mine = rows.filter(label=name).sort("year")
        years = mine["year"].to_numpy()
        axes.fill_between(
            years, mine["low"].to_numpy(), mine["high"].to_numpy(), color=BLUE, alpha=0.25, lw=0
        )
        axes.plot(years, mine["value"].to_numpy(), color=BLUE, marker="o", ms=1.8, lw=0.9)
        axes.axhline(reference, color=BLACK, linewidth=0.7, linestyle="--")
        axes.set_title(label(name, 17 if n_columns == 3 else 28), fontsize=7, loc="left", pad=2)
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=3)
        quiet(axes, grid="y")
        axes.tick_params(labelsize=6)
    for axes in panels[len(labels) :]:
        axes.set_visible(False)
    return to_png(figure)
