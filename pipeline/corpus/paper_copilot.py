"""Paper Copilot lists (a Scholar dump of one venue-year) -> `dump_records` and `quarantine`.

Belongs here: what a row of such a list means. Not: where files lie (resources/inbox.py)
or which paper a record is (corpus/resolution.py).

A list is a JSON array of objects; see github papercopilot/paperlists. Titles are unique to no
venue, `gs_citation` −1 means unknown, ids are the source's own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
import polars as pl

from pipeline.corpus.front_matter import is_front_matter
from pipeline.corpus.rows import MAX_COUNT, MAX_TITLE
from pipeline.corpus.text import clean_text, normalise_title, plain_text
from pipeline.tables import DUMP_RECORDS, QUARANTINE

SOURCE = "paper_copilot"
CITATION_SOURCE = "google_scholar"

_REJECTED = re.compile(r"reject|withdr|desk|\bactive\b|under review", re.I)
_PLACEHOLDER = re.compile(r"poster|paper|title|untitled|tba|tbd|n/?a|none|test", re.I)
_CLUSTER = re.compile(r"[?&]cites=(\d+)")
_DOI = re.compile(r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(10\.\S+)$", re.I)
_SUFFIX = re.compile(r",\s*(?=(?:Jr|Sr|II|III|IV)\b\.?)", re.I)


@dataclass(frozen=True)
class ListOrigin:
    """Where a list came from and how it stands among the lists of its venue-year.

    `digest` names the list in record keys; `list_order` is 0 for the list in force, 1 for the one
    it replaced, and so on.
    """

    file: str
    digest: str
    venue: str
    year: int
    observed_on: date
    list_order: int


class _BadRowError(ValueError):
    """A row that goes to quarantine; the text is its reason."""


def recognise(document: object) -> bool:
    """Whether a parsed JSON document is a Paper Copilot list: an array of titled objects."""
    if not isinstance(document, list) or not document:
        return False
    objects = [row for row in document[:50] if isinstance(row, dict)]
    known = sum(
        "title" in row and bool(row.keys() & {"status", "track", "author"}) for row in objects
    )
    return 2 * known > len(document[:50])


def parse_list(rows: Sequence[object], origin: ListOrigin) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(`dump_records`, `quarantine`) frames of one list; together they hold every row."""
    records: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    title_of_id: dict[str, tuple[int, str]] = {}
    for i, row in enumerate(rows):
        try:
            record = _parse_row(row)
            _check_id(record, i, title_of_id)
            records.append(record | {"source_row": i, "record_key": f"{origin.digest}:{i}"})
        except _BadRowError as problem:
            bad.append(_quarantined(row, i, str(problem)))
    return _with_origin(records, DUMP_RECORDS.empty(), origin), _with_origin(
        bad, QUARANTINE.empty(), origin
    )


def unreadable_list(origin: ListOrigin, reason: str) -> pl.DataFrame:
    """The `quarantine` frame of a file that could not be read at all."""
    return _with_origin([_quarantined(None, -1, reason)], QUARANTINE.empty(), origin)


def _with_origin(
    rows: list[dict[str, Any]], empty: pl.DataFrame, origin: ListOrigin
) -> pl.DataFrame:
    constants = {
        "source": SOURCE,
        "venue": origin.venue,
        "year": origin.year,
        "source_file": origin.file,
        "list_order": origin.list_order,
        "in_force": origin.list_order == 0,
        "citation_source": CITATION_SOURCE,
        "observed_on": origin.observed_on,
        "date_precision": "year",
    }
    if "publication_date" in empty.schema:  # a file that nobody recognises has no year either
        # Only the year is known: the middle of the year is the least wrong day for either end.
        constants["publication_date"] = date(origin.year, 7, 2)
    own = set(rows[0]) if rows else set()
    fixed = {k: v for k, v in constants.items() if k in empty.schema and k not in own}
    varying = {k: t for k, t in empty.schema.items() if k not in fixed}
    frame = pl.DataFrame(rows, schema=varying, orient="row", strict=True)
    return frame.with_columns(
        pl.lit(v, dtype=empty.schema[k]).alias(k) for k, v in fixed.items()
    ).select(empty.columns)


