"""What every source says now, by venue-year: rows of whole dumps, diffs and crawls, put together.

Belongs here: keeping rows in force, and crash-safe merging of a file into them. Not: formats
(pipeline/corpus), which row wins (pipeline/corpus/standing.py), lists (inbox.py: their ids are
positions, so whole lists replace each other), nor who is who (pipeline/corpus/resolution.py).

A file is first read to its end into a staging folder, then merged. A damaged file therefore
changes nothing, and a merge that was killed is finished by the next one who looks.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from pipeline.corpus.incoming import RECORD_SCHEMA
from pipeline.corpus.places import Places
from pipeline.corpus.standing import (
    GONE_SCHEMA,
    HEAD_SCHEMA,
    STORED_EDGES,
    STORED_SCHEMA,
    absent,
    merge_edges,
    merge_records,
)
from pipeline.errors import InputError, ShrinkError
from pipeline.tables import DUMP_RECORDS, QUARANTINE, UNRECOGNISED, Cell
from resources.lake import digest_of, read_frame, replace_file, write_frame
from resources.source_files import SourceFile, opened, sha256_of
from resources.staging import Staged, Staging, quarantined

SHRUNK = 0.5  # a replacement below this share of what it replaces looks like a damaged one
FLOOR = {"dblp_xml": 1_000}  # records below which the first file of a kind is not believed
PROVENANCE = ("source_file", "source_row", "confirmed_on")


@dataclass(frozen=True)
class Delivery:
    """One file merged: what it is, and where its rows went.

    rows read = n_records + n_edges + n_bad + n_outside. Of the records and edges, `n_unplaced`
    concern papers the source never told of. `ids`: digest of the ids the source had told of.
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
    n_records: int = 0
    n_edges: int = 0
    n_bad: int = 0
    n_outside: int = 0
    n_unplaced: int = 0
    n_new: int = 0
    n_changed: int = 0
    n_removed: int = 0
    n_repeated: int = 0
    ids: str = ""


