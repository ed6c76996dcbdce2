"""How a value of a table reads, on a page as in Markdown.

Belongs here: numbers, days, titles and nothing as text. Not: escaping (page.py, markdown.py).
"""

from typing import Any

import polars as pl


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
