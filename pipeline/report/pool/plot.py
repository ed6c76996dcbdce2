"""A picture of a pool: what one paper's citations were measured against.

Belongs here: PNG or SVG bytes from a paper and its pool. Not: who is in the pool or what the score
is (pipeline/impact), or where the picture goes.

Left, how often members are cited, on an axis of log(1 + citations), with what the fitted
exponential (the one that TNCSI_SP assumes) and a lognormal would put into the same bins
(counts.py). Right, how similar members are and when they were published (members.py). Lines differ
in dashes and marks in shape, so that nothing hangs on colour; colours are those of Okabe and Ito
(2008).
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import polars as pl

from pipeline.errors import InputError
from pipeline.report.pool.axes import Row
from pipeline.report.pool.counts import draw_counts
from pipeline.report.pool.members import Window, draw_members
from pipeline.wording import shortened, times

FORMATS = ("png", "svg")
_TITLE = 90  # characters of the paper's title
_NEVER_DRAWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


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
        draw_counts(left, paper, pool)
        draw_members(right, paper, pool, window)
        title = shortened(_NEVER_DRAWN.sub(" ", paper["title"]), _TITLE)
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
        said += f"; the paper is cited {times(paper['cited_by_count'])}"
    if paper["tncsi_sp"] is not None:
        said += f", TNCSI_SP {paper['tncsi_sp']:.3f}"
    return said + "."


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
