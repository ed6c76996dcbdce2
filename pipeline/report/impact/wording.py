"""How the sections of the impact report say shares, spans and what is not there.

Belongs here: phrases that several sections use. Not: numbers in general (pipeline/report/model.py).
"""

import polars as pl

from pipeline.report.model import Section


def percent(share: float) -> str:
    """A share as percent: one decimal, and neither 0 nor 100 unless it is."""
    text = f"{100 * share:.1f}%"
    if text in ("0.0%", "100.0%") and share not in (0, 1):
        return "under 0.1%" if share < 0.5 else "over 99.9%"
    return text.replace(".0%", "%") if share in (0, 1) else text


def part(some: int, whole: int, noun: str) -> str:
    """`3 of 4 papers (75.0%)`."""
    return f"{some:,} of {whole:,} {noun}" + (f" ({percent(some / whole)})" if whole else "")


def between(low: float | None, high: float | None) -> str:
    """An interval behind its value, nothing where there is none."""
    return "" if low is None or high is None else f" (95% interval {low:.3f} to {high:.3f})"


def span(values: pl.Series, form: str = "") -> str:
    """`1987 to 2025`: the least and the greatest known value, each in the format `form`."""
    known = sorted(values.drop_nulls().to_list())
    return f"{known[0]:{form}} to {known[-1]:{form}}"


def missing(key: str, title: str, what: str, command: str) -> Section:
    """A section whose data are not there yet: one line, with the command that makes them."""
    return Section(key, title, f"{what} is not there yet: `{command}` makes it.", {})
