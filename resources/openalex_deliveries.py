"""What crawls and polls of OpenAlex handed over: gzipped JSON lines in the inbox.

Belongs here: the form of those files, and what they say taken together. Not: fetching (crawl.py,
openalex_poll.py) nor reading them as records (pipeline/corpus/openalex_works.py).

A file's first line says what it is; works follow, sorted by id. Equal content gives equal bytes.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from pipeline.corpus.identifiers import openalex_id
from pipeline.corpus.openalex_query import Work, content_digest
from pipeline.tables import Cell
from resources.lake import replace_file

TRACKED_SCHEMA = pl.Schema(
    {
        "openalex_id": pl.String,  # W123
        "venue": pl.String,
        "year": pl.Int32,
        "cited_by_count": pl.Int64,
        "digest": pl.String,  # content_digest
    }
)


def write_crawl(
    inbox: Path, cell: Cell, works: Iterable[Work], *, observed_on: date, complete: bool
) -> Path:
    """Deliver a venue-year, in one file that is there wholly or not at all."""
    rows = sorted(works, key=lambda work: str(work["id"]))
    header = {
        "csimpact": "openalex_crawl",
        "venue": cell[0],
        "year": cell[1],
        "observed_on": observed_on.isoformat(),
        "complete": complete,
        "n_works": len(rows),
    }
    return _write(inbox, observed_on, f"{cell[0]}-{cell[1]}", [header, *rows])


def write_poll(inbox: Path, rows: Iterable[Work], *, observed_on: date, name: str) -> Path:
    """Deliver what a poll found changed."""
    header = {"csimpact": "openalex_poll", "observed_on": observed_on.isoformat()}
    ordered = sorted(rows, key=lambda row: str(row["id"]))
    return _write(inbox, observed_on, f"poll-{name}", [header, *ordered])


def _write(inbox: Path, day: date, name: str, rows: Iterable[Any]) -> Path:
    path = inbox / "openalex" / day.isoformat() / f"{name}.jsonl.gz"
    data = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    replace_file(path, gzip.compress(data, 6, mtime=0), durable=True)  # no clock in the bytes
    return path


class Deliveries:
    """The files as they lie in the inbox when this is made; a damaged one counts as absent."""

    def __init__(self, inbox: Path) -> None:
        self._files = sorted((inbox / "openalex").glob("*-*-*/*.jsonl.gz"))

    @cached_property
    def crawls(self) -> dict[Cell, Path]:
        """The newest crawl of each venue-year."""
        newest = {}
        for path in self._files:
            venue, _, year = path.name.removesuffix(".jsonl.gz").rpartition("-")
            if venue != "poll" and year.isdigit():
                newest[venue, int(year)] = path
        return newest

    def known(self, cell: Cell) -> tuple[dict[str, Work], bool] | None:
        """Works of a venue-year by id as they stand after later polls, and whether that is all."""
        path = self.crawls.get(cell)
        lines = list(_read(path)) if path else []
        if not path or not lines:
            return None
        works = {str(work["id"]): work for work in lines[1:]}
        for day, rows in self._polls:
            if day >= path.parent.name:
                for row in rows:
                    _apply(works, row)
        return works, bool(lines[0]["complete"])

    def tracked(self) -> pl.DataFrame:
        """Every work known, in the columns a poll compares with."""
        rows = [
            (openalex_id(work_id), *cell, work.get("cited_by_count"), content_digest(work))
            for cell in sorted(self.crawls)
            for work_id, work in (self.known(cell) or ({}, True))[0].items()
        ]
        return pl.DataFrame(rows, schema=TRACKED_SCHEMA, orient="row").unique(
            "openalex_id", keep="first", maintain_order=True
        )

    @cached_property
    def _polls(self) -> list[tuple[str, list[Work]]]:
        polls = [path for path in self._files if path.name.startswith("poll-")]
        return [(path.parent.name, list(_read(path))[1:]) for path in polls]


def _apply(works: dict[str, Work], row: Work) -> None:
    work_id = str(row["id"])
    if work_id not in works:
        return
    if row.get("counts_only"):
        works[work_id] = {**works[work_id], "cited_by_count": row["cited_by_count"]}
    elif row.get("deleted") or row.get("merged_into"):
        del works[work_id]
    else:
        works[work_id] = row


def _read(path: Path) -> Iterator[Any]:
    try:
        lines = gzip.decompress(path.read_bytes()).splitlines()
        yield from [orjson.loads(line) for line in lines]
    except (OSError, EOFError, zlib.error, orjson.JSONDecodeError):
        return
