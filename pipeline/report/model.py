"""What a report is made of: sections, each with its words, its numbers, its tables and pictures.

Belongs here: the shape of a report. Not: what a section says (papers.py, counts.py, scores.py, …,
impact/), how a picture is drawn (figures/), nor what it looks like (frame.py, markdown.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from pipeline.wording import said_time

LISTED = 5_000  # rows of a table that the document beside the page holds


@dataclass(frozen=True)
class Listing:
    """A table: `rows` in the order to be read, of which a page shows the first `shown`.

    `heads`: what to write above a column where its name does not say enough, units above all;
    `subject`: the column that says what a row is about.
    """

    name: str
    caption: str
    rows: pl.DataFrame
    shown: int = 50
    heads: Mapping[str, str] = field(default_factory=dict)
    subject: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure: its PNG, a `caption` on how to read it, and in `alt` what it shows."""

    name: str
    caption: str
    alt: str
    png: bytes


@dataclass(frozen=True)
class Section:
    """One part of a report.

    `words` are whole sentences, empty where there is nothing to say, a paragraph per line;
    `numbers` the figures they are made of.
    """

    key: str
    title: str
    words: str
    numbers: Mapping[str, float]
    listings: Sequence[Listing] = field(default=())
    pictures: Sequence[Picture] = field(default=())


@dataclass(frozen=True)
class Report:
    """What happened up to `made_at`, since the report of `since` (None: this is the first)."""

    made_at: datetime
    since: datetime | None
    sections: Sequence[Section]

    @property
    def words(self) -> str:
        """The report as one paragraph."""
        since = f"Since {said_time(self.since)}: " if self.since else ""
        return since + " ".join(s.words for s in self.sections if s.words)

    def document(self) -> dict[str, Any]:
        """The same words and numbers for programs; tables of at most LISTED rows."""
        return {
            "made_at": self.made_at,
            "since": self.since,
            "words": self.words,
            "sections": {s.key: _section(s) for s in self.sections},
        }


def _section(section: Section) -> dict[str, Any]:
    tables = {
        one.name: {"n_rows": one.rows.height, "rows": one.rows.head(LISTED).to_dicts()}
        for one in section.listings
    }
    return {
        "title": section.title,
        "words": section.words,
        "numbers": dict(section.numbers),
        "tables": tables,
    }


def cells_named(frame: pl.DataFrame) -> list[str]:
    """`cvpr 2016: 2` for each row of venue, year, count."""
    return [f"{venue} {year}: {count:,}" for venue, year, count in frame.iter_rows()]