def _quarantined(row: object, number: int, reason: str) -> dict[str, Any]:
    try:
        excerpt = orjson.dumps(row).decode()
    except (TypeError, ValueError):
        excerpt = _repr(row)
    excerpt = excerpt.encode(errors="replace").decode()[:300]
    return {"source_row": number, "reason": reason, "excerpt": excerpt}


def _repr(value: object) -> str:
    try:
        return repr(value)
    except (RecursionError, ValueError):  # nested too deep, or a number of thousands of digits
        return f"a {type(value).__name__} that cannot be shown"


def _check_id(record: Mapping[str, Any], row: int, seen: dict[str, tuple[int, str]]) -> None:
    if (source_id := record["source_id"]) is None or record["excluded_because"]:
        return
    title = normalise_title(record["title"])
    first_row, first_title = seen.setdefault(source_id, (row, title))
    if first_title != title:
        raise _BadRowError(
            f"id {source_id:.80} already stands in row {first_row} with another title"
        )


def _parse_row(row: object) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise _BadRowError(f"expected an object, received {type(row).__name__}")
    title = clean_text(_text(row, "title"))
    status = clean_text(_text(row, "status"))
    authors = split_authors(_authors_text(row))
    excluded = _exclusion(title, status, authors)
    if not normalise_title(title) and excluded is None:
        raise _BadRowError("expected a title, received none")
    if len(title) > MAX_TITLE:
        raise _BadRowError(
            f"expected a title of at most {MAX_TITLE} characters, received {len(title)}"
        )
    return {
        "source_id": plain_text(_text(row, "id")) or None,
        "title": title,
        "abstract": clean_text(_text(row, "abstract")) or None,
        "authors": authors,
        "track": _track(row, status),
        "presentation": status or None,
        "excluded_because": excluded,
        "keywords": [k for k in map(clean_text, re.split(r"[;,]", _text(row, "keywords"))) if k],
        "doi": _doi(plain_text(_text(row, "doi"))),
        "url": plain_text(_text(row, "site")) or None,
        "scholar_cluster_id": _first(_CLUSTER, _text(row, "gs_cited_by_link")),
        "cited_by_count": _count(row),
    }


def _exclusion(title: str, status: str, authors: Sequence[str]) -> str | None:
    if found := _REJECTED.search(status):
        word = found.group().lower()
        return {"withdr": "withdrawn", "active": "active", "under review": "active"}.get(
            word, "rejected"
        )
    if is_front_matter(title):
        return "front_matter"
    if not authors and _PLACEHOLDER.fullmatch(title):
        return "placeholder"
    return None


def _track(row: Mapping[str, Any], status: str) -> str:
    track = clean_text(_text(row, "track"))
    if "workshop" in status.lower() or "workshop" in track.lower():
        return "workshop"
    return track or "main"


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _BadRowError(f"{key}: expected text, received {type(value).__name__}")
    return value


def _authors_text(row: Mapping[str, Any]) -> str:
    value = row.get("author")
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return ";".join(value)
    return _text(row, "author")


def _count(row: Mapping[str, Any]) -> int | None:
    value = row.get("gs_citation", -1)
    if value is None or (type(value) is int and value == -1):
        return None
    if type(value) is not int:
        raise _BadRowError(f"gs_citation: expected a whole number, received {type(value).__name__}")
    if not 0 <= value <= MAX_COUNT:
        raise _BadRowError(
            f"gs_citation: expected −1 or 0..{MAX_COUNT}, received {_repr(value):.40}"
        )
    return value


def _doi(text: str) -> str | None:
    doi = _first(_DOI, text)
    return doi.lower() if doi else None


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found.group(1) if found else None


def split_authors(text: str) -> list[str]:
    """Author names in order, repeats dropped ("A; B; A; B" occurs).

    Semicolons separate if there are any, else commas that do not precede Jr., Sr. or a numeral.
    """
    text = _SUFFIX.sub(" ", clean_text(text))
    names = re.split(r";|\s+and\s+", text) if ";" in text else re.split(r",|\s+and\s+", text)
    return list(dict.fromkeys(name for raw in names if (name := raw.strip(" ,;"))))
