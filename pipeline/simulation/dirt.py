"""Flaws of the simulated lists: which there are, whom they befall, and how they look.

Belongs here: dirt, one row at a time. Not: the lists (lists.py). Every flaw was seen
in real lists: repeats under one id or two, submissions that were turned down, front matter among
papers, rows without a title, status, id, abstract or count, entities, LaTeX accents, stray
white space, authors listed twice.

Flaws are drawn per paper and per venue-year, so that they stay where they are from day to day.
"""

import html.entities
import unicodedata
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.simulation.text import Ints, uniform_rows

FLAW_STREAM, CELL_STREAM = 21, 22

# Flaws of a paper's own row; the paper survives every one of them.
ROW_FLAWS = (
    "entities", "latex", "spaces", "unknown_count", "no_count",
    "no_abstract", "no_status", "authors_repeated",
)  # fmt: skip
# Rows written beside a paper, with what must become of them.
EXTRA_ROWS = {
    "repeated": "duplicate",
    "repeated_under_another_id": "duplicate",
    "Reject": "excluded",
    "Withdraw": "excluded",
    "Active": "excluded",
    "no_title": "quarantined",
}
# Flaws of a whole venue-year.
CELL_FLAWS = ("front_matter", "empty_status", "no_counts", "no_ids")
COMMON = 10  # LaTeX accents and front matter are this many times as frequent as other flaws

_MARKS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"',
    "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c", "\u0328": "k",
}  # fmt: skip


@dataclass(frozen=True)
class Dirt:
    """Every draw of flaws: probability and seed."""

    rate: float
    seed: int

    def of_papers(self, serials: Ints) -> list[set[str]]:
        """Flaws of each paper's row, and kinds of rows beside it."""
        kinds = (*ROW_FLAWS, *EXTRA_ROWS)
        drawn = uniform_rows(self.seed, FLAW_STREAM, serials, len(kinds)).tolist()
        return [self._hit(kinds, row) for row in drawn]

    def of_cell(self, venue: str, year: int) -> set[str]:
        """Flaws of a whole venue-year."""
        stream = [self.seed, CELL_STREAM, zlib.crc32(venue.encode()), year]
        return self._hit(CELL_FLAWS, np.random.default_rng(stream).random(len(CELL_FLAWS)).tolist())

    def _hit(self, kinds: tuple[str, ...], drawn: list[float]) -> set[str]:
        return {
            kind
            for kind, u in zip(kinds, drawn, strict=True)
            if u < self.rate * (COMMON if kind in ("latex", "front_matter") else 1)
        }


def soil(fields: dict[str, Any], flaw: str) -> bool:
    """Whether the row changed when one flaw was put into it, in place."""
    before = dict(fields)
    match flaw:
        case "entities":
            fields["title"] = as_entities(fields["title"])
        case "latex":
            fields |= {key: as_latex(fields[key]) for key in ("title", "author")}
        case "spaces":
            fields["title"] = f" {fields['title']}\n".replace(" for ", "  for ")
            fields["author"] = fields["author"].replace("; ", ";  ")
        case "unknown_count":
            fields |= {"gs_citation": -1, "gs_cited_by_link": ""}
        case "no_count":
            drop(fields, "gs_citation", "gs_cited_by_link")
        case "no_abstract":
            fields["abstract"] = ""
        case "no_status":
            drop(fields, "status", "track")
        case "authors_repeated":
            fields["author"] = f"{fields['author']}; {fields['author']}"
    return fields != before


def drop(fields: dict[str, Any], *keys: str) -> None:
    """Takes keys out of a row, in place."""
    for key in keys:
        fields.pop(key, None)


def as_entities(text: str) -> str:
    """Accented letters as HTML entities; in their absence a hard space."""
    named = "".join(
        f"&{html.entities.codepoint2name[ord(c)]};"
        if ord(c) > 127 and ord(c) in html.entities.codepoint2name
        else c
        for c in text
    )
    return named if named != text else text.replace(" for ", "&nbsp;for ")


def as_latex(text: str) -> str:
    """Letters with one accent in LaTeX: ö as {\\"o}, š as \\v{s}."""
    return "".join(_latex_letter(c) for c in text)


def _latex_letter(letter: str) -> str:
    parts = unicodedata.normalize("NFD", letter)
    sign = _MARKS.get(parts[1]) if len(parts) == 2 else None
    if sign is None:
        return letter
    return f"\\{sign}{{{parts[0]}}}" if sign.isalpha() else f"{{\\{sign}{parts[0]}}}"
