"""The files that were merged into what sources say, in the order they were merged.

Belongs here: which files are known, which must be read again, and what is closed to older ones.
Not: merging (source_merge.py) or what sources say (source_store.py).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import orjson
import polars as pl

from pipeline.corpus.standing import CLOSED_SCHEMA
from pipeline.errors import InputError
from resources.lake import replace_file


@dataclass(frozen=True)
class Delivery:
    """One file merged: what it is, and where its rows went.

    rows read = n_records + n_edges + n_bad + n_outside. Of the records and edges, `n_unplaced`
    concern papers the source never told of. `whole_source`, `venue`, `year`: of what it is the
    whole truth.
    """

    seq: int
    path: str
    sha256: str
    size: int
    mtime_ns: int
    source: str
    kind: str
    by_id: bool
    observed_on: str
    registered_on: str
    whole_source: bool = False
    venue: str = ""
    year: int = 0
    n_records: int = 0
    n_edges: int = 0
    n_bad: int = 0
    n_outside: int = 0
    n_unplaced: int = 0
    n_new: int = 0
    n_changed: int = 0
    n_removed: int = 0
    n_repeated: int = 0

    @property
    def day(self) -> date:
        """The day of which it tells."""
        return date.fromisoformat(self.observed_on)

    @property
    def cell(self) -> tuple[str, int] | None:
        """The venue-year of which it is the whole truth, if it is of one."""
        return (self.venue, self.year) if self.venue else None


class Registry:
    """Deliveries, oldest first; a JSON-lines file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.deliveries = self._load()

    def _load(self) -> list[Delivery]:
        if not self._path.exists():
            return []
        try:
            lines = self._path.read_bytes().splitlines()
            return [Delivery(**orjson.loads(line)) for line in lines]
        except (OSError, TypeError, orjson.JSONDecodeError) as problem:
            raise InputError(
                f"{self._path} is damaged ({problem}): restore {self._path.parent} from a backup, "
                "or delete it and run `csimpact refresh`, which reads every file in the inbox again"
            ) from problem

    def _save(self) -> None:
        lines = b"".join(orjson.dumps(asdict(d)) + b"\n" for d in self.deliveries)
        replace_file(self._path, lines, durable=True)

    @property
    def next_seq(self) -> int:
        """The number of the next delivery."""
        return self.deliveries[-1].seq + 1 if self.deliveries else 0

    def append(self, delivery: Delivery) -> None:
        """Remember a delivery that was merged."""
        self.deliveries.append(delivery)
        self._save()

    def known(self, digest: str, observed_on: str) -> bool:
        """Whether these very bytes, as of this very day, were merged already."""
        return any((d.sha256, d.observed_on) == (digest, observed_on) for d in self.deliveries)

    def touch(self, path: str, size: int, mtime_ns: int, digest: str) -> bool:
        """Whether the file of this name is a known one; a moved time stamp is remembered.

        A copied or restored inbox must not look like news: undated files would count as today's.
        """
        for i, d in enumerate(self.deliveries):
            if (d.path, d.size, d.sha256) == (path, size, digest):
                self.deliveries[i] = replace(d, mtime_ns=mtime_ns)
                self._save()
                return True
        return False

    def overtaken(self) -> list[Delivery]:
        """Files by id that were read before their source told of all papers it tells of now."""
        newest = {d.path: d for d in self.deliveries if d.by_id}
        grown = {d.source: d.seq for d in self.deliveries if d.n_new and not d.by_id}
        late = [d for d in newest.values() if d.seq < grown.get(d.source, -1)]
        return sorted(late, key=lambda d: (d.observed_on, d.seq))

    def closed(self, source: str) -> pl.DataFrame:
        """CLOSED_SCHEMA: since when venue-years are closed to rows of older files."""
        days = {d.cell: d.day for d in sorted(self._of(source), key=lambda d: d.day) if d.cell}
        rows = [(*cell, day) for cell, day in days.items() if cell]
        return pl.DataFrame(rows, schema=CLOSED_SCHEMA, orient="row")

    def all_closed(self, source: str) -> date | None:
        """Day of the newest file that was the whole truth about a source."""
        return max((d.day for d in self._of(source) if d.whole_source), default=None)

    def in_force(self) -> list[Delivery]:
        """Deliveries of which no later one speaks: of the same file, or of all it was about."""
        newest: dict[object, Delivery] = {}
        for d in sorted(self.deliveries, key=lambda d: (d.observed_on, d.seq)):
            whole = d.whole_source or d.cell is not None
            newest[(d.source, d.kind, d.cell) if whole else d.path] = d
        return sorted(newest.values(), key=lambda d: d.seq)

    def _of(self, source: str) -> Iterable[Delivery]:
        return (d for d in self.deliveries if d.source == source)
