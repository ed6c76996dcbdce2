"""How a value of a table reads, on a page as in Markdown.

Belongs here: numbers, days, titles and nothing as text. Not: escaping (page.py, markdown.py).
"""

from typing import Any

import polars as pl

_CONTROL: dict[int, str | None] = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")
# A bidirectional override in one title would turn the rest of the line around.
_CONTROL |= dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029])


def header(name: str) -> str:
    """A column's name in words."""
    return name.replace("_", " ")


def is_number(dtype: pl.DataType, name: str) -> bool:
    """Whether a column is read as numbers: set to the right, grouped by thousands."""
    return dtype.is_numeric() and name != "year"


def cell_text(name: str, value: Any) -> str:
    """The value as it is read; a dash for nothing."""
    if value is None:
        return "–"
    sign = "+" if name == "change" else ""
    if isinstance(value, float):
        digits = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
        return f"{value:{sign},.{digits}f}"
    if isinstance(value, int) and name != "year":
        return f"{value:{sign},}"
    return one_line(str(value))


def one_line(text: str) -> str:
    """The text without line breaks, commands to a terminal or turns of direction."""
    line = " ".join(text.translate(_CONTROL).split())
    return line.encode(errors="replace").decode()  # a lone surrogate could not be written
