"""What every source says now, by venue-year: rows of whole dumps, diffs and crawls, put together.

Belongs here: what is held, and taking in a file without ever being half done. Not: formats
(pipeline/corpus), which row wins (pipeline/corpus/standing.py), where rows lie (source_shelf.py),
lists (inbox.py: their ids are positions, so whole lists replace each other), nor who is who
(pipeline/corpus/resolution.py).

A file is first read to its end into a staging folder, then merged beside what is held, then moved
into place. A damaged file therefore changes nothing, and whoever is killed is finished by the next
one who looks.
"""

import hashlib
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import polars as pl

from pipeline.corpus.places import Places
from pipeline.corpus.standing import Known, followed
from pipeline.corpus.standing_edges import STORED_EDGES, seen_edges
from pipeline.errors import InputError, ShrinkError
from pipeline.tables import DUMP_RECORDS, QUARANTINE, UNRECOGNISED, Cell
from resources.source_files import SourceFile, opened, sha256_of
from resources.source_merge import merge
from resources.source_registry import Delivery, Registry
from resources.source_shelf import Kind, Shelf
from resources.staging import Staged, Staging

__all__ = ["Delivery", "SourceStore"]

SHRUNK = 0.5  # a replacement below this share of what it replaces looks like a damaged one
FLOOR = {"dblp_xml": 1_000}  # records below which the first file of a kind is not believed


