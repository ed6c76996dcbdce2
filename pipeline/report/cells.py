"""How a value of a table reads, on a page as in Markdown.

Belongs here: numbers, days, titles and nothing as text. Not: escaping (page.py, markdown.py).
"""

from typing import Any

import polars as pl

from pipeline.wording import one_line

_DIGITS = {"seconds": 1, "cents": 2, "rise": 2, "trend": 4, "trend_low": 4, "trend_high": 4}
_DIGITS |= dict.fromkeys(
    ("excess_ratio", "excess_low", "excess_high", "excess_before", "excess_after"), 2
)
"""Digits behind the point in the whole column, where three would say too much or too little."""

_NAMES = frozenset({"system", "measure"})  # columns whose values are names, as columns have


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
        usual = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
        digits = _DIGITS.get(name, usual)
        return f"{round(value, digits) + 0.0:{sign},.{digits}f}"  # + 0.0: no "-0.000"
    if isinstance(value, int) and name != "year":
        return f"{value:{sign},}"
    text = one_line(str(value))
    return header(text) if name in _NAMES else text
