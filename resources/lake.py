"""The lake: Parquet files by venue × year, each replaced atomically, with the state they stand for.

Belongs here: reading and writing tables, and remembering from which inputs an output was made.
Not: what the tables mean (pipeline/tables.py) or what is stale (pipeline/staleness.py).

An output's state lies beside the tables in `_state/<output>/…json`. It is removed before its
files are touched and written back after the last of them, so that a crash in between leaves an
output without state, which the planner redoes.

A file that is not what its state says is never served: reading it raises DamagedError, and its
state names the damage, which the planner takes for a reason to redo the cell.
"""

import errno
import hashlib
import io
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from pipeline.errors import ContractError, DamagedError, StorageError
from pipeline.staleness import State
from pipeline.tables import TABLES, Cell, Table, violations
from resources.remedies import HISTORY, LOST, OUTPUT_OF, REBUILD, REMEDY
from resources.stamps import DAMAGED, Stamp, damage, forget_digests

_NO_DAMAGE = {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


@dataclass(frozen=True)
class Written:
    """What a write did: rows in the file, its stamp, and whether the file moved."""

    table: str
    rows: int
    digest: str
    size: int
    mtime_ns: int
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
        declared = TABLES[table]
        frames = [declared.empty().select(columns or declared.schema.names())]
        for cell in cells:
            if (frame := self._served(table, cell, columns)) is not None:
                if frame.schema != frames[0].schema:
                    raise self._refused(table, cell, f"has columns {', '.join(frame.columns)}")
                frames.append(frame)
        return pl.concat(frames)

    def _served(
        self, table: str, cell: Cell | None, columns: Sequence[str] | None = None
    ) -> pl.DataFrame | None:
        self.check(table, cell)
        try:
            return read_frame(self.path(table, cell), columns)
        except DamagedError as problem:
            self.doubt(table, cell)
            raise self._refused(table, cell, DAMAGED) from problem

    def cells(self, table: str) -> list[Cell]:
        """Cells of a partitioned table that have a file, sorted."""
        found = (self.root / table).glob("venue=*/year=*/part.parquet")
        return sorted((p.parts[-3][6:], int(p.parts[-2][5:])) for p in found)

    def read_all(self, table: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Every row of a table."""
        if TABLES[table].partitioned:
            return self.read_cells(table, self._all_cells(table), columns)
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
        if cell is None:
            self.forget(table, None)
        if changed:
            replace_file(path, data)
        mtime_ns = path.stat().st_mtime_ns
        written = Written(table, frame.height, _digest(data), len(data), mtime_ns, changed)
        if cell is None:  # a single file has nobody else to remember it
            self.commit(table, None, _alone(written))
        return written

    def _check(self, table: Table, cell: Cell | None, frame: pl.DataFrame) -> None:
        problems = violations(table, frame)
        if cell is not None and not problems and "venue" in table.columns:
            strays = frame.filter((pl.col("venue") != cell[0]) | (pl.col("year") != cell[1]))
            if strays.height:
                problems.append(f"{strays.height} rows belong to another cell than {cell}")
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
        told = asdict(state)
        del told["damaged"]
        replace_file(self._state_path(output, cell), orjson.dumps(told))

    def state(self, output: str, cell: Cell | None) -> State | None:
        """The remembered state of one cell; `damaged` says which of its files are not whole."""
        state = _read_state(self._state_path(output, cell))
        return self._examined(cell, state) if state else None

    def states(self, output: str) -> dict[Cell | None, State]:
        """Every remembered state of an output; `damaged` says which files are not whole."""
        root = self.root / "_state" / output
        found: dict[Cell | None, State] = {}
        for path in root.rglob("*.json"):
            cell = None if path.name == "all.json" else (path.parent.name, int(path.stem))
            if state := _read_state(path):
                found[cell] = self._examined(cell, state)
        return found

    def _all_cells(self, table: str) -> list[Cell]:
        """Also those whose file is remembered and gone: that is no empty one."""
        states = (self.root / "_state" / OUTPUT_OF[table]).glob("*/*.json")
        remembered = ((path.parent.name, int(path.stem)) for path in states)
        return sorted({*self.cells(table), *remembered})

    def _examined(self, cell: Cell | None, state: State) -> State:
        # Text, not `path`: asked for some 40,000 files a tick.
        place = f"venue={cell[0]}/year={cell[1]}/part.parquet" if cell else "part.parquet"
        found = [
            f"{table}/{place} was damaged" if problem == DAMAGED else f"the file of {table} is gone"
            for table in state.files
            if (problem := damage(f"{self.root}/{table}/{place}", _stamp(state, table)))
        ]
        return replace(state, damaged=tuple(found)) if found else state

    # ── damage ────────────────────────────────────────────────────────────────────────

    def check(self, table: str, cell: Cell | None, *, deep: bool = False) -> None:
        """Raise DamagedError unless the file is what was written, or nobody says what that was.

        Size and time stamp decide; with `deep`, every byte.
        """
        kept = self._state_path(OUTPUT_OF[table], cell)
        state = _read_state(kept)
        while state and table in state.files:
            problem = damage(self.path(table, cell), _stamp(state, table), deep=deep)
            if not problem:
                return
            # It may be replaced right now: then its state is gone first, or another one.
            if (again := _read_state(kept)) == state:
                if deep:
                    self.doubt(table, cell)
                raise self._refused(table, cell, problem)
            state = again

    def check_all(self, table: str, *, deep: bool = False) -> None:
        """`check` every file of a table."""
        cells = self._all_cells(table) if TABLES[table].partitioned else [None]
        for cell in cells:
            self.check(table, cell, deep=deep)

    def doubt(self, table: str, cell: Cell | None) -> None:
        """Have the next plan read every byte of a file, since somebody could not use it.

        A reader may do so at any time: its state still tells of the bytes that were written.
        """
        output = OUTPUT_OF[table]
        state = _read_state(self._state_path(output, cell))
        if state is None and cell is None:
            state = State({}, "")
        if state:
            forget_digests()
            files = dict(state.files)
            if not state.digests.get(table):  # of before digests were kept: nothing to compare with
                files[table] = -1
            doubted = replace(state, files=files, mtimes={**state.mtimes, table: 0})
            with suppress(StorageError):  # somebody else's library, which is only read
                self.commit(output, cell, doubted)

    def set_aside(self, output: str, cells: Sequence[Cell]) -> list[str]:
        """Take damaged files of cells out of the way, so that they are made as if never made.

        Gives a line for each. Of tables in HISTORY the file stays beside, as `….damaged`.
        """
        tables = [name for name, owner in OUTPUT_OF.items() if owner == output]
        found = [(name, cell) for cell in cells for name in tables if self._unusable(name, cell)]
        if found:
            for cell in cells:  # all or none: they may have to be redone together
                self.forget(output, cell)
        return [self._put_away(name, cell) for name, cell in found]

    def _unusable(self, table: str, cell: Cell) -> bool:
        state, path = _read_state(self._state_path(OUTPUT_OF[table], cell)), self.path(table, cell)
        if state and table in state.files:
            return bool(damage(path, _stamp(state, table)))
        try:  # a write that the machine did not survive
            frame = read_frame(path)
        except DamagedError:
            return True
        return frame is not None and frame.schema != TABLES[table].schema

    def _put_away(self, table: str, cell: Cell) -> str:
        path = self.path(table, cell)
        what = LOST.get(table, "made anew from upstream")
        if not path.exists():
            return f"{path} is gone: {what}"
        if table not in HISTORY:
            path.unlink()
            return f"{path} was damaged: {what}"
        aside = path.with_name(path.name + ".damaged")
        path.replace(aside)
        return f"{path} was damaged: {what}; kept as {aside.name}"

    def _refused(self, table: str, cell: Cell | None, problem: str) -> DamagedError:
        return DamagedError(f"{self.path(table, cell)} {problem}: {REMEDY.get(table, REBUILD)}")


def _stamp(state: State, table: str) -> Stamp:
    return Stamp(state.files[table], state.mtimes.get(table, 0), state.digests.get(table, ""))


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


def _read_state(path: Path) -> State | None:
    try:
        return State(**orjson.loads(path.read_bytes()))
    except (OSError, TypeError, orjson.JSONDecodeError):
        return None  # unreadable is as good as absent: the output is redone


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
    except OSError as problem:
        if problem.errno in _NO_DAMAGE:
            raise StorageError(
                f"{path} cannot be read ({problem.strerror}): grant access or make room, then run "
                "again"
            ) from problem
        raise _damaged(path, problem) from problem
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as problem:
        raise _damaged(path, problem) from problem
    return frame.select(columns) if columns else frame


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="zstd", compression_level=1, statistics=True)
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _damaged(path: Path, problem: Any) -> DamagedError:
    first_line = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    return DamagedError(f"{path} cannot be read ({first_line}): restore it from a backup")
