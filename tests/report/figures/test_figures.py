"""Figures of the page: what is drawn is what the rows say, and any name can stand in it."""

import struct
from typing import Any

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from pipeline.report.figures.calibration import BINS, distance_histogram, pit_histograms
from pipeline.report.figures.canvas import PAGE_DPI, PAGE_WIDTH, canvas, label, to_png
from pipeline.report.figures.coverage import share_map
from pipeline.report.figures.dots import dot_plot
from pipeline.report.figures.scores import group_histograms, score_histograms
from pipeline.report.figures.trends import trend_panels

NAMES = [
    "$a$ and $b",
    "<b>bold</b>",
    "مرحبا",
    "𝔘 🎉",
    "a name that is far too long to stand beside a plot",
]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is saved."""
    figures: list[Figure] = []
    savefig = Figure.savefig

    def saved(self: Figure, *args: Any, **kwargs: Any) -> None:
        figures.append(self)
        savefig(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", saved)
    return figures


def test_a_page_figure_is_small_and_sharp() -> None:
    """A page of a dozen figures that takes minutes on a phone."""
    figure = canvas(2)
    figure.add_subplot().plot([0, 1], [0, 1])
    png = to_png(figure)
    assert struct.unpack(">II", png[16:24]) == (round(PAGE_WIDTH * PAGE_DPI), 2 * PAGE_DPI)
    assert len(png) < 20_000
    assert png == to_png(figure)


def test_dots_stand_where_their_rows_say(drawn: list[Figure], recwarn: Any) -> None:
    """One group's interval beside another's name; a dollar sign read as a formula."""
    rows = pl.DataFrame(
        {"label": NAMES, "value": [0.6, 0.5, 0.4, 0.3, 0.2], "low": [0.5, 0.4, 0.3, 0.2, None],
         "high": [0.8, 0.6, 0.5, 0.4, None]}
    )  # fmt: skip
    dot_plot(rows, "unit", 0.5)
    (axes,) = drawn[0].axes
    points = axes.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(points, [[0.6, 0], [0.5, 1], [0.4, 2], [0.3, 3], [0.2, 4]])
    bars = axes.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose(bars[0][:, 0], [0.5, 0.8])
    np.testing.assert_allclose(bars[4][:, 0], [0.2, 0.2])  # no interval: its dot only
    shown = [text.get_text() for text in axes.get_yticklabels()]
    assert shown == [label(name, 34) for name in NAMES]
    assert shown[0] == r"\$a\$ and \$b"
    assert not recwarn.list


def test_bars_are_the_shares_given(drawn: list[Figure]) -> None:
    """The bars of one score under the name of another."""
    bins = list(range(1, BINS + 1))
    low = {"system": "a", "slice": "mine", "share": [0.1] * 9 + [0.2]}
    high = {"system": "b", "slice": "mine", "share": [0.3] + [0.05] * 9}
    line = {"system": "a", "slice": "planted", "share": [0.1] * 10}
    rows = pl.concat([pl.DataFrame({**one, "pit_bin": bins}) for one in (low, high, line)])
    pit_histograms(rows, {"a": "A", "b": "B"})
    first, second = drawn[0].axes
    assert first.get_title(loc="left") == "A"
    heights = [patch.get_data().values for patch in (*first.patches, *second.patches)]
    np.testing.assert_allclose(heights, [low["share"], line["share"], high["share"]])
    assert [t.get_text() for t in drawn[0].legends[0].get_texts()] == ["mine", "planted"]


def test_histograms_count_every_value_once(drawn: list[Figure]) -> None:
    """A score of exactly 1 falls off the last bar."""
    scores = pl.DataFrame({"a": [0.0, 0.5, 1.0, None], "name": ["x", "x", "y", "y"]})
    score_histograms(scores, {"a": "A"})
    group_histograms(scores.drop_nulls(), "a")
    assert sum(bar.get_height() for bar in drawn[0].axes[0].patches) == 3
    panels = [axes for axes in drawn[1].axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == ["x (2)", "y (1)"]
    for axes in panels:
        assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(1)


def test_distances_of_equal_pools(drawn: list[Figure]) -> None:
    """A histogram of one value has no width, and is no error."""
    distance_histogram(np.array([0.2, 0.2]), 0.05)
    assert sum(bar.get_height() for bar in drawn[0].axes[0].patches) == 2


def test_lines_join_the_years_of_one_group(drawn: list[Figure]) -> None:
    """Years out of order, or two groups in one line."""
    rows = pl.DataFrame(
        {"label": ["a", "b", "a"], "year": [2001, 2001, 2000], "value": [0.2, 0.9, 0.1],
         "low": [0.1, 0.8, 0.0], "high": [0.3, 1.0, 0.2]}
    )  # fmt: skip
    trend_panels(rows, 0.5)
    panels = [axes for axes in drawn[0].axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == ["a", "b"]
    np.testing.assert_allclose(panels[0].lines[0].get_xydata(), [[2000, 0.1], [2001, 0.2]])


def test_a_map_tells_nothing_from_unknown(drawn: list[Figure]) -> None:
    """A venue-year of which nothing is held drawn like one that nobody knows."""
    cells = pl.DataFrame(
        {"venue": ["a", "a", "b"], "year": [2000, 2002, 2000], "share": [0.0, None, 1.0]}
    )
    share_map(cells, "title")
    shown, unknown = (image.get_array().filled(np.nan) for image in drawn[0].axes[0].images)
    np.testing.assert_array_equal(shown, [[0, np.nan, np.nan], [1, np.nan, np.nan]])
    np.testing.assert_array_equal(np.isnan(unknown), [[True, True, False], [True] * 3])
