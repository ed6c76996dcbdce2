"""Rows of any source -> batches, each row accounted for; and the checks every source needs.

Belongs here: what importers do alike with one row after the other. Not: what a row of a certain
source means (dblp_records.py, aan.py, …), nor the shape of a batch (incoming.py).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import orjson

from pipeline.corpus.incoming import Batch, bad_frame, edge_frame, record_frame
from pipeline.corpus.places import Places
from pipeline.corpus.rows import BadRowError, check_title
from pipeline.corpus.text import clean_text, plain_text

BATCH_ROWS = 5_000

_YEAR = re.compile(r"\s*([12][0-9]{3})(?:\.0*)?\s*")
_SUFFIX = re.compile(r"(?:Jr|Sr|II|III|IV)\b\.?", re.I)

Row = TypeVar("Row")


@dataclass(frozen=True)
class Unusable:
    """What stands in a file where a row should: the reason and what was found."""

    reason: str
    excerpt: str


def gather(
    rows: Iterable[Row | Unusable],
    parse: Callable[[Row], Mapping[str, Any] | None],
    show: Callable[[Row], str] = str,
    *,
    edges: bool = False,
) -> Iterator[Batch]:
    """Batches of what `parse` makes of each row: a record (or edge), None if it is outside.

    `parse` raises BadRowError for a row that cannot be used; `show` gives its excerpt.
    """
    good: list[Mapping[str, Any]] = []
    bad: list[tuple[int, str, str]] = []
    n_outside = 0
    for number, row in enumerate(rows):
        if isinstance(row, Unusable):
            bad.append((number, row.reason, row.excerpt))
        else:
            try:
                parsed = parse(row)
            except BadRowError as problem:
                bad.append((number, plain_text(str(problem)), show(row)))
            else:
                n_outside += parsed is None
                if parsed is not None:
                    good.append({"op": "row", "source_row": number, **parsed})
        if len(good) + len(bad) >= BATCH_ROWS:
            yield _batch(good, bad, n_outside, edges)
            good, bad, n_outside = [], [], 0
    yield _batch(good, bad, n_outside, edges)


def _batch(
    good: list[Mapping[str, Any]], bad: list[tuple[int, str, str]], n_outside: int, edges: bool
) -> Batch:
    if edges:
        return Batch(edges=edge_frame(good), bad=bad_frame(bad), n_outside=n_outside)
    return Batch(records=record_frame(good), bad=bad_frame(bad), n_outside=n_outside)


def sound_title(text: str) -> str:
    """`text` cleaned; BadRowError if nothing of a title is left or it is a whole abstract."""
    title = clean_text(text)
    check_title(title, None)
    return title


def year_number(value: object) -> int:
    """A year from `2010`, `"2010"` or `"2010.0"`, as spreadsheets write it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    found = _YEAR.fullmatch(str(value)) if isinstance(value, str | int) else None
    if found is None:
        raise BadRowError(f"year: expected one such as 2010, received {_short(value)}")
    return int(found.group(1))


def placed(places: Places, slug: str, year: int) -> dict[str, Any]:
    """The columns `venue` and `year`; BadRowError for a year in which the venue had no edition."""
    if places.cell(slug, year) is None:
        raise BadRowError(f"year: expected {places.years_of(slug)} for {slug}, received {year}")
    return {"venue": slug, "year": year}


def dated(year: int) -> dict[str, Any]:
    """The columns of a publication date of which only the year is known."""
    # The middle of the year is the least wrong day for either end.
    return {"publication_date": date(year, 7, 2), "date_precision": "year"}


def natural_name(name: str) -> str:
    """`First Last Jr.` of `Last, First, Jr.`, `Last, Jr., First` or a name without comma."""
    parts = [part for part in (p.strip() for p in name.split(",")) if part]
    suffixes = [p for p in parts[1:] if _SUFFIX.fullmatch(p)]
    given = [p for p in parts[1:] if not _SUFFIX.fullmatch(p)]
    return " ".join([*given, *parts[:1], *suffixes])


def in_order(names: Iterable[str]) -> list[str]:
    """Names without empty ones and repeats."""
    return list(dict.fromkeys(name for name in names if name))


def shown(row: object) -> str:
    """A row as JSON, for people to find it by."""
    try:
        return orjson.dumps(row, default=str).decode()
    except (TypeError, RecursionError):  # nested deeper than it may be written, lone surrogates
        return f"a row ({type(row).__name__}) that cannot be shown"


def _short(value: object) -> str:
    try:
        return f"{value!r:.40}"
    except (RecursionError, ValueError):  # nested too deep, or a number of thousands of digits
        return f"a {type(value).__name__} that cannot be shown"
