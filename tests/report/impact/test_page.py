"""The impact report as a browser, a screen reader and a careless title see it."""

import re
from functools import cache

import pytest
from lxml import html
from lxml.html import HtmlElement

from pipeline.report.impact.overview import write_overview
from pipeline.report.impact.page import overview_page
from tests.report.impact.frames import NASTY, bare, overview, scores

SECTIONS = [
    "library", "reading", "coverage", "distributions", "calibration", "top", "rising", "venues",
    "domains", "topics", "changes", "retrieval", "validation", "costs",
]  # fmt: skip


@cache
def page_of(kind: str) -> str:
    made = {
        "full": overview,
        "bare": bare,
        "partial": lambda: overview(
            coverage=overview().coverage.clear(), aggregates=None, validation=None, quality=None
        ),
        "one paper": lambda: overview(scores=scores(1)),
        "unscored": lambda: overview(scores=scores(0)),
    }[kind]()
    return overview_page(write_overview(made))


def parsed(kind: str) -> HtmlElement:
    return html.document_fromstring(page_of(kind))


KINDS = pytest.mark.parametrize("kind", ["full", "bare", "partial", "one paper", "unscored"])


@KINDS
def test_every_section_is_there_whatever_is_not(kind: str) -> None:
    """A library without a table loses the whole page, or a link leads nowhere."""
    page = parsed(kind)
    assert [s.get("id") for s in page.iter("section")] == SECTIONS
    ids = [e.get("id") for e in page.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    links = [a.get("href") for a in page.iter("a")]
    assert links == ["#main", *(f"#{s}" for s in SECTIONS)]
    assert {link[1:] for link in links} <= set(ids)
    named = {e.get("aria-labelledby") for e in page.iter() if e.get("aria-labelledby")}
    assert named <= set(ids)
    assert all(p.text_content().strip() for p in page.iter("p"))


@KINDS
def test_nothing_is_asked_of_the_network(kind: str) -> None:
    """A page that calls out tells somebody who reads it, and breaks without a network."""
    page, text = parsed(kind), page_of(kind)
    addresses = [v for e in page.iter() for k, v in e.items() if k in ("src", "href", "srcset")]
    assert all(a.startswith(("#", "data:")) for a in addresses)
    assert not list(page.iter("script", "iframe", "object", "form"))
    assert "url(" not in text
    assert "@import" not in text
    assert len(text.encode()) < 5e6
    assert "default-src 'none'" in page.xpath("//meta[@http-equiv]/@content")[0]


def test_a_screen_reader_gets_all_of_it() -> None:
    """A picture without words, a table without caption, headings that jump."""
    page = parsed("full")
    pictures = list(page.iter("img"))
    assert len(pictures) == 13
    for picture in pictures:
        assert len(picture.get("alt")) > 40
        assert re.search(r"\d", picture.get("alt"))
        assert len(picture.get("src")) < 100_000 * 4 / 3
        assert picture.getparent().tag == "figure"
        assert picture.getparent().find("figcaption").text_content().strip()
    headings = [e.tag for e in page.iter("h1", "h2", "h3", "h4")]
    assert headings == ["h1"] + ["h2"] * len(SECTIONS)
    for table in page.iter("table"):
        assert table.find("caption").text_content().strip()
        assert all(th.get("scope") == "col" for th in table.findall(".//thead//th"))
        region = table.getparent()
        assert (region.get("role"), region.get("tabindex")) == ("region", "0")
    heads = page.xpath("//section[@id='top']//tbody//th")
    assert heads
    assert all(th.get("scope") == "row" and th.get("dir") == "auto" for th in heads)
    assert page.xpath("//body/a[1]/@href") == ["#main"]
    assert page.get("lang") == "en"


def test_any_title_is_text() -> None:
    """Markup in a title would be obeyed, an override would turn the line around."""
    page, text = parsed("full"), page_of("full")
    cells = {e.text_content() for e in page.iter("td", "th")}
    assert NASTY[0] in cells
    assert NASTY[2] in cells
    assert "override and [31mred # heading" in cells
    assert "<script" not in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "<img src" not in text


def test_numbers_stand_to_the_right_under_their_unit() -> None:
    """A column of numbers that nobody can tell the unit of."""
    top = parsed("full").xpath("//table[caption/@id='top-recent']")[0]
    heads = [(th.text_content(), th.get("class")) for th in top.findall(".//thead//th")]
    assert ("score (0\u2060–\u20601)", "n") in heads  # a line may not end within
    assert ("pool (papers)", "n") in heads
    assert ("year", "w") in heads
