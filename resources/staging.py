"""A file's rows on their way into the store: on disk, so that memory does not grow with the file.

Belongs here: writing batches aside and reading them back by venue-year. Not: what merging means
(pipeline/corpus/standing.py).
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import orjson
import polars as pl

from pipeline.corpus.incoming import EDGE_SCHEMA, RECORD_SCHEMA, Batch
from pipeline.corpus.standing import place
from pipeline.tables import QUARANTINE, Cell
from resources.lake import replace_file

STAGED_ROWS = 100_000  # rows held in memory before they are written aside
_PLACED_EDGES = pl.Schema([("venue", pl.String()), ("year", pl.Int32()), *EDGE_SCHEMA.items()])


class Staging:
    """Batches of one file, placed in venue-years, in a folder of their own."""

    def __init__(
        self,
        folder: Path,
        heads: pl.DataFrame,
        gone: pl.DataFrame,
        numbered: Callable[[], pl.DataFrame],
        day: date,
    ) -> None:
        """`numbered` gives (edge_id, citing_id, cited_id) of the source's edges, if asked."""
        shutil.rmtree(folder, ignore_errors=True)
        self._folder, self._heads, self._gone, self._day = folder, heads, gone, day
        self._numbered = numbered
        self._records: list[pl.DataFrame] = []
        self._edges: list[pl.DataFrame] = []
        self._held = self._parts = 0
        self.bad: list[pl.DataFrame] = []
        self.n_unplaced = 0
        self._ends: pl.DataFrame | None = None
        folder.mkdir(parents=True)

    def add(self, batch: Batch) -> None:
        """Take a batch; what concerns papers the source never told of is only counted."""
        if batch.records.height:
            placed, lost = place(batch.records, self._heads, self._gone, self._day)
            self._records.append(placed)
            self.n_unplaced += lost
        if batch.edges.height:
            cells = self._heads.select("venue", "year", citing_id="source_id")
            placed = self._with_ends(batch.edges).join(
                cells, on="citing_id", how="inner", maintain_order="left"
            )
            self._edges.append(placed.select(_PLACED_EDGES.names()))
            self.n_unplaced += batch.edges.height - placed.height
        if batch.bad.height:
            self.bad.append(batch.bad)
        self._held += self._records[-1].height if batch.records.height else 0
        self._held += self._edges[-1].height if batch.edges.height else 0
        if self._held >= STAGED_ROWS:
            self._write()

    def _with_ends(self, edges: pl.DataFrame) -> pl.DataFrame:
        """Edges named by their number alone get the ends they were stored with."""
        if not edges["citing_id"].null_count():
            return edges
        if self._ends is None:
            self._ends = self._numbered()
        known = self._ends.rename({"citing_id": "_citing", "cited_id": "_cited"})
        return edges.join(known, on="edge_id", how="left", maintain_order="left").with_columns(
            citing_id=pl.coalesce("citing_id", "_citing"),
            cited_id=pl.coalesce("cited_id", "_cited"),
        )

    def _write(self) -> None:
        for name, frames in (("records", self._records), ("edges", self._edges)):
            if frames:
                # Sorted, so that reading one venue back skips the row groups of the others.
                part = pl.concat(frames).sort("venue", "year", maintain_order=True)
                part.write_parquet(
                    self._folder / f"{name}-{self._parts:05d}.parquet", row_group_size=20_000
                )
        self._records, self._edges, self._held = [], [], 0
        self._parts += 1

    def seal(self, job: object) -> None:
        """Everything is read: from here on a crash is finished rather than forgotten."""
        self._write()
        replace_file(self._folder / "ready.json", orjson.dumps(job), durable=True)


class Staged:
    """What a sealed staging folder holds; also of a process that was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def job(self) -> dict[str, object] | None:
        """What was sealed with it; None if nothing was."""
        path = self._folder / "ready.json"
        return orjson.loads(path.read_bytes()) if path.exists() else None

    def ids(self) -> pl.DataFrame:
        """(source_id, op, merged_into) of every staged record."""
        names = ["source_id", "op", "merged_into"]
        frames = [pl.read_parquet(p, columns=names) for p in self._files("records")]
        return pl.concat([pl.DataFrame(schema=dict.fromkeys(names, pl.String)), *frames])

    def records(self) -> Iterator[tuple[Cell, pl.DataFrame]]:
        """Records by venue-year, one venue in memory at a time."""
        return self._by_cell("records", RECORD_SCHEMA)

    def edges(self) -> Iterator[tuple[Cell, pl.DataFrame]]:
        """Edges by the venue-year of the citing record."""
        return self._by_cell("edges", _PLACED_EDGES)

    def clear(self) -> None:
        """Done with."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _files(self, name: str) -> list[Path]:
        return sorted(self._folder.glob(f"{name}-*.parquet"))

    def _by_cell(self, name: str, schema: pl.Schema) -> Iterator[tuple[Cell, pl.DataFrame]]:
        if not (files := self._files(name)):
            return
        scan = pl.concat([pl.scan_parquet(f) for f in files])
        venues = scan.select(pl.col("venue").unique()).collect()["venue"].sort()
        for venue in venues:
            rows = scan.filter(pl.col("venue") == venue).collect()
            for (year,), part in sorted(rows.partition_by("year", as_dict=True).items()):
                yield (venue, int(str(year))), part.select(schema.names())


def quarantined(bad: list[pl.DataFrame], source: str, file: str, cell: Cell) -> pl.DataFrame:
    """Bad rows of a file as rows of `quarantine`."""
    frames = [
        rows.select(
            source_file=pl.lit(file),
            source_row=pl.col("source_row").cast(pl.Int32),
            source=pl.lit(source),
            venue=pl.lit(cell[0]),
            year=pl.lit(cell[1], dtype=pl.Int32),
            in_force=pl.lit(True),
            reason="reason",
            excerpt="excerpt",
        )
        for rows in bad
    ]
    return pl.concat([QUARANTINE.empty(), *frames])
