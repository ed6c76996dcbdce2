"""How numbers, intervals, titles and enumerations are said, in reports as in a terminal.

Belongs here: phrases of a few words that know no table. Not: cells of a table (report/cells.py)
or whole sentences, which stand where they are said.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl

_CONTROL: dict[int, str | None] = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")
# A bidirectional override in one title would turn the rest of the line around.
_CONTROL |= dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029])
LONGEST = 80  # characters of a title within a sentence


def one_line(text: str) -> str:
    """The text without line breaks, commands to a terminal or turns of direction."""
    line = " ".join(text.translate(_CONTROL).split())
    return line.encode(errors="replace").decode()  # a lone surrogate could not be written


def shortened(text: str, longest: int = LONGEST) -> str:
    """At most so many characters, the last an ellipsis where some were cut off."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def quoted(title: str) -> str:
    """A title inside a sentence of a page, kept apart from the direction of the text around it."""
    return f"“\u2068{shortened(one_line(title))}\u2069”"


def in_quotes(title: str) -> str:
    """A title inside a line for a terminal, many of which show marks of direction as boxes."""
    return f"“{shortened(one_line(title))}”"


def counted(number: float, one: str, many: str = "") -> str:
    """The number with its noun: `1 paper`, `1,200 papers`, `no papers` for none."""
    noun = one if number == 1 else many or f"{one}s"
    return f"{number:,.0f} {noun}" if number else f"no {noun}"


def times(count: int) -> str:
    """`once`, or `1,200 times`."""
    return "once" if count == 1 else f"{count:,} times"


def listed(parts: Sequence[str]) -> str:
    """Parts of an enumeration as people say it: `a, b and c`."""
    head, last = parts[:-1], parts[-1:]
    return " and ".join([", ".join(head), *last]) if head else "".join(last)


def capped(parts: Sequence[str], most: int = 5) -> str:
    """The first parts of an enumeration, and how many more there are."""
    more = [f"{len(parts) - most} more"] if len(parts) > most else []
    return listed([*parts[:most], *more])


def percent(share: float) -> str:
    """A share as percent: one decimal, and neither 0 nor 100 unless it is."""
    text = f"{100 * share:.1f}%"
    if text in ("0.0%", "100.0%") and share not in (0, 1):
        return "under 0.1%" if share < 0.5 else "over 99.9%"
    return text.replace(".0%", "%") if share in (0, 1) else text


def part(some: int, whole: int, noun: str) -> str:
    """`3 of 4 papers (75.0%)`."""
    return f"{some:,} of {whole:,} {noun}" + (f" ({percent(some / whole)})" if whole else "")


def median(values: pl.Series) -> float:
    """The median of the known values, of which there is one at least."""
    return float(np.median(values.drop_nulls().to_numpy()))


def span(values: pl.Series, form: str = "") -> str:
    """`1987 to 2025`: the least and the greatest known value, each in the format `form`."""
    known = sorted(values.drop_nulls().to_list())
    return f"{known[0]:{form}} to {known[-1]:{form}}"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """`0.480 to 0.544`; empty where a bound is unknown."""
    return "" if low is None or high is None else f"{low:.{digits}f} to {high:.{digits}f}"


def with_interval(
    value: float | None, low: float | None, high: float | None, digits: int = 3
) -> str:
    """`0.512 (0.480 to 0.544)` in a cell, the value alone without bounds, empty without a value."""
    if value is None:
        return ""
    bounds = interval(low, high, digits)
    return f"{value:.{digits}f}" + (f" ({bounds})" if bounds else "")


def between(low: float | None, high: float | None) -> str:
    """An interval behind its value in a sentence, nothing where there is none."""
    bounds = interval(low, high)
    return f" (95% interval {bounds})" if bounds else ""


def said_time(moment: datetime) -> str:
    """To the minute; reports keep UTC."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