class SourceStore:
    """The rows in force of every source, below one folder. One writer at a time."""

    def __init__(self, root: Path, places: Places, today: date) -> None:
        self.root = root
        self._places = places
        self.today = today
        self.registry = Registry(root / "registry.jsonl")
        self._staging = root / ".staging"  # a source may have any name but a hidden one
        self._shelf = Shelf(root)

    @property
    def deliveries(self) -> list[Delivery]:
        """Files merged, oldest first."""
        return self.registry.deliveries

    # ── what is held ──────────────────────────────────────────────────────────────────

    def sources(self) -> list[str]:
        """Sources that told something, sorted."""
        return sorted({d.source for d in self.deliveries})

    def digests(self, kind: Kind) -> dict[Cell, str]:
        """Digest of the `records` or the `edges` of every venue-year, over all sources."""
        found: dict[Cell, list[str]] = {}
        for source in self.sources():
            for cell, digest in self._shelf.index(source, kind).items():
                found.setdefault(cell, []).append(f"{source}={digest}")
        if kind == "records":
            for source in self.sources():
                for cell, digest in self._shelf.index(source, "merged").items():
                    found.setdefault(cell, []).append(f"merged into {source}={digest}")
        if kind == "records" and (bad := self._with_bad_rows()):
            found[UNRECOGNISED] = sorted(f"{d.sha256[:16]}:{d.path}" for d in bad)
        return {c: hashlib.sha256(" ".join(d).encode()).hexdigest()[:16] for c, d in found.items()}

    def records(self, cell: Cell) -> pl.DataFrame:
        """`dump_records` in force of a venue-year, of every source."""
        frames = [self._shelf.rows(source, cell) for source in self.sources()]
        names = DUMP_RECORDS.schema.names()
        return pl.concat([DUMP_RECORDS.empty(), *(f.select(names) for f in frames)])

    def edges(self, cell: Cell) -> pl.DataFrame:
        """Citations handed over apart from papers, by the venue-year of the citing record."""
        empty = pl.DataFrame(schema=pl.Schema([("source", pl.String()), *STORED_EDGES.items()]))
        frames = [
            seen_edges(self._shelf.edges(source, cell)).select(
                pl.lit(source).alias("source"), pl.all()
            )
            for source in self.sources()
        ]
        return pl.concat([seen_edges(empty), *frames])

    def quarantine(self) -> pl.DataFrame:
        """Rows in force that could not be used, as the cell `UNRECOGNISED`."""
        frames = (self._shelf.bad(d.source, d.seq) for d in self._with_bad_rows())
        return pl.concat([QUARANTINE.empty(), *(f for f in frames if f is not None)])

    def damaged(self, source: str, kind: Kind) -> list[Path]:
        """Files of a source that are not what was merged, by reading all of them."""
        return [
            self._shelf.path(source, kind, cell)
            for cell, digest in self._shelf.index(source, kind).items()
            if not self._shelf.holds(source, kind, cell, digest)
        ]

    def _with_bad_rows(self) -> list[Delivery]:
        return [d for d in self.registry.in_force() if d.n_bad]

    def merged_ids(self) -> pl.DataFrame:
        """(source, source_id, merged_into, gone_on) of ids that sources merged away.

        `merged_into` is what the id means in the end, where it was merged several times.
        """
        schema = {"source": pl.String, "source_id": pl.String, "merged_into": pl.String}
        frames = [
            followed(self._shelf.gone(source)).select(pl.lit(source).alias("source"), pl.all())
            for source in self.sources()
        ]
        return pl.concat([pl.DataFrame(schema=schema | {"gone_on": pl.Date}), *frames])

    # ── taking in files ───────────────────────────────────────────────────────────────

    def deliver(
        self, file: SourceFile, shown: str, listed_on: str, *, accept_shrink: bool = False
    ) -> Delivery:
        """Read a file and merge it into what its source says; nothing changes if it is damaged.

        `shown` names the file in tables; `listed_on` is the day in its path, if any. Raises
        InputError or ShrinkError in one line.
        """
        self.finish()
        delivery = self._announced(file, shown, listed_on)
        source = delivery.source
        known = Known(
            heads=self._shelf.heads(source),
            gone=self._shelf.gone(source),
            closed=self.registry.closed(source),
            all_closed=self.registry.all_closed(source),
        )
        staging = Staging(self._staging, known, delivery.day, by_id=delivery.by_id)
        try:
            delivery = self._stage(file, staging, delivery)
            if not accept_shrink:
                _refuse_shrunk(delivery, known.heads)
        except InputError as problem:
            Staged(self._staging).clear()
            raise _named(file.path, problem) from problem
        staging.seal({"delivery": asdict(delivery), "untold": file.recognised.untold})
        return self.finish() or delivery

    def _announced(self, file: SourceFile, shown: str, listed_on: str) -> Delivery:
        stat, found = file.path.stat(), file.recognised
        venue, year = found.scope.cell or ("", 0)
        return Delivery(
            seq=self.registry.next_seq,
            path=shown,
            sha256=sha256_of(file.path),
            size=stat.st_size,
            mtime_ns=stat.st_mtime_ns,
            source=found.source,
            kind=found.kind,
            by_id=found.by_id,
            observed_on=found.observed_on or listed_on or self.today.isoformat(),
            registered_on=self.today.isoformat(),
            whole_source=found.scope.whole_source,
            venue=venue,
            year=year,
        )

    def _stage(self, file: SourceFile, staging: Staging, delivery: Delivery) -> Delivery:
        with opened(file.path) as stream:
            for batch in file.importer.read(stream, file.recognised, self._places):
                staging.add(batch)
                delivery = replace(
                    delivery,
                    n_records=delivery.n_records + batch.records.height,
                    n_edges=delivery.n_edges + batch.edges.height,
                    n_bad=delivery.n_bad + batch.bad.height,
                    n_outside=delivery.n_outside + batch.n_outside,
                    n_unplaced=staging.n_unplaced,
                )
        return delivery

    def finish(self) -> Delivery | None:
        """Merge what lies sealed in the staging folder, if anything does."""
        staged = Staged(self._staging)
        if (job := staged.job) is None:
            return None
        if job["delivery"]["seq"] < self.registry.next_seq:  # all done, but not cleared away
            staged.clear()
            return None
        if staged.merged is None:
            staged.mark_merged(asdict(merge(self.root, staged)))
        delivery = Delivery(**staged.merged or {})
        Shelf(self.root, staged.pending).commit()
        self.registry.append(delivery)
        staged.clear()
        return delivery


def _refuse_shrunk(delivery: Delivery, heads: pl.DataFrame) -> None:
    if not (delivery.whole_source or delivery.cell):
        return
    held = heads.filter(pl.col("confirmed_on") <= delivery.day)  # a newer file said the others
    if cell := delivery.cell:
        held = held.filter(venue=cell[0], year=cell[1])
    first = held.is_empty()
    floor = FLOOR.get(delivery.kind, 0) if first else SHRUNK * held.height
    found = delivery.n_records + (delivery.n_outside if first else 0)
    if found < floor:
        replaced = f", since it replaces {held.height:,}" if held.height else ""
        raise ShrinkError(
            f"expected at least {floor:,.0f} records of {delivery.source}{replaced}, received "
            f"{found:,}; nothing was changed: fetch the file again, or import it with "
            "--accept-shrink"
        )


def _named(path: Path, problem: InputError) -> InputError:
    text = str(problem)
    return problem if text.startswith(str(path)) else type(problem)(f"{path}: {text}")
