"""The lake: Parquet files by venue × year, each replaced atomically, with the state they stand for.

Belongs here: reading and writing tables, and remembering from which inputs an output was made.
Not: what the tables mean (pipeline/tables.py) or what is stale (pipeline/staleness.py).

An output's state lies beside the tables in `_state/<output>/…json`. It is removed before its
files are touched and written back after the last of them, so that a crash in between leaves an
output without state, which the planner redoes.
"""

import hashlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import orjson
import polars as pl

from pipeline.errors import ContractError, StorageError
from pipeline.staleness import State
from pipeline.tables import TABLES, Cell, Table, violations
from resources.state_files import read_state, scan_states

_AT_ONCE = 256  # files open at a time
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


@dataclass(frozen=True)
class Written:
    """What a write did: rows in the file, digest of its bytes, and whether the file moved."""

    table: str
    rows: int
    digest: str
    size: int
    changed: bool


def digest_of(frame: pl.DataFrame) -> str:
    """16 hex digits over the frame's values; equal values give equal digests."""
    return _digest(_parquet(frame))


@dataclass
class Lake:
    """Parquet tables under one root folder."""

    root: Path

    def path(self, table: str, cell: Cell | None = None) -> Path:
        """The file of a table (of one cell, if it is partitioned)."""
        folder = self.root / table
        if TABLES[table].partitioned:
            if cell is None:
                raise ValueError(f"table {table} is partitioned: a cell is needed")
            folder = folder / f"venue={cell[0]}" / f"year={cell[1]}"
        return folder / "part.parquet"

    def read(self, table: str, cell: Cell | None = None) -> pl.DataFrame:
        """Rows of a table or of one of its cells; none if the file is not there."""
        frame = read_frame(self.path(table, cell))
        return TABLES[table].empty() if frame is None else frame

    def read_cells(
        self, table: str, cells: Iterable[Cell], columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Rows of several cells, in the order of `cells`; missing cells add nothing."""
        declared, paths = TABLES[table], [self.path(table, cell) for cell in cells]
        frames = [declared.empty().select(columns or declared.schema.names())]
        for i in range(0, len(paths), _AT_ONCE):
            frames += _read_frames(paths[i : i + _AT_ONCE], frames[0].schema)
        return pl.concat(frames)

    def cells(self, table: str) -> list[Cell]:
        """Cells of a partitioned table that have a file, sorted."""
        found = (self.root / table).glob("venue=*/year=*/part.parquet")
        return sorted((p.parts[-3][6:], int(p.parts[-2][5:])) for p in found)

    def read_all(self, table: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Every row of a table."""
        if TABLES[table].partitioned:
            return self.read_cells(table, self.cells(table), columns)
        frame = self.read(table)
        return frame.select(columns) if columns else frame

    def write(self, table: str, cell: Cell | None, frame: pl.DataFrame) -> Written:
        """Replace a file atomically; an unchanged file is left alone.

        Raises ContractError, and writes nothing, if the rows break the table's declaration.
        """
        declared = TABLES[table]
        self._check(declared, cell, frame)
        data = _parquet(frame)
        path = self.path(table, cell)
        changed = not path.exists() or _digest(path.read_bytes()) != _digest(data)
        if changed:
            replace_file(path, data)
        return Written(table, frame.height, _digest(data), len(data), changed)

    def _check(self, table: Table, cell: Cell | None, frame: pl.DataFrame) -> None:
        problems = violations(table, frame)
        if cell is not None and not problems and "venue" in table.columns:
            strays = int(((frame["venue"] != cell[0]) | (frame["year"] != cell[1])).sum())
            if strays:
                problems.append(f"{strays} rows belong to another cell than {cell}")
        if problems:
            where = table.name if cell is None else f"{table.name} of {cell[0]} {cell[1]}"
            raise ContractError(f"{where} not written: " + "; ".join(problems))

    def _state_path(self, output: str, cell: Cell | None) -> Path:
        name = "all.json" if cell is None else f"{cell[0]}/{cell[1]}.json"
        return self.root / "_state" / output / name

    def forget(self, output: str, cell: Cell | None) -> None:
        """Drop an output's state, before its files are replaced."""
        self._state_path(output, cell).unlink(missing_ok=True)

    def commit(self, output: str, cell: Cell | None, state: State) -> None:
        """Remember from what an output was made, once all its files are in place."""
        replace_file(self._state_path(output, cell), orjson.dumps(asdict(state)))

    def state(self, output: str, cell: Cell | None) -> State | None:
        """The remembered state of one cell, if its files are there in the size they had."""
        state = read_state(str(self._state_path(output, cell)))
        return state if state and self._intact(cell, state.files) else None

    def states(self, output: str) -> dict[Cell | None, State]:
        """Every remembered state of an output whose files are there in the size they had."""
        found = scan_states(f"{self.root}/_state/{output}")
        return {cell: state for cell, state in found if self._intact(cell, state.files)}

    def _intact(self, cell: Cell | None, files: Mapping[str, int]) -> bool:
        # Text, not `path`: asked for some 40,000 files a tick.
        place = f"venue={cell[0]}/year={cell[1]}/part.parquet" if cell else "part.parquet"
        try:
            return all(os.stat(f"{self.root}/{t}/{place}").st_size == n for t, n in files.items())
        except FileNotFoundError:
            return False


def replace_file(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write `data` under a temporary name, then rename: readers see the old file or the new.

    `durable` also survives a power cut; tables that can be rebuilt do not pay for that.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as problem:
        with suppress(OSError):  # where the folder itself is the trouble, nothing is to be removed
            temporary.unlink()
        raise StorageError(
            f"could not write {path}: {problem.strerror or problem}; the old file is untouched: "
            "make room or grant access, then run again"
        ) from problem


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Replace a Parquet file atomically."""
    replace_file(path, _parquet(frame))


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame | None:
    """The file's rows, or None if it is not there."""
    try:
        # Opened once: handed a path, polars opens it several times, and panics, or mixes two
        # files, when it is replaced in between.
        with path.open("rb") as file:
            frame = pl.read_parquet(file, columns=list(columns) if columns else None)
    except FileNotFoundError:
        return None
    except (OSError, *_UNREADABLE) as problem:
        raise _damaged(path, problem) from problem
    return frame.select(columns) if columns else frame


def _read_frames(paths: Sequence[Path], schema: pl.Schema) -> list[pl.DataFrame]:
    """The rows of several files, those columns of `schema`; files that are not there add nothing.

    Together, since opening a small file with polars alone takes longer than reading it. Only where
    that fails does each file have to tell whether it was to blame.
    """
    with ExitStack() as stack, suppress(OSError, *_UNREADABLE):
        files: list[IO[bytes]] = [
            stack.enter_context(path.open("rb")) for path in paths if path.exists()
        ]
        together = pl.scan_parquet(files).select(schema.names()).collect() if files else None
        if together is None or together.schema == schema:
            return [] if together is None else [together]
    frames = []
    for path in paths:
        if (frame := read_frame(path, schema.names())) is not None:
            if frame.schema != schema:
                raise _damaged(path, f"its columns are {', '.join(frame.columns)}")
            frames.append(frame)
    return frames


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="zstd", compression_level=1, statistics=True)
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _damaged(path: Path, problem: Any) -> StorageError:
    first_line = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    return StorageError(
        f"{path} cannot be read ({first_line}): delete it and run `csimpact refresh` to rebuild it"
    )
