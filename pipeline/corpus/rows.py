"""One row of a source, field by field: what is there, or why the row cannot be used.

Belongs here: reading a field as the type it should have, and the checks every source shares. Not:
what a field means (the importers) nor how rows stand in files (json_lines.py).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from pipeline.corpus.places import Places
from pipeline.corpus.text import normalise_title
from pipeline.tables import Cell

MAX_COUNT = 10_000_000  # the most cited paper of all time has under 400,000
MAX_TITLE = 1_000
MAX_ID = 10**15

_YEARS = range(1800, 2200)

Row = Mapping[str, Any]


class BadRowError(ValueError):
    """A row that goes to quarantine; the text is its reason."""


def as_object(value: object) -> Row:
    """The row itself, if it is one."""
    if type(value) is not dict:
        raise BadRowError(f"expected an object, received {type(value).__name__}")
    return value


def text(row: Row, key: str) -> str:
    """Text as given; empty where the field is null or absent."""
    value = row.get(key)
    if value is None:
        return ""
    if type(value) is not str:
        raise BadRowError(f"{key}: expected text, received {type(value).__name__}")
    return value


def truth(row: Row, key: str) -> bool | None:
    """True or false; None where the source does not tell."""
    value = row.get(key)
    if value is None or type(value) is bool:
        return value
    raise BadRowError(f"{key}: expected true or false, received {type(value).__name__}")


def whole_number(row: Row, key: str, most: int) -> int | None:
    """A number of 0..`most`; None where the field is null or absent."""
    value = row.get(key)
    if value is None:
        return None
    if type(value) is not int:
        raise BadRowError(f"{key}: expected a whole number, received {type(value).__name__}")
    if not 0 <= value <= most:
        raise BadRowError(f"{key}: expected 0..{most}, received {shown(value):.40}")
    return value


def number_id(row: Row, key: str) -> str | None:
    """The digits of an id that some files write as a number and others as text."""
    value = row.get(key)
    if value is None:
        return None
    if type(value) is int and 0 <= value <= MAX_ID:
        return str(value)
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 15:
        return value
    raise BadRowError(f"{key}: expected a number as id, received {shown(value):.40}")


def needed_id(row: Row, key: str) -> str:
    """The same, of a field that no row can do without."""
    if (found := number_id(row, key)) is None:
        raise BadRowError(f"{key}: expected a number as id, received none")
    return found


def objects(row: Row, key: str) -> list[dict[str, Any]]:
    """A list of objects, nulls among them left out; empty where the field is null or absent."""
    return _listed(row, key, dict, "objects")


def texts(row: Row, key: str) -> list[str]:
    """A list of texts, nulls among them left out; empty where the field is null or absent."""
    return _listed(row, key, str, "texts")


def one_object(row: Row, key: str) -> Row:
    """An object; empty where the field is null or absent."""
    value = row.get(key)
    if value is None:
        return {}
    if type(value) is not dict:
        raise BadRowError(f"{key}: expected an object, received {type(value).__name__}")
    return value


def _listed(row: Row, key: str, kind: type[Any], kinds: str) -> list[Any]:
    value = row.get(key)
    if value is None:
        return []
    if type(value) is not list:
        raise BadRowError(f"{key}: expected a list, received {type(value).__name__}")
    for item in value:
        if type(item) is not kind:
            break
    else:
        return value
    found = [item for item in value if item is not None]
    for item in found:
        if type(item) is not kind:
            raise BadRowError(f"{key}: expected a list of {kinds}, received {type(item).__name__}")
    return found


def check_title(title: str, excluded_because: str | None) -> None:
    """Refuses what no paper is called; a record that is no paper anyway may lack a title."""
    nameless = not title[:1].isalnum() and not normalise_title(title)
    if nameless and excluded_because is None:
        raise BadRowError("expected a title, received none")
    if len(title) > MAX_TITLE:
        raise BadRowError(
            f"expected a title of at most {MAX_TITLE} characters, received {len(title)}"
        )


def cell_of(row: Row, key: str, venue: str, places: Places) -> Cell:
    """The venue-year of a row of a registered venue; `key` is the field that holds its year."""
    year = whole_number(row, key, 9999)
    cell = None if year is None else places.cell(venue, year)
    if cell is None:
        received = "none" if year is None else year
        raise BadRowError(
            f"{key}: expected {places.years_of(venue)} for {venue}, received {received}"
        )
    return cell


def track_of(name: str, venue: str, places: Places) -> str:
    """`workshop` if the source's name of where a paper of `venue` appeared says so, else `main`."""
    if "workshop" not in name.lower() or places.named(name) == venue:
        return "main"
    # WACV was a workshop by name for twenty years, and its main track still is.
    called_so = any("workshop" in known for known, slug in places.by_name.items() if slug == venue)
    return "main" if called_so else "workshop"


def publication_date(row: Row, key: str, year: int) -> tuple[date, str]:
    """(day, precision) of a record of `year`: 2 July where only the year is known.

    1 January counts as such: it is the day sources fill in when they know no other (one work in
    seven of a sample of OpenAlex has it), and taken for real it would move half of a year's papers
    by six months against the other half.
    """
    given = text(row, key).strip()
    if not given:
        return date(year, 7, 2), "year"
    try:
        if given[4:8:3] != "--":  # dates of weeks are written otherwise
            raise ValueError
        day = date.fromisoformat(given[:10])  # a time of day may follow
    except ValueError:
        raise BadRowError(
            f"{key}: expected a day such as 2024-06-21, received {given:.40}"
        ) from None
    if day.year not in _YEARS:
        raise BadRowError(
            f"{key}: expected a day of {_YEARS[0]}..{_YEARS[-1]}, received {given:.40}"
        )
    return (day, "day") if (day.month, day.day) != (1, 1) else (date(day.year, 7, 2), "year")


def shown(value: object) -> str:
    """`value` for a person to read, whatever it is."""
    try:
        return repr(value)
    except (RecursionError, ValueError):  # nested too deep, or a number of thousands of digits
        return f"a {type(value).__name__} that cannot be shown"
