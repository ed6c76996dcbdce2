"""Titles in Markdown, whatever they hold."""

import pytest
from markdown_it import MarkdownIt

from pipeline.release.markdown import plain, table_lines
from tests.conftest import NASTY_TITLES

NASTY = (
    *NASTY_TITLES,
    "<script>alert(1)</script> & <b>bold</b> &amp;",
    "`code` ``more`` *a* _b_ **c** ~~d~~ [x](javascript:y) ![i](z)",
    "# heading", "- item", "1. item", "> quote", "    indented", "$x^2$ @user \\|",
)  # fmt: skip


@pytest.mark.parametrize("title", NASTY)
def test_a_title_stays_text_in_one_cell(title: str) -> None:
    """A title that is markup rewrites the page of changes, or runs in who reads it."""
    page = "\n".join(table_lines(["year", "title", "n"], [["2016", plain(title), "7"]]))
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(page)
    cells = [t for t in tokens if t.type == "inline"]
    assert len(cells) == 6
    inline = cells[4].children or []
    assert {t.type for t in inline} <= {"text", "text_special"}
    assert "".join(t.content for t in inline) == " ".join(title.split())


def test_lines_end_where_the_row_ends() -> None:
    """A line break or an override in a title breaks the table, or turns its line around."""
    assert plain("a\nb\r\nc\u2028d\u202ee\x1b[31m") == "a b c d e \\[31m"
    assert len(plain("word " * 100)) == 160