class SourceStore:
    """The rows in force of every source, below one folder. One writer at a time."""

    def __init__(self, root: Path, places: Places, today: date) -> None:
        self.root = root
        self._places = places
        self.today = today
        self._registry = root / "registry.jsonl"
        self._staging = root / "staging"
        self.deliveries: list[Delivery] = self._load()

    def _load(self) -> list[Delivery]:
        if not self._registry.exists():
            return []
        try:
            lines = self._registry.read_bytes().splitlines()
            return [Delivery(**orjson.loads(line)) for line in lines]
        except (OSError, TypeError, orjson.JSONDecodeError) as problem:
            raise InputError(
                f"{self._registry} is damaged ({problem}): restore {self.root} from a backup, or "
                "delete it and import the dumps again"
            ) from problem

    # ── what is held ──────────────────────────────────────────────────────────────────

    def sources(self) -> list[str]:
        """Sources that told something, sorted."""
        return sorted({d.source for d in self.deliveries})

    def digests(self, kind: str) -> dict[Cell, str]:
        """Digest of the `records` or the `edges` of every venue-year, over all sources."""
        found: dict[Cell, list[str]] = {}
        for source in self.sources():
            for cell, digest in self._index(source, kind).items():
                found.setdefault(cell, []).append(f"{source}={digest}")
        if kind == "records" and (bad := [d for d in self.deliveries if d.n_bad]):
            found[UNRECOGNISED] = [f"{d.sha256[:16]}:{d.seq}" for d in bad]
        return {c: hashlib.sha256(" ".join(d).encode()).hexdigest()[:16] for c, d in found.items()}

    def records(self, cell: Cell) -> pl.DataFrame:
        """`dump_records` in force of a venue-year, of every source."""
        frames = [self._rows(source, cell) for source in self.sources()]
        return pl.concat([DUMP_RECORDS.empty(), *(f.drop("confirmed_on") for f in frames)])

    def edges(self, cell: Cell) -> pl.DataFrame:
        """Citations handed over apart from papers, by the venue-year of the citing record."""
        schema = pl.Schema([("source", pl.String()), *STORED_EDGES.items()])
        frames = [
            self._edges(source, cell).select(pl.lit(source).alias("source"), pl.all())
            for source in self.sources()
        ]
        return pl.concat([pl.DataFrame(schema=schema), *frames])

    def quarantine(self) -> pl.DataFrame:
        """Rows of every delivery that could not be used, as the cell `UNRECOGNISED`."""
        # A file that was read again, or came again, has its newest account only.
        newest = {d.path: d for d in self.deliveries}
        frames = (read_frame(self._bad_file(d)) for d in newest.values() if d.n_bad)
        return pl.concat([QUARANTINE.empty(), *(f for f in frames if f is not None)])

    def heads(self, source: str) -> pl.DataFrame:
        """Where each id of a source lies (HEAD_SCHEMA)."""
        frames = [
            frame
            for cell in self._index(source, "records")
            if (frame := read_frame(self._file(source, "records", cell), HEAD_SCHEMA.names()))
            is not None
        ]
        return pl.concat([pl.DataFrame(schema=HEAD_SCHEMA), *frames])

    def _numbered(self, source: str) -> pl.DataFrame:
        """(edge_id, citing_id, cited_id) of the edges that the source numbers."""
        names = ["edge_id", "citing_id", "cited_id"]
        frames = [self._edges(source, cell).select(names) for cell in self._index(source, "edges")]
        numbered = pl.concat([pl.DataFrame(schema=dict.fromkeys(names, pl.String)), *frames])
        return numbered.drop_nulls("edge_id").unique("edge_id")

    def merged_ids(self) -> pl.DataFrame:
        """(source, source_id, merged_into, gone_on) of ids that sources merged away."""
        frames = [
            self._gone(source)
            .filter(pl.col("merged_into").is_not_null())
            .select(pl.lit(source).alias("source"), "source_id", "merged_into", "gone_on")
            for source in self.sources()
        ]
        schema = {"source": pl.String, "source_id": pl.String, "merged_into": pl.String}
        return pl.concat([pl.DataFrame(schema=schema | {"gone_on": pl.Date}), *frames])

    # ── deliveries ────────────────────────────────────────────────────────────────────

    def known(self, digest: str, observed_on: str) -> bool:
        """Whether the same bytes, as of the same day, were the last of their kind already."""
        return any((d.sha256, d.observed_on) == (digest, observed_on) for d in self.deliveries)

    def overtaken(self) -> list[Delivery]:
        """Files by id that were read before their source told of all it tells of now."""
        newest = {d.path: d for d in self.deliveries if d.by_id}
        now = {
            s: digest_of(self.heads(s).select("source_id").sort("source_id"))
            for s in {d.source for d in newest.values()}
        }
        return [d for d in newest.values() if d.ids != now[d.source]]

    def deliver(
        self, file: SourceFile, shown: str, listed_on: str, *, accept_shrink: bool = False
    ) -> Delivery:
        """Read a file and merge it into what its source says; nothing changes if it is damaged.

        `shown` names the file in tables; `listed_on` is the day in its path, if any. Raises
        InputError or ShrinkError in one line.
        """
        stat, found = file.path.stat(), file.recognised
        delivery = Delivery(
            seq=max((d.seq for d in self.deliveries), default=-1) + 1,
            path=shown,
            sha256=sha256_of(file.path),
            size=stat.st_size,
            mtime_ns=stat.st_mtime_ns,
            source=found.source,
            kind=found.kind,
            by_id=found.by_id,
            observed_on=found.observed_on or listed_on or self.today.isoformat(),
            registered_on=self.today.isoformat(),
        )
        heads = self.heads(found.source)
        day = date.fromisoformat(delivery.observed_on)
        gone = self._gone(found.source)
        staging = Staging(self._staging, heads, gone, lambda: self._numbered(found.source), day)
        try:
            delivery = self._stage(file, staging, delivery)
            if not accept_shrink:
                _refuse_shrunk(file, delivery, heads)
        except InputError as problem:
            Staged(self._staging).clear()
            raise _named(file.path, problem) from problem
        bad = quarantined(staging.bad, found.source, shown, UNRECOGNISED)
        write_frame(self._bad_file(delivery), bad)
        staging.seal(
            {
                "delivery": asdict(delivery),
                "untold": found.untold,
                "whole_source": found.scope.whole_source,
                "cell": found.scope.cell,
            }
        )
        return self.finish() or delivery

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
        delivery = self._merge(staged, job)
        self.deliveries.append(delivery)
        lines = b"".join(orjson.dumps(asdict(d)) + b"\n" for d in self.deliveries)
        replace_file(self._registry, lines, durable=True)
        staged.clear()
        return delivery

    def _merge(self, staged: Staged, job: Mapping[str, Any]) -> Delivery:
        delivery = Delivery(**job["delivery"])
        source, day = delivery.source, date.fromisoformat(delivery.observed_on)
        heads, named = self.heads(source), staged.ids()
        scope = tuple(job["cell"]) if job["cell"] else None
        vanished = pl.DataFrame(schema=HEAD_SCHEMA)
        if job["whole_source"] or scope:
            rows = named.filter(pl.col("op").is_in(["row", "patch"])).select("source_id").unique()
            vanished = absent(heads, rows, scope, day)
        index = self._index(source, "records")
        counts = dict.fromkeys(("n_new", "n_changed", "n_removed", "n_repeated"), 0)
        for cell, incoming in _with_vanished(staged.records(), vanished):
            after, told = merge_records(
                self._rows(source, cell), incoming,
                source=source, file=delivery.path, day=day, untold=job["untold"],
            )  # fmt: skip
            write_frame(self._file(source, "records", cell), after)
            index[cell] = digest_of(after.drop(PROVENANCE))
            counts = {name: n + told[name] for name, n in counts.items()}
        self._write_index(source, "records", index)
        self._remember_gone(source, named, vanished, day)
        self._move_edges(source, heads)
        self._merge_edges(source, staged, day)
        return Delivery(**{**asdict(delivery), **counts, "ids": self._ids(source)})

    def _ids(self, source: str) -> str:
        return digest_of(self.heads(source).select("source_id").sort("source_id"))

    def _merge_edges(self, source: str, staged: Staged, day: date) -> None:
        index = self._index(source, "edges")
        for cell, incoming in staged.edges():
            self._write_edges(
                source, cell, merge_edges(self._edges(source, cell), incoming, day), index
            )
        self._write_index(source, "edges", index)

    def _move_edges(self, source: str, before: pl.DataFrame) -> None:
        """Let edges follow citing records that now lie in another venue-year."""
        index = self._index(source, "edges")
        if not index:
            return
        now = self.heads(source).select("source_id", "venue", "year")
        moved = before.join(now, on="source_id", suffix="_now").filter(
            (pl.col("venue") != pl.col("venue_now")) | (pl.col("year") != pl.col("year_now"))
        )
        for (venue, year), movers in moved.partition_by("venue", "year", as_dict=True).items():
            cell = (str(venue), int(str(year)))
            edges = self._edges(source, cell)
            targets = movers.select("venue_now", "year_now", citing_id="source_id")
            leaving = edges.join(targets, on="citing_id")
            for (to, when), part in leaving.partition_by(
                "venue_now", "year_now", as_dict=True
            ).items():
                target = (str(to), int(str(when)))
                joined = pl.concat([self._edges(source, target), part.select(STORED_EDGES.names())])
                self._write_edges(source, target, joined.unique(["citing_id", "cited_id"]), index)
            self._write_edges(source, cell, edges.join(targets, on="citing_id", how="anti"), index)
        self._write_index(source, "edges", index)

    def _write_edges(
        self, source: str, cell: Cell, edges: pl.DataFrame, index: dict[Cell, str]
    ) -> None:
        ordered = edges.sort("citing_id", "cited_id")
        write_frame(self._file(source, "edges", cell), ordered)
        index[cell] = digest_of(ordered)

    def _remember_gone(
        self, source: str, named: pl.DataFrame, vanished: pl.DataFrame, day: date
    ) -> None:
        taken = named.filter(pl.col("op").is_in(["delete", "merge"]))
        gone = pl.concat(
            [
                taken.select("source_id", pl.lit(day).alias("gone_on"), "merged_into"),
                vanished.select(
                    "source_id",
                    pl.lit(day).alias("gone_on"),
                    pl.lit(None, pl.String).alias("merged_into"),
                ),
            ]
        )
        back = named.filter(op="row").join(gone, on="source_id", how="anti")
        before = self._gone(source).join(back, on="source_id", how="anti")
        if gone.height or before.height < self._gone(source).height:
            after = pl.concat([before, gone]).unique("source_id", keep="last").sort("source_id")
            write_frame(self.root / source / "gone.parquet", after)

    # ── files ─────────────────────────────────────────────────────────────────────────

    def _file(self, source: str, kind: str, cell: Cell) -> Path:
        return self.root / source / kind / f"venue={cell[0]}" / f"year={cell[1]}.parquet"

    def _rows(self, source: str, cell: Cell) -> pl.DataFrame:
        frame = read_frame(self._file(source, "records", cell))
        return pl.DataFrame(schema=STORED_SCHEMA) if frame is None else frame

    def _edges(self, source: str, cell: Cell) -> pl.DataFrame:
        frame = read_frame(self._file(source, "edges", cell))
        return pl.DataFrame(schema=STORED_EDGES) if frame is None else frame

    def _gone(self, source: str) -> pl.DataFrame:
        frame = read_frame(self.root / source / "gone.parquet")
        return pl.DataFrame(schema=GONE_SCHEMA) if frame is None else frame

    def _bad_file(self, delivery: Delivery) -> Path:
        return self.root / delivery.source / "bad" / f"{delivery.seq}.parquet"

    def _index(self, source: str, kind: str) -> dict[Cell, str]:
        path = self.root / source / f"{kind}.json"
        stored = orjson.loads(path.read_bytes()) if path.exists() else {}
        return {(name.split("|")[0], int(name.split("|")[1])): d for name, d in stored.items()}

    def _write_index(self, source: str, kind: str, index: Mapping[Cell, str]) -> None:
        named = {f"{venue}|{year}": digest for (venue, year), digest in sorted(index.items())}
        replace_file(self.root / source / f"{kind}.json", orjson.dumps(named))


def _with_vanished(
    staged: Iterator[tuple[Cell, pl.DataFrame]], vanished: pl.DataFrame
) -> Iterator[tuple[Cell, pl.DataFrame]]:
    """The staged rows by venue-year, and a deletion for each row that vanished."""
    left = {
        (str(venue), int(str(year))): _deletions(part)
        for (venue, year), part in vanished.partition_by("venue", "year", as_dict=True).items()
    }
    for cell, rows in staged:
        yield cell, pl.concat([rows, left.pop(cell)]) if cell in left else rows
    yield from left.items()


def _deletions(heads: pl.DataFrame) -> pl.DataFrame:
    empty = pl.DataFrame(schema=RECORD_SCHEMA)
    told = heads.select("source_id", "venue", "year", op=pl.lit("delete"))
    return pl.concat([empty, told], how="diagonal").select(RECORD_SCHEMA.names())


def _refuse_shrunk(file: SourceFile, delivery: Delivery, heads: pl.DataFrame) -> None:
    scope = file.recognised.scope
    if not (scope.whole_source or scope.cell):
        return
    held = heads.filter(venue=scope.cell[0], year=scope.cell[1]) if scope.cell else heads
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
