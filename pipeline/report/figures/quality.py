"""The plot of `retrieval_quality`: means with their intervals, system beside system.

Belongs here: what the picture shows. Not: where it is attached (assets/materialise.py).
"""

from typing import TYPE_CHECKING

import polars as pl

from pipeline.report.figures.canvas import COLOURS, MARKS, METADATA_DPI, canvas, label, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def quality_plot(quality: pl.DataFrame, dpi: int = METADATA_DPI) -> bytes:
    """PNG of rows of `retrieval_quality`: a panel per measure, a band per benchmark and domain.

    At least one row is needed.
    Bars are 95% bootstrap intervals. They say how sure each mean is; whether two systems differ is
    the paired test's business, for these share their queries.
    """
    measures = quality["measure"].unique(maintain_order=True).to_list()
    systems = quality["system"].unique(maintain_order=True).to_list()
    bands = quality.select("benchmark", "domain").unique(maintain_order=True).rows()
    spacing = len(systems) + 1.2
    height = 0.9 + 0.17 * spacing * len(bands) + 0.2 * len(systems)
    figure = canvas(height, 1.6 + 2.3 * len(measures))
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for axes, measure in zip(panels, measures, strict=True):
        mine = quality.filter(measure=measure)
        for i, system in enumerate(systems):
            _draw_system(axes, mine.filter(system=system), bands, spacing, i, system)
        axes.set_title(measure, fontsize=9)
        axes.tick_params(axis="x", labelsize=7)
        axes.grid(axis="x", color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
        for band in range(1, len(bands)):
            axes.axhline(band * spacing - 1.1, color="0.8", linewidth=0.6)
    centre = (len(systems) - 1) / 2
    labels = [_label(quality, *band) for band in bands]
    ticks = [band * spacing + centre for band in range(len(bands))]
    panels[0].set_yticks(ticks, labels, fontsize=7)
    panels[0].set_ylim(len(bands) * spacing - 1.1, -1.1)
    handles, names = panels[0].get_legend_handles_labels()
    figure.suptitle("Mean over queries and its 95% interval", fontsize=9)
    figure.legend(handles, names, loc="outside lower left", fontsize=7, frameon=False)
    return to_png(figure, dpi)


def _draw_system(
    axes: "Axes",
    rows: pl.DataFrame,
    bands: list[tuple[str, str]],
    spacing: float,
    place: int,
    system: str,
) -> None:
    at = [bands.index(band) * spacing + place for band in rows.select("benchmark", "domain").rows()]
    value = rows["value"].to_numpy()
    reach = [value - rows["low"].to_numpy(), rows["high"].to_numpy() - value]
    colour = COLOURS[place % len(COLOURS)]
    mark = MARKS[(place + place // len(COLOURS)) % len(MARKS)]
    axes.errorbar(
        value, at, xerr=[r.clip(0) for r in reach], label=label(system), linestyle="none",
        marker=mark, color=colour, markersize=4, elinewidth=1.1, capsize=2,
    )  # fmt: skip


def _label(quality: pl.DataFrame, benchmark: str, domain: str) -> str:
    n_queries = max(quality.filter(benchmark=benchmark, domain=domain)["n_queries"].to_list())
    name = label(benchmark) if domain == "all" else f"{label(benchmark)}\n{domain}"
    return f"{name}\n({n_queries:,} queries)"
