"""Answers as a table, as JSON or as CSV.

Belongs here: looks and encodings. Not: what is answered (pipeline/query). JSON and CSV are
contracts: UTF-8 wherever they go, null and never NaN; CSV as in RFC 4180. Tables are for eyes:
numbers are rounded, and nothing in a title is read as markup or as a command to the terminal.
"""

import csv
import io
import sys
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import orjson
import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.wording import one_line

PIPED_WIDTH = 10_000  # a line stays a line for grep; a terminal folds at its own width
LEAST_TEXT = 10  # characters of a column of text, below which rows are printed one by one
_EXTRA = ("n_pool", "status")  # of papers, what a narrow terminal can miss


def print_papers(papers: pl.DataFrame, output: str) -> None:
    """A list of papers, in the columns of the contract."""
    if output == "table" and not papers.height:
        _write("no papers\n")
    elif output == "table":
        _print_table(papers if _fits(papers) else _narrow(papers))
    else:
        print_frame(papers, output)


def _narrow(papers: pl.DataFrame) -> pl.DataFrame:
    """Venue and year as one, shorter names, and without the columns of _EXTRA."""
    edition = pl.format("{} {}", "venue", "year").alias("venue")
    names = {"cited_by_count": "cited", "excess_ratio": "excess"}
    rest = papers.with_columns(edition).drop("year", *_EXTRA, strict=False)
    return rest.rename(names, strict=False)


def print_status(
    totals: dict[str, int],
    partitions: pl.DataFrame,
    venue: str | None,
    output: str,
    *,
    prompt: str | None,
) -> None:
    """Totals and venue-years; of one venue, if it is named (totals stay those of all).

    `prompt`: the one that queries are read with, if any.
    """
    chosen = partitions if venue is None else partitions.filter(pl.col("venue") == venue)
    if output == "json":
        _write_json({"totals": totals, "prompt": prompt, "partitions": chosen.to_dicts()})
    elif output == "csv":
        print_frame(chosen.with_columns(pl.col("stale").list.join("; ")), output)
    else:
        print_frame(_by_venue(chosen) if venue is None else _with_reasons(chosen), output)
        _write(", ".join(f"{n:,} {_words(name)}" for name, n in totals.items()) + "\n")
        if prompt:
            _write(f"queries are read with prompt {prompt}: csimpact prompt show {prompt}\n")


def _words(name: str) -> str:
    return name.removeprefix("n_").replace("_", " ")


def _by_venue(partitions: pl.DataFrame) -> pl.DataFrame:
    first, last = pl.col("year").min(), pl.col("year").max()
    numbers = [n for n, dtype in partitions.schema.items() if dtype == pl.Int64]
    stale = pl.col("stale").explode(empty_as_null=False)
    return partitions.group_by("venue", maintain_order=True).agg(
        pl.when(first == last)
        .then(first.cast(pl.String))
        .otherwise(pl.format("{}–{}", first, last))
        .alias("years"),
        pl.col(numbers).sum(),
        stale=stale.str.split(":").list.first().unique(maintain_order=True).str.join(", "),
    )


def _with_reasons(partitions: pl.DataFrame) -> pl.DataFrame:
    return partitions.with_columns(pl.col("stale").list.join("; "))


def print_frame(frame: pl.DataFrame, output: str) -> None:
    """A frame: JSON as a list of objects, CSV with a header line."""
    if output == "json":
        _write_json(frame.to_dicts())
    elif output == "csv":
        _write(_csv(frame))
    else:
        _print_table(frame)


def print_text(text: str) -> None:
    """Paragraphs, folded to the width of a terminal; a line stays a line for grep."""
    if sys.stdout.isatty():
        _print_rich(Text(text))
    else:
        _write(text + "\n")


def print_script(text: str) -> None:
    """A script for another program, as it is."""
    _write(text)


def print_document(answer: Any) -> None:
    """Nested facts as one JSON object."""
    _write_json(answer)


def _write_json(answer: Any) -> None:
    _write(orjson.dumps(answer, default=_plain, option=orjson.OPT_INDENT_2).decode() + "\n")


def _plain(value: Any) -> Any:
    """What JSON has no word for: decimals as numbers, bytes in hex, anything else as text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.hex() if isinstance(value, bytes) else str(value)


def _csv(frame: pl.DataFrame) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(frame.columns)
    writer.writerows([_field(value) for value in row] for row in frame.iter_rows())
    return text.getvalue()


def _field(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | dict):
        return orjson.dumps(value, default=_plain).decode()
    return value if isinstance(value, str | int | float | None) else _plain(value)


def _write(text: str) -> None:
    """UTF-8 to stdout, whatever the terminal's locale says."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode(errors="replace"))
    sys.stdout.buffer.flush()


def _print_table(frame: pl.DataFrame) -> None:
    """As columns, or row by row where a terminal is too narrow for them."""
    if not _fits(frame):
        for row in frame.iter_rows(named=True):
            print_pairs((name, _shown(name, value)) for name, value in row.items())
            _write("\n")
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name, dtype in frame.schema.items():
        whole = _whole(name, dtype)
        table.add_column(
            Text(one_line(name)),
            justify="right" if dtype.is_numeric() else "left",
            overflow="fold",
            no_wrap=whole,
        )
    for row in frame.iter_rows(named=True):
        table.add_row(*_cells(row))
    _print_rich(table)


def _whole(name: str, dtype: pl.DataType) -> bool:
    """Whether values must stay on one line: numbers, and ids to copy."""
    return dtype.is_numeric() or name == "paper_id"


def _fits(frame: pl.DataFrame) -> bool:
    """Whether columns fit side by side, each text with LEAST_TEXT characters or all it needs."""
    terminal, needed = Console(), -1
    if not terminal.is_terminal:
        return True
    for name, dtype in frame.schema.items():
        wide = max([len(name), *(len(_shown(name, value)) for value in frame[name])])
        needed += 3 + (wide if _whole(name, dtype) else min(wide, LEAST_TEXT))
    return needed <= terminal.width


def print_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """What is told of one thing, a line per name."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(name), Text(one_line(value)))
    _print_rich(table)


def _print_rich(shown: Table | Text) -> None:
    terminal = Console(markup=False, emoji=False, highlight=False)
    width = terminal.width if terminal.is_terminal else PIPED_WIDTH
    buffer = io.StringIO()
    colour = terminal.color_system if terminal.is_terminal else None
    Console(
        file=buffer, width=width, markup=False, emoji=False, highlight=False,
        force_terminal=terminal.is_terminal, color_system=colour,  # type: ignore[arg-type]  # a Literal there
    ).print(shown)  # fmt: skip
    _write("\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n")


def _cells(row: dict[str, Any]) -> Iterable[Text]:
    return (Text(one_line(_shown(name, value))) for name, value in row.items())


def _shown(name: str, value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, bool) or name in ("year", "paper_row"):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else str(_field(value))
