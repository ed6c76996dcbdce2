"""What single cells of a mapped table mean: text, ids, counts, dates.

Belongs here: one value at a time. Not: which column is what (mapped_table.py).

Cells come as their writers left them: numbers as `2011.0`, nothing as an empty string or NaN, DOIs
with or without resolver. BadRowError for what cannot be read.
"""

import math
import re
from datetime import date
from typing import Any

from pipeline.corpus.gathering import dated
from pipeline.corpus.identifiers import doi
from pipeline.corpus.rows import MAX_COUNT, BadRowError
from pipeline.corpus.text import clean_text, plain_text

_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?(?:[T ].*)?")
_CLUSTER = re.compile(r"(?:.*[?&]cites=)?(\d+)(?:&.*)?")


def text_of(value: object, role: str) -> str:
    """A cell as text; empty where there is nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise BadRowError(f"{role}: expected text, received {type(value).__name__}")


def id_of(value: object, role: str, *, is_doi: bool) -> str:
    """An id of the table's own; BadRowError if there is none."""
    text = plain_text(text_of(value, role))
    if not text:
        raise BadRowError(f"{role}: expected an id, received none")
    if not is_doi:
        return text
    if (found := doi(text)) is None:
        raise BadRowError(
            f"{role}: expected a DOI such as 10.1109/TVCG.2011.185, received {text:.60}"
        )
    return found


def count_of(value: object) -> int | None:
    """Citations; −1 is how spreadsheets say unknown."""
    text = text_of(value, "cited_by_count").strip().removesuffix(".0")
    if text in ("", "-1"):
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 8 and int(text) <= MAX_COUNT):
        raise BadRowError(f"cited_by_count: expected 0..{MAX_COUNT}, received {text:.40}")
    return int(text)


def track_of(text: str) -> str:
    """The track, of workshops always `workshop`."""
    track = clean_text(text)
    return "workshop" if "workshop" in track.lower() else track


def date_of(value: object) -> dict[str, Any]:
    """The columns of a publication date; none if there is none."""
    text = value.isoformat() if isinstance(value, date) else text_of(value, "publication_date")
    found = _DATE.fullmatch(text.strip())
    if not text.strip():
        return {}
    try:
        if found is None:
            raise ValueError
        year, month, day = (int(part) if part else 0 for part in found.groups())
        # 1 January is what is written where only the year is known.
        if not month or (month, day) == (1, 1):
            return dated(year)
        precision = "day" if day else "month"
        return {"publication_date": date(year, month, day or 15), "date_precision": precision}
    except ValueError:
        raise BadRowError(
            f"publication_date: expected one such as 2011-12-01, received {text:.40}"
        ) from None


def cluster_of(text: str) -> str | None:
    """The Scholar cluster in its digits or in a cited-by link."""
    found = _CLUSTER.fullmatch(text.strip())
    return found.group(1) if found else None


def aligned(values: list[str], names: list[str]) -> list[str]:
    """Values of which each belongs to the name in its place; none if that cannot be told."""
    return values if len(values) == len(names) and any(values) else []
