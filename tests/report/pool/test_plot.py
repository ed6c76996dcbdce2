"""Pictures and bars of a pool: whole, small, readable by machines, and never a crash."""

import io
import warnings
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from matplotlib.image import imread

from pipeline.errors import InputError
from pipeline.report.pool.bars import pool_bars
from pipeline.report.pool.plot import pool_alt, pool_plot

SVG = "{http://www.w3.org/2000/svg}"
DAY = date(2020, 7, 2)
WINDOW = (DAY - timedelta(183), DAY + timedelta(183))
PAPER: Mapping[str, Any] = {
    "title": "A <b>bold</b> & 'plain' claim", "cited_by_count": 50, "tncsi_sp": 0.9,
    "pool_loc": 0, "pool_scale": 21.7, "publication_date": DAY,
}  # fmt: skip


def pool(counts: list[int | None], *, days: int = 1) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "cited_by_count": counts,
            "similarity": [0.9 - 0.5 * i / max(len(counts), 1) for i in range(len(counts))],
            "publication_date": [DAY + timedelta(i % days) for i in range(len(counts))],
        },
        schema={"cited_by_count": pl.Int32, "similarity": pl.Float64, "publication_date": pl.Date},
    )


def thousand(days: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    counts: list[int | None] = rng.geometric(1 / 30, 1000).tolist()
    return pool([*counts[:950], *[None] * 50], days=days)


@pytest.mark.parametrize("days", [1, 300])
def test_a_full_pool_makes_a_small_picture_of_either_kind(days: int) -> None:
    """A picture per paper of a report, a megabyte each, nobody can mail."""
    png = pool_plot(PAPER, thousand(days), window=WINDOW)
    svg = pool_plot(PAPER, thousand(days), window=WINDOW, image_format="svg")
    assert max(len(png), len(svg)) < 150_000
    assert imread(io.BytesIO(png)).shape[:2] == (429, 1012)
    words = text_of(svg)
    assert "pool, 950 counts" in words
    assert "exponential of TNCSI_SP" in words
    assert ("published (date)" in words) == (days == 300)


def text_of(svg: bytes) -> str:
    root = ElementTree.fromstring(svg)
    return "\n".join("".join(element.itertext()) for element in root.iter(f"{SVG}text"))


def test_markup_in_a_title_stays_text() -> None:
    """A title that closes a tag would break the page that holds the picture, or run in it."""
    svg = pool_plot(PAPER, pool([1, 2, 9]), window=WINDOW, image_format="svg")
    assert "A <b>bold</b> & 'plain' claim" in text_of(svg)
    assert b"<b>" not in svg


@pytest.mark.parametrize(
    "title",
    [
        "שלום עולם: למידה עמוקה", "Four bytes 😀 and 𝔘𝔫𝔦", "Costs $x_ and \\frac{", "深層学習",
        "Bells \x07, escapes \x1b[31m and overrides \u202e", "long " * 90, "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("image_format", ["png", "svg"])
def test_any_title_can_be_drawn(title: str, image_format: str) -> None:
    """A font without the glyph warned on every picture, and a dollar sign began a formula."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = pool_plot(
            {**PAPER, "title": title}, pool([1, 2, 9]), window=WINDOW, image_format=image_format
        )
    if image_format == "svg":
        ElementTree.fromstring(picture)


@pytest.mark.parametrize(
    "members",
    [[], [None], [None, None], [3], [0, 0, 0], [7, 7], [0, 10**6], [None, 5]],
)
@pytest.mark.parametrize(("days", "cited"), [(1, None), (1, 0), (2, 10**6)])
def test_pools_of_nothing_are_drawn_all_the_same(
    members: list[int | None], days: int, cited: int | None
) -> None:
    """The pools that need explaining most are the degenerate ones."""
    paper = {**PAPER, "cited_by_count": cited, "tncsi_sp": None, "pool_scale": 0.0}
    paper |= {"publication_date": None, "pool_loc": 0} if cited is None else {}
    window = None if cited is None else WINDOW
    picture = pool_plot(paper, pool(members, days=days), window=window)
    assert picture.startswith(b"\x89PNG")


def test_a_picture_says_in_words_what_it_shows_and_is_reproducible() -> None:
    """Without words the blind get nothing; a date in the file makes every copy differ."""
    members = pool([1, 2, 9, None])
    svg = pool_plot(PAPER, members, window=WINDOW, image_format="svg")
    said = pool_alt(PAPER, members)
    assert said == (
        "A pool of 4 papers, 3 with a known citation count, half of them cited 2 times or less; "
        "the paper is cited 50 times, TNCSI_SP 0.900."
    )
    assert said in svg.decode()
    assert svg == pool_plot(PAPER, members, window=WINDOW, image_format="svg")
    assert said.encode() in pool_plot(PAPER, members, window=WINDOW)


def test_another_format_is_refused() -> None:
    """Matplotlib would list formats we never looked at."""
    with pytest.raises(InputError, match="png or svg, received 'pdf'"):
        pool_plot(PAPER, pool([1]), window=WINDOW, image_format="pdf")


def test_bars_by_hand() -> None:
    """Bins that overlap, or end before the greatest count, lose papers without a word."""
    assert pool_bars([0, 0, 1, 3, 4, 12], 12) == [
        "citations  papers of the pool",
        "        0  2  ####################################",
        "        1  1  ##################",
        "      2–4  2  ####################################",
        "      5–9  0",
        "    10–19  1  ##################  <- this paper",
    ]
    assert pool_bars([], 3) == []
    assert pool_bars([7, 7], None)[1:] == ["      5–9  2  ####################################"]


@pytest.mark.parametrize("most", [0, 1, 99, 1999, 10**4, 10**6, 2 * 10**9])
def test_bars_hold_every_count_in_twelve_lines(most: int) -> None:
    """A screen is twenty-four lines high."""
    lines = pool_bars([0, most // 3, most], 0)
    assert 2 <= len(lines) <= 12
    assert sum(int(line.split()[1].replace(",", "")) for line in lines[1:]) == 3
    assert all(len(line) <= 79 for line in lines) or most > 10**6
    assert sum("this paper" in line for line in lines) == 1
