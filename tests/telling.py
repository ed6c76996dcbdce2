"""An importer of JSON lines that say in plain words what a source tells, and a desk to tell it at.

For tests of the store.

The first line is a header: source, kind, observed_on and whatever else `Recognised` has. Lines with
`op` and `source_id` are records, with `citing_id` or `edge_id` edges; `{"bad": reason}` is a bad
row, `{"outside": true}` one of a venue nobody registered, `{"broken": reason}` ends the file with
an InputError.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from pipeline.corpus.incoming import (
    Batch,
    Head,
    Recognised,
    Scope,
    bad_frame,
    edge_frame,
    record_frame,
)
from pipeline.corpus.places import Places
from pipeline.errors import InputError
from pipeline.venues import load_venues
from resources.source_files import SourceFile
from resources.source_store import SourceStore

Line = Mapping[str, Any]
BATCH = 3  # rows of a batch: small, so that tests cross its edges


class Telling:
    """The importer."""

    def recognise(self, head: Head) -> Recognised | None:
        lines = head.data.split(b"\n")
        header = json.loads(lines[0])
        return recognised(header) if "source" in header else None

    def read(self, file: BinaryIO, recognised: Recognised, places: Places) -> Iterator[Batch]:
        size = recognised.options.get("batch", BATCH)
        lines = enumerate(json.loads(line) for line in file)
        next(lines)
        batch: list[tuple[int, Line]] = []
        for line in lines:
            batch.append(line)
            if len(batch) == size:
                yield _batch(batch)
                batch = []
        yield _batch(batch)


def recognised(header: Line) -> Recognised:
    told = {k: v for k, v in header.items() if k not in ("whole_source", "cell", "untold")}
    cell = tuple(header["cell"]) if header.get("cell") else None
    scope = Scope(cell=cell, whole_source=header.get("whole_source", False))
    return Recognised(**told, scope=scope, untold=tuple(header.get("untold", ())))


def record(source_id: str, cell: tuple[str, int], **columns: Any) -> Line:
    """A row of a record; its title is its id unless given."""
    return {
        "op": "row", "source_id": source_id, "venue": cell[0], "year": cell[1],
        "title": source_id, "authors": [], "track": "main", "keywords": [],
        "citation_source": "telling", "publication_date": f"{cell[1]}-07-02",
        "date_precision": "year", **columns,
    }  # fmt: skip


def edge(citing: str, cited: str, op: str = "row", **columns: Any) -> Line:
    return {"op": op, "citing_id": citing, "cited_id": cited, **columns}


def told_file(path: Path, rows: Iterable[Line], *, day: int | str, **header: Any) -> SourceFile:
    """A file of these lines, of a day of January 2026 or an ISO day; gzipped if named so."""
    iso = day if isinstance(day, str) else f"2026-01-{day:02d}"
    head = {"source": "telling", "kind": "rows", "observed_on": iso, **header}
    text = "".join(json.dumps(line) + "\n" for line in (head, *rows)).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text, 1, mtime=0) if path.suffix == ".gz" else text)
    return SourceFile(path, Telling(), recognised(head))


def again(path: Path) -> SourceFile:
    """The file as it would be recognised where it lies."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        return SourceFile(path, Telling(), recognised(json.loads(file.readline())))


def _batch(lines: list[tuple[int, Line]]) -> Batch:
    records, edges, bad, n_outside = [], [], [], 0
    for number, line in lines:
        row = {**line, "source_row": number}
        if "broken" in line:
            raise InputError(line["broken"])
        if "bad" in line:
            bad.append((number, line["bad"], json.dumps(line)))
        elif "outside" in line:
            n_outside += 1
        elif "source_id" in line:
            if day := line.get("publication_date"):
                row["publication_date"] = date.fromisoformat(day)
            records.append(row)
        else:
            edges.append(row)
    return Batch(record_frame(records), edge_frame(edges), bad_frame(bad), n_outside)


# ── a store to tell it to ─────────────────────────────────────────────────────────────
TODAY = date(2026, 3, 1)
PLACES = Places.of(load_venues(), TODAY)
A, B, C = ("acl", 2020), ("acl", 2021), ("cvpr", 2020)
CELLS = (A, B, C)


def open_store(root: Path) -> SourceStore:
    return SourceStore(root, PLACES, TODAY)


@dataclass
class Desk:
    """Writes files one after the other and hands them to a store."""

    store: SourceStore
    folder: Path
    n: int = 0

    def file(self, *rows: Line, day: int | str, **header: Any) -> SourceFile:
        self.n += 1
        return told_file(self.folder / f"{self.n}.jsonl", rows, day=day, **header)

    def tell(self, *rows: Line, day: int | str, accept_shrink: bool = False, **header: Any) -> Any:
        file = self.file(*rows, day=day, **header)
        done = self.store.deliver(file, file.path.name, "", accept_shrink=accept_shrink)
        self.read_again()
        return done

    def read_again(self) -> None:
        for delivery in self.store.registry.overtaken():
            self.store.deliver(again(self.folder / delivery.path), delivery.path, "")
        assert self.store.registry.overtaken() == []  # or it would go on for ever


def said(store: SourceStore, *columns: str) -> dict[str, tuple[Any, ...]]:
    """source_id -> (cell, *columns) of every row in force, wherever it lies."""
    found: dict[str, tuple[Any, ...]] = {}
    for cell in store.digests("records"):
        for row in store.records(cell).select("source_id", *columns).iter_rows():
            assert row[0] not in found, f"{row[0]} lies in two venue-years"
            found[row[0]] = (cell, *row[1:])
    return found


def edges_in_force(store: SourceStore) -> dict[tuple[str, str], str]:
    """(citing, cited) -> first seen, as MM-DD, of those in force, wherever they lie."""
    found: dict[tuple[str, str], str] = {}
    for cell in store.digests("edges"):
        for row in store.edges(cell).filter("in_force").iter_rows(named=True):
            ends = (row["citing_id"], row["cited_id"])
            assert ends not in found, f"{ends} lies in two venue-years"
            found[ends] = row["first_seen"].isoformat()[5:]
    return found


def everything(store: SourceStore) -> dict[str, pl.DataFrame]:
    """All that is stored, clocks included."""
    return {
        p.relative_to(store.root).as_posix(): pl.read_parquet(p, hive_partitioning=False)
        for p in sorted(store.root.rglob("*.parquet"))
    }


def assert_same_store(left: SourceStore, right: SourceStore) -> None:
    mine, other = everything(left), everything(right)
    assert mine.keys() == other.keys()
    for name, frame in mine.items():
        assert frame.equals(other[name]), f"{name}\n{frame}\n{other[name]}"
    for kind in ("records", "edges"):
        assert left.digests(kind) == right.digests(kind)  # type: ignore[arg-type]
    without_time = [[vars(d) | {"mtime_ns": 0} for d in s.deliveries] for s in (left, right)]
    assert without_time[0] == without_time[1]
