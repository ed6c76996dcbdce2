"""A file's rows on their way into the store: on disk, so that memory does not grow with the file.

Belongs here: writing batches aside and reading them back by venue-year. Not: what merging means
(pipeline/corpus/standing.py) or doing it (source_merge.py).
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from pipeline.corpus.incoming import BAD_ROW_SCHEMA, EDGE_SCHEMA, RECORD_SCHEMA, Batch
from pipeline.corpus.standing import Known, place
from pipeline.errors import StorageError
from pipeline.tables import Cell
from resources.lake import replace_file

STAGED_ROWS = 100_000  # rows held in memory before they are written aside
_PLACED_EDGES = pl.Schema([("venue", pl.String()), ("year", pl.Int32()), *EDGE_SCHEMA.items()])
_SCHEMAS = {
    "records": RECORD_SCHEMA,
    "edges": _PLACED_EDGES,
    "numbers": pl.Schema({"edge_id": pl.String, "source_row": pl.Int64}),
    "bad": BAD_ROW_SCHEMA,
}
"""Parts of a staged file; `numbers`: edges to be deleted of which the file tells no end."""


class Staging:
    """Batches of one file, placed in venue-years, in a folder of their own."""

    def __init__(self, folder: Path, known: Known, day: date, *, by_id: bool) -> None:
        """`by_id`: such a file is read again when there are more papers."""
        shutil.rmtree(folder, ignore_errors=True)
        self._folder, self._known, self._day, self._by_id = folder, known, day, by_id
        self._cells = known.heads.select("venue", "year", citing_id="source_id")
        self._held: dict[str, list[pl.DataFrame]] = {name: [] for name in _SCHEMAS}
        self._parts = 0
        self.n_unplaced = 0
        folder.mkdir(parents=True)

    def add(self, batch: Batch) -> None:
        """Take a batch; what concerns papers the source never told of is only counted."""
        if batch.records.height:
            placed, lost = place(batch.records, self._known, self._day)
            self.n_unplaced += lost
            # Of a file that is not read again, a deletion must outlive that its id is unknown now.
            self._held["records"].append(placed.drop_nulls("venue") if self._by_id else placed)
        if batch.edges.height:
            self._add_edges(batch.edges)
        self._held["bad"].append(batch.bad)
        if sum(f.height for frames in self._held.values() for f in frames) >= STAGED_ROWS:
            self._write()

    def _add_edges(self, edges: pl.DataFrame) -> None:
        by_number = pl.col("citing_id").is_null() | pl.col("cited_id").is_null()
        named = edges.filter(~by_number)
        placed = named.join(self._cells, on="citing_id", how="inner", maintain_order="left")
        self.n_unplaced += named.height - placed.height
        self._held["edges"].append(placed.select(_PLACED_EDGES.names()))
        numbers = edges.filter(by_number & (pl.col("op") == "delete"))
        self._held["numbers"].append(numbers.select("edge_id", "source_row"))

    def _write(self) -> None:
        for name, frames in self._held.items():
            part = pl.concat([pl.DataFrame(schema=_SCHEMAS[name]), *frames])
            if part.height:
                if "venue" in part.columns:
                    # So that reading one venue back skips the row groups of the others.
                    part = part.sort("venue", "year", maintain_order=True)
                path = self._folder / f"{name}-{self._parts:05d}.parquet"
                try:
                    part.write_parquet(path, row_group_size=20_000)
                except OSError as problem:
                    raise StorageError(
                        f"could not write {path}: {problem.strerror or problem}; nothing was "
                        "changed: make room or grant access, then import again"
                    ) from problem
            frames.clear()
        self._parts += 1

    def seal(self, job: object) -> None:
        """Everything is read: from here on a crash is finished rather than forgotten."""
        self._write()
        replace_file(self._folder / "ready.json", orjson.dumps(job), durable=True)


class Staged:
    """What a sealed staging folder holds; also of a process that was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pending = folder / "pending"
        """Where the merged files wait until all of them are written."""

    @property
    def job(self) -> Mapping[str, Any] | None:
        """What was sealed with it; None if nothing was."""
        return _json(self._folder / "ready.json")

    @property
    def merged(self) -> Mapping[str, Any] | None:
        """The delivery, once everything pending is written."""
        return _json(self._folder / "merged.json")

    def mark_merged(self, delivery: object) -> None:
        """Everything pending is written: from here on it is only moved into place."""
        replace_file(self._folder / "merged.json", orjson.dumps(delivery), durable=True)

    def named(self) -> pl.DataFrame:
        """Which id every staged record is of, what it does to it, and where."""
        return self._all(
            "records", ["source_id", "op", "merged_into", "venue", "year", "source_row"]
        )

    def numbers(self) -> pl.DataFrame:
        """(edge_id, source_row) of edges to be deleted by their number alone."""
        return self._all("numbers", _SCHEMAS["numbers"].names())

    def bad(self) -> pl.DataFrame:
        """Rows that could not be used."""
        return self._all("bad", BAD_ROW_SCHEMA.names())

    def records(self) -> Iterator[tuple[Cell, pl.DataFrame]]:
        """Records by venue-year, one venue in memory at a time."""
        return self._by_cell("records", RECORD_SCHEMA)

    def edges(self) -> Iterator[tuple[Cell, pl.DataFrame]]:
        """Edges by the venue-year of the citing record."""
        return self._by_cell("edges", EDGE_SCHEMA)

    def clear(self) -> None:
        """Done with. The seal goes first: what is half cleared must not look sealed."""
        with suppress(OSError):
            (self._folder / "ready.json").unlink(missing_ok=True)
            shutil.rmtree(self._folder)

    def _files(self, name: str) -> list[Path]:
        return sorted(self._folder.glob(f"{name}-*.parquet"))

    def _all(self, name: str, columns: list[str]) -> pl.DataFrame:
        empty = pl.DataFrame(schema=_SCHEMAS[name]).select(columns)
        return pl.concat([empty, *(pl.read_parquet(p, columns=columns) for p in self._files(name))])

    def _by_cell(self, name: str, schema: pl.Schema) -> Iterator[tuple[Cell, pl.DataFrame]]:
        if not (files := self._files(name)):
            return
        scan = pl.concat([pl.scan_parquet(f) for f in files])
        venues = scan.select(pl.col("venue").unique()).collect()["venue"].drop_nulls().sort()
        for venue in venues:
            rows = scan.filter(pl.col("venue") == venue).collect()
            for (year,), part in sorted(rows.partition_by("year", as_dict=True).items()):
                yield (venue, int(str(year))), part.select(schema.names())


def _json(path: Path) -> Mapping[str, Any] | None:
    if not path.exists():
        return None
    found: Mapping[str, Any] = orjson.loads(path.read_bytes())
    return found
