"""The lake: Parquet files by venue × year, each replaced atomically, with the state they stand for.

Belongs here: reading and writing tables, and remembering from which inputs an output was made.
Not: what the tables mean (pipeline/tables) or what is stale (pipeline/staleness).

An output's state lies beside the tables in `_state/<output>/…json`. It is removed before its
files are touched and written back after the last of them, so that a crash in between leaves an
output without state, which the planner redoes.

A file that is not what its state says is never served: reading it raises DamagedError (guard.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from pipeline.errors import ContractError, DamagedError
from pipeline.staleness import State
from pipeline.tables import TABLES, Cell, Table, violations
from resources.files import (
    digest,
    digest_of,
    parquet,
    read_frame,
    read_frames,
    replace_file,
    write_frame,
)
from resources.guard import Guard, table_path
from resources.stamps import DAMAGED

__all__ = ["Lake", "Written", "digest_of", "read_frame", "replace_file", "write_frame"]

_AT_ONCE = 256  # files open at a time


@dataclass(frozen=True)
class Written:
    """What a write did: rows in the file, its stamp, and whether the file moved."""

    table: str
    rows: int
    digest: str
    size: int
    mtime_ns: int
    changed: bool


@dataclass
class Lake:
    """Parquet tables under one root folder."""

    root: Path

    @cached_property
    def guard(self) -> Guard:
        """Knows whether the files are what was written."""
        return Guard(self.root)

    def path(self, table: str, cell: Cell | None = None) -> Path:
        """The file of a table (of one cell, if it is partitioned)."""
        return table_path(self.root, table, cell)

    def read(self, table: str, cell: Cell | None = None) -> pl.DataFrame:
        """Rows of a table or of one of its cells; none if the file is not there.

        Raises DamagedError if the file is not what was written.
        """
        frame = self._served(table, cell)
        return TABLES[table].empty() if frame is None else frame

    def read_cells(
        self, table: str, cells: Iterable[Cell], columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Rows of several cells, in the order of `cells`; missing cells add nothing.

        Raises DamagedError if a file is not what was written.
        """
        wanted, cells = TABLES[table].empty(), list(cells)
        frames = [wanted.select(columns) if columns else wanted]
        self.guard.check_many(table, cells)
        for i in range(0, len(cells), _AT_ONCE):
            batch = cells[i : i + _AT_ONCE]
            try:
                paths = [self.path(table, cell) for cell in batch]
                frames += read_frames(paths, frames[0].schema)
            except DamagedError:
                for cell in batch:  # names the first that is, and what mends it
                    self._served(table, cell, frames[0].schema)
                raise
        return pl.concat(frames)

    def _served(
        self, table: str, cell: Cell | None, schema: pl.Schema | None = None
    ) -> pl.DataFrame | None:
        self.guard.check(table, cell)
        try:
            frame = read_frame(self.path(table, cell))
        except DamagedError as problem:
            self.guard.doubt(table, cell)
            raise self.guard.refused(table, cell, DAMAGED) from problem
        if frame is not None and schema and not schema.items() <= frame.schema.items():
            raise self.guard.refused(table, cell, f"has columns {', '.join(frame.columns)}")
        return frame

    def cells(self, table: str) -> list[Cell]:
        """Cells of a partitioned table that have a file, sorted."""
        found = (self.root / table).glob("venue=*/year=*/part.parquet")
        return sorted((p.parts[-3][6:], int(p.parts[-2][5:])) for p in found)

    def known_cells(self, table: str) -> list[Cell]:
        """`cells`, and those whose file is gone although a state tells of it: no empty ones."""
        return sorted({*self.cells(table), *self.guard.cells(table)})

    def check(self, table: str, *, deep: bool = False) -> None:
        """Raise DamagedError unless every file of a table is what was written."""
        cells = self.known_cells(table) if TABLES[table].partitioned else [None]
        self.guard.check_many(table, cells, deep=deep)

    def read_all(self, table: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Every row of a table."""
        if TABLES[table].partitioned:
            return self.read_cells(table, self.known_cells(table), columns)
        frame = self.read(table)
        return frame.select(columns) if columns else frame

    def write(self, table: str, cell: Cell | None, frame: pl.DataFrame) -> Written:
        """Replace a file atomically; an unchanged file is left alone.

        Raises ContractError, and writes nothing, if the rows break the table's declaration.
        """
        declared = TABLES[table]
        self._check(declared, cell, frame)
        data = parquet(frame)
        path = self.path(table, cell)
        changed = not _holds(path, data)
        if cell is None:
            self.forget(table, None)
        if changed:
            replace_file(path, data)
        mtime_ns = path.stat().st_mtime_ns
        written = Written(table, frame.height, digest(data), len(data), mtime_ns, changed)
        if cell is None:  # a single file has nobody else to remember it
            self.commit(table, None, _alone(written))
        return written

    def _check(self, table: Table, cell: Cell | None, frame: pl.DataFrame) -> None:
        problems = violations(table, frame)
        if cell is not None and not problems and "venue" in table.columns:
            strays = int(((frame["venue"] != cell[0]) | (frame["year"] != cell[1])).sum())
            if strays:
                problems.append(f"{strays} rows belong to another cell than {cell}")
        if problems:
            where = table.name if cell is None else f"{table.name} of {cell[0]} {cell[1]}"
            raise ContractError(f"{where} not written: " + "; ".join(problems))

    def forget(self, output: str, cell: Cell | None) -> None:
        """Drop an output's state, before its files are replaced."""
        self.guard.forget(output, cell)

    def commit(self, output: str, cell: Cell | None, state: State) -> None:
        """Remember from what an output was made, once all its files are in place."""
        self.guard.commit(output, cell, state)

    def state(self, output: str, cell: Cell | None) -> State | None:
        """The remembered state of one cell; `damaged` says which of its files are not whole."""
        return self.guard.state(output, cell)

    def states(self, output: str) -> dict[Cell | None, State]:
        """Every remembered state of an output; `damaged` says which files are not whole."""
        return dict(self.guard.states(output))


def _holds(path: Path, data: bytes) -> bool:
    try:  # most files that moved are of another size
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def _alone(written: Written) -> State:
    table = written.table
    return State(
        inputs={},
        digest=written.digest,
        rows={table: written.rows},
        files={table: written.size},
        digests={table: written.digest},
        mtimes={table: written.mtime_ns},
    )
