"""A picture of a pool: what one paper's citations were measured against.

Belongs here: PNG or SVG bytes from a paper and its pool. Not: who is in the pool or what the score
is (pipeline/impact), or where the picture goes.

Left, how often members are cited, on an axis of log(1 + citations), with what the fitted
exponential (the one that TNCSI_SP assumes) and a lognormal would put into the same bins. Right, how
similar members are and when they were published; where all dates are one, as of a library that
knows years only, how often they are cited. Lines differ in dashes and marks in shape, so that
nothing hangs on colour; colours are those of Okabe and Ito (2008).
"""

import io
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("png", "svg")
_BLUE, _ORANGE, _GREY, _SHADE = "#0072B2", "#D55E00", "#BBBBBB", "#EEEEEE"
_CITATIONS = "citations, on a scale of log(1 + citations)"
_TITLE = 90  # characters of the paper's title
_NEVER_DRAWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")

Row = Mapping[str, Any]
Window = tuple[date, date]


def pool_plot(
    paper: Row, pool: pl.DataFrame, *, window: Window | None, image_format: str = "png"
) -> bytes:
    """The picture's bytes, less than 150 kB, with `pool_alt` as its description.

    Args:
        paper: title, cited_by_count, tncsi_sp, pool_loc, pool_scale, publication_date; any but
            the title may be None.
        pool: cited_by_count (null where unknown), similarity, publication_date of each member.
        window: first and last day on which members may have been published.
        image_format: one of FORMATS. Equal input gives equal bytes.

    Raises:
        InputError: another format.
    """
    if image_format not in FORMATS:
        raise InputError(f"expected a picture as png or svg, received {image_format!r}")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style = rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "csimpact", "font.size": 9,
         "date.converter": "concise"}
    )  # fmt: skip
    with style, _no_glyph_warnings():
        figure = Figure(figsize=(9.2, 3.9), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_counts(left, paper, pool)
        _draw_members(right, paper, pool, window)
        title = _NEVER_DRAWN.sub(" ", paper["title"])
        title = title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"
        # A dollar sign in a title begins no formula. Readers of SVG have fonts of their own.
        shown = _drawable(title) if image_format == "png" else title
        figure.suptitle(shown, parse_math=False, fontsize=10)
        buffer = io.BytesIO()
        told = {"Title": title, "Description": pool_alt(paper, pool)}
        if image_format == "svg":
            told["Date"] = None  # type: ignore[assignment]  # else the bytes differ every time
        figure.savefig(buffer, format=image_format, dpi=110, metadata=told)
    return buffer.getvalue()


def pool_alt(paper: Row, pool: pl.DataFrame) -> str:
    """The picture in words, for those who cannot see it."""
    counts = pool["cited_by_count"].drop_nulls()
    said = f"A pool of {pool.height:,} papers, {counts.len():,} with a known citation count"
    if counts.len():
        middle = float(counts.cast(pl.Float64).median() or 0)  # type: ignore[arg-type]  # of floats
        said += f", half of them cited {middle:,.0f} times or less"
    if paper["cited_by_count"] is not None:
        said += f"; the paper is cited {paper['cited_by_count']:,} times"
    if paper["tncsi_sp"] is not None:
        said += f", TNCSI_SP {paper['tncsi_sp']:.3f}"
    return said + "."


def _draw_counts(axes: "Axes", paper: Row, pool: pl.DataFrame) -> None:
    """Bars of the known counts, both expectations, and the paper."""
    counts = pool["cited_by_count"].drop_nulls().cast(pl.Int64).to_numpy()
    axes.set(xlabel=_CITATIONS, ylabel="papers per unit of ln(1 + citations)")
    most = _most(paper, counts)
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
    _mark(axes, paper)
    _citation_axis(axes, most)
    _legend(axes, 1.45)


def _most(paper: Row, counts: NDArray[np.int64]) -> int:
    return max(int(counts.max(initial=1)), paper["cited_by_count"] or 0)


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
        yield "exponential of TNCSI_SP", expected, _ORANGE, "-o"
    logs = np.log1p(counts)
    if logs.std() > 0:
        normal = NormalDist(float(logs.mean()), float(logs.std()))
        below = np.array([normal.cdf(x) for x in np.log1p(edges)])
        yield "lognormal of 1 + citations", counts.size * np.diff(below), _BLUE, "--^"


def _citation_axis(axes: "Axes", most: int) -> None:
    """Counts that people know: 0, 1, 10, 100, …, and threes between where there is room."""
    powers = [10**k for k in range(len(str(most)) + 1)]
    thirds = [3 * p for p in powers] if len(powers) < 6 else []
    shown = [c for c in sorted([0, *powers, *thirds]) if c <= most * 1.5]
    axes.set_xticks(np.log1p(shown), [f"{c:,}" for c in shown])
    axes.set_xlim(math.log(0.4), math.log1p(most) + 0.3)


def _mark(axes: "Axes", paper: Row) -> None:
    """The paper as a black line."""
    if (cited := paper["cited_by_count"]) is not None:
        score = "" if paper["tncsi_sp"] is None else f", TNCSI_SP {paper['tncsi_sp']:.3f}"
        label = f"this paper: {cited:,}{score}"
        axes.axvline(math.log1p(cited), color="black", lw=1.8, label=label)


def _legend(axes: "Axes", room: float) -> None:
    """A legend above what is drawn, `room` times as high."""
    if axes.get_legend_handles_labels()[0]:
        low, high = axes.get_ylim()
        axes.set_ylim(low, low + room * (high - low))
        axes.legend(loc="upper right", fontsize=7.5, framealpha=0.9)


def _draw_members(axes: "Axes", paper: Row, pool: pl.DataFrame, window: Window | None) -> None:
    """Similarity against date, or against citations where there is hardly a date to tell."""
    axes.set(ylabel="similarity (cosine) to the paper")
    placed = pool.drop_nulls(["similarity", "publication_date"])
    if not placed.height:
        axes.text(0.5, 0.5, "no member to show", transform=axes.transAxes, ha="center")
    elif placed["publication_date"].n_unique() > 1:
        _against_date(axes, paper, placed, window)
    else:
        _against_citations(axes, paper, placed, window)
    _legend(axes, 1.35)


def _against_date(axes: "Axes", paper: Row, pool: pl.DataFrame, window: Window | None) -> None:
    """The more a member is cited, the larger its disc."""
    if window:
        first, last = (_on_axis(day) for day in window)
        axes.axvspan(first, last, color=_SHADE, zorder=0, label="window of the pool")
    known, unknown = _by_knowledge(pool)
    size = 5 + 8 * np.log1p(known["cited_by_count"].to_numpy())
    _discs(axes, _days(known), known, size, "; the more cited, the larger")
    _crosses(axes, _days(unknown), unknown)
    if (day := paper["publication_date"]) is not None:
        axes.axvline(_on_axis(day), color="black", lw=1.8, label=f"this paper: {day}")
    axes.xaxis_date()
    axes.set_xlabel("published (date)")


def _days(pool: pl.DataFrame) -> NDArray[np.float64]:
    """Publication dates as matplotlib counts them: days since 1970."""
    return pool["publication_date"].to_physical().cast(pl.Float64).to_numpy()


def _on_axis(day: date) -> float:
    return (day - date(1970, 1, 1)).days


def _against_citations(axes: "Axes", paper: Row, pool: pl.DataFrame, window: Window | None) -> None:
    """Members whose count is unknown stand left of 0."""
    known, unknown = _by_knowledge(pool)
    counts = known["cited_by_count"].cast(pl.Int64).to_numpy()
    _discs(axes, np.log1p(counts), known, np.full(counts.size, 16.0), "")
    _crosses(axes, np.full(unknown.height, math.log(0.5)), unknown)
    _mark(axes, paper)
    _citation_axis(axes, _most(paper, counts))
    axes.set_xlabel(_CITATIONS)
    day = pool["publication_date"][0]
    around = f", window {window[0]} to {window[1]}" if window else ""
    axes.set_title(f"all members dated {day}{around}", fontsize=8)


def _by_knowledge(pool: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    unknown = pl.col("cited_by_count").is_null()
    return pool.filter(~unknown), pool.filter(unknown)


# Both are drawn as one picture within an SVG: a thousand marks would be larger than all the rest.
def _discs(
    axes: "Axes", x: NDArray[np.float64], pool: pl.DataFrame, size: NDArray[np.float64], more: str
) -> None:
    if pool.height:
        axes.scatter(
            x, pool["similarity"].to_numpy(), s=size, facecolor=_BLUE, alpha=0.35, linewidth=0,
            rasterized=True, label=f"pool, {pool.height:,} counts{more}",
        )  # fmt: skip


def _crosses(axes: "Axes", x: NDArray[np.float64], pool: pl.DataFrame) -> None:
    if pool.height:
        axes.scatter(
            x, pool["similarity"].to_numpy(), s=12, marker="x", color=_ORANGE, linewidth=0.8,
            rasterized=True, label=f"pool, count unknown: {pool.height:,}",
        )  # fmt: skip


def _drawable(text: str) -> str:
    """Characters that the font of a PNG lacks as white squares, one each."""
    glyphs = _glyphs()
    return "".join(c if ord(c) in glyphs else "\N{WHITE SQUARE}" for c in text)


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


@contextmanager
def _no_glyph_warnings() -> Iterator[None]:
    """Measuring the text of an SVG asks our font for glyphs that its reader's font will have."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
