"""Phrases: numbers, intervals and titles as people read them."""

import pytest

from pipeline.wording import between, in_quotes, interval, one_line, quoted, times, with_interval


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ((0.5, 0.48, 0.544), "0.500 (0.480 to 0.544)"),
        ((0.5, None, None), "0.500"),
        ((0.5, 0.4, None), "0.500"),
        ((None, None, None), ""),
    ],
)
def test_a_figure_is_told_with_the_interval_it_has(
    figure: tuple[float | None, float | None, float | None], said: str
) -> None:
    """Half an interval, or "None", beside a number."""
    assert with_interval(*figure) == said


def test_intervals_read_alike_everywhere() -> None:
    """Brackets here and words there look like two kinds of interval."""
    assert interval(0.1, 0.25, 2) == "0.10 to 0.25"
    assert between(0.1, 0.25) == " (95% interval 0.100 to 0.250)"
    assert between(None, 0.25) == ""


def test_a_title_cannot_command_what_shows_it() -> None:
    """A line break, an escape sequence or a turn of direction within somebody's title."""
    title = "a\nb\x1b[31m \u202ec" + "d" * 99
    assert one_line("a\nb\x1b[31m \u202ec") == "a b [31m c"
    assert len(in_quotes(title)) == 82
    assert "\u202e" not in quoted(title)
    assert quoted("é") == "“\u2068é\u2069”"


def test_one_is_once() -> None:
    """ "cited 1 times"."""
    assert [times(n) for n in (0, 1, 1200)] == ["0 times", "once", "1,200 times"]
