"""What crawls and polls of OpenAlex handed over: gzipped JSON lines in the inbox.

Belongs here: the form of those files, and what they say taken together. Not: fetching (crawl.py,
openalex_poll.py) nor reading them as records (pipeline/corpus/openalex_works.py).

A file's first line says what it is; works follow, sorted by id. Equal content gives equal bytes.
"""

import gzip
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property
from itertools import dropwhile
from pathlib import Path
from typing import Any

import orjson

from pipeline.corpus.openalex_query import Work
from pipeline.tables import Cell
from resources.lake import replace_file

Works = dict[str, bytes]
"""Works as JSON, by id."""


def write_crawl(
    inbox: Path, cell: Cell, works: Works, *, observed_on: date, complete: bool
) -> Path:
    """Deliver a venue-year, in one file that is there wholly or not at all."""
    header = {
        "csimpact": "openalex_crawl",
        "venue": cell[0],
        "year": cell[1],
        "observed_on": observed_on.isoformat(),
        "complete": complete,
        "n_works": len(works),
    }
    return _write(inbox, observed_on, f"{cell[0]}-{cell[1]}", header, _in_order(works))


def write_poll(inbox: Path, rows: Iterable[Work], *, observed_on: date, name: str) -> Path:
    """Deliver what a poll found changed."""
    header = {"csimpact": "openalex_poll", "observed_on": observed_on.isoformat()}
    lines = {str(row["id"]): orjson.dumps(row) for row in rows}
    return _write(inbox, observed_on, f"poll-{name}", header, _in_order(lines))


def _in_order(works: Works) -> bytes:
    return b"".join(works[i] + b"\n" for i in sorted(works))


def _write(inbox: Path, day: date, name: str, header: dict[str, Any], lines: bytes) -> Path:
    path = inbox / "openalex" / day.isoformat() / f"{name}.jsonl.gz"
    data = orjson.dumps(header) + b"\n" + lines
    # No clock in the bytes; level 4 takes half the time of 6 for a seventh more bytes.
    replace_file(path, gzip.compress(data, 4, mtime=0), durable=True)
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

    def hold(self, cell: Cell, works: Works, *, complete: bool) -> bool:
        """Whether the files say of a venue-year just this, so that delivering it is no news."""
        path = self.crawls.get(cell)
        header, _, lines = _content(path).partition(b"\n") if path else (b"", b"", b"")
        if not path or not header or orjson.loads(header)["complete"] != complete:
            return False
        if not any(row["id"] in works for row in self._rows_since(path)):
            return lines == _in_order(works)
        known = {i: orjson.dumps(work) for i, work in self.known(cell).items()}
        return known == works

    def known(self, cell: Cell) -> dict[str, Work]:
        """Works of a venue-year by id, as they stand after later polls."""
        path = self.crawls.get(cell)
        if not path:
            return {}
        works = {str(work["id"]): work for work in read_rows(path)[1]}
        for row in self._rows_since(path):
            _apply(works, row)
        return works

    @cached_property
    def polls(self) -> list[Path]:
        """Every poll, oldest first."""
        return [path for path in self._files if path.name.startswith("poll-")]

    def polls_since(self, crawl: Path) -> list[Path]:
        """Polls of days after a crawl, and those of its day that were written after it."""
        day, written = crawl.parent.name, crawl.stat().st_mtime_ns

        def earlier(poll: Path) -> bool:
            return poll.parent.name == day and poll.stat().st_mtime_ns < written

        start = bisect_left(self.polls, day, key=lambda poll: poll.parent.name)
        return list(dropwhile(earlier, self.polls[start:]))

    def _rows_since(self, crawl: Path) -> Iterator[Work]:
        """What polls later than a crawl found, in their order."""
        for poll in self.polls_since(crawl):
            yield from self._poll_rows[poll]

    @cached_property
    def _poll_rows(self) -> dict[Path, list[Work]]:
        return {path: read_rows(path)[1] for path in self.polls}


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


def read_rows(path: Path) -> tuple[dict[str, Any], list[Work]]:
    """Header and rows of a file; of a damaged one nothing."""
    try:
        header, *rows = [orjson.loads(line) for line in _content(path).splitlines()]
    except (orjson.JSONDecodeError, ValueError):
        return {}, []
    return header, rows


def _content(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error):
        return b""
