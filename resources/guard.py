"""The guard of the lake: whether files are what their states say, and what becomes of others.

Belongs here: looking at files beside their states, doubting them, taking them out of the way. Not:
stamps of one file (stamps.py), reading and writing rows (lake.py), what damage means for other
outputs (remedies.py).

A damaged file is named and never served. Its state stays and tells of the damage, which the planner
takes for a reason to redo the cell; the stage that redoes it finds it set aside, as if never made.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import orjson

from pipeline.errors import DamagedError, StorageError
from pipeline.staleness import State
from pipeline.tables import TABLES, Cell
from resources.files import read_frame, replace_file
from resources.remedies import HISTORY, LOST, OUTPUT_OF, REBUILD, REMEDY
from resources.stamps import DAMAGED, Stamp, damage, forget_digests
from resources.state_files import read_state, scan_states


def table_path(root: Path, table: str, cell: Cell | None) -> Path:
    """The file of a table (of one cell, if it is partitioned)."""
    folder = root / table
    if TABLES[table].partitioned:
        if cell is None:
            raise ValueError(f"table {table} is partitioned: a cell is needed")
        folder = folder / f"venue={cell[0]}" / f"year={cell[1]}"
    return folder / "part.parquet"


class Guard:
    """States of the outputs below one root folder, and the files they tell of."""

    def __init__(self, root: Path) -> None:
        self._root = root

    # ── states ────────────────────────────────────────────────────────────────────────

    def _kept(self, output: str, cell: Cell | None) -> Path:
        name = "all.json" if cell is None else f"{cell[0]}/{cell[1]}.json"
        return self._root / "_state" / output / name

    def forget(self, output: str, cell: Cell | None) -> None:
        """Drop an output's state, before its files are replaced."""
        self._kept(output, cell).unlink(missing_ok=True)

    def commit(self, output: str, cell: Cell | None, state: State) -> None:
        """Remember from what an output was made, once all its files are in place."""
        told = {name: value for name, value in vars(state).items() if name != "damaged"}
        replace_file(self._kept(output, cell), orjson.dumps(told))

    def _read(self, output: str, cell: Cell | None) -> State | None:
        return read_state(str(self._kept(output, cell)))

    def state(self, output: str, cell: Cell | None) -> State | None:
        """The remembered state of one cell; `damaged` says which of its files are not whole."""
        state = self._read(output, cell)
        return self._examined(cell, state) if state else None

    def states(self, output: str) -> Iterator[tuple[Cell | None, State]]:
        """Every remembered state of an output, as `state`."""
        for cell, state in scan_states(f"{self._root}/_state/{output}"):
            yield cell, self._examined(cell, state)

    def cells(self, table: str) -> list[Cell]:
        """Cells of which a state says that the table has a file."""
        found = scan_states(f"{self._root}/_state/{OUTPUT_OF[table]}")
        return [cell for cell, state in found if cell and table in state.files]

    def _examined(self, cell: Cell | None, state: State) -> State:
        # Text, not `table_path`: asked for some 40,000 files a tick.
        place = f"venue={cell[0]}/year={cell[1]}/part.parquet" if cell else "part.parquet"
        found = [
            f"{table}/{place} was damaged" if problem == DAMAGED else f"the file of {table} is gone"
            for table in state.files
            if (problem := damage(f"{self._root}/{table}/{place}", _stamp(state, table)))
        ]
        return replace(state, damaged=tuple(found)) if found else state

    # ── damage ────────────────────────────────────────────────────────────────────────

    def check(self, table: str, cell: Cell | None, *, deep: bool = False) -> None:
        """Raise DamagedError unless the file is what was written, or nobody says what that was.

        Size and time stamp decide; with `deep`, every byte.
        """
        state = self._read(OUTPUT_OF[table], cell)
        while state and table in state.files:
            problem = damage(self._path(table, cell), _stamp(state, table), deep=deep)
            if not problem:
                return
            # It may be replaced right now: then its state is gone first, or another one.
            if (again := self._read(OUTPUT_OF[table], cell)) == state:
                if deep:
                    self.doubt(table, cell)
                raise self.refused(table, cell, problem)
            state = again

    def check_many(self, table: str, cells: Iterable[Cell | None], *, deep: bool = False) -> None:
        """`check` a file of each cell."""
        for cell in cells:
            self.check(table, cell, deep=deep)

    def doubt(self, table: str, cell: Cell | None) -> None:
        """Have the next plan read every byte of a file, since somebody could not use it.

        A reader may do so at any time: its state still tells of the bytes that were written.
        """
        output = OUTPUT_OF[table]
        state = self._read(output, cell)
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
        state, path = self._read(OUTPUT_OF[table], cell), self._path(table, cell)
        if state and table in state.files:
            return bool(damage(path, _stamp(state, table)))
        try:  # a write that the machine did not survive
            frame = read_frame(path)
        except DamagedError:
            return True
        return frame is not None and frame.schema != TABLES[table].schema

    def _put_away(self, table: str, cell: Cell) -> str:
        path = self._path(table, cell)
        what = LOST.get(table, "made anew from upstream")
        if not path.exists():
            return f"{path} is gone: {what}"
        if table not in HISTORY:
            path.unlink()
            return f"{path} was damaged: {what}"
        aside = path.with_name(path.name + ".damaged")
        path.replace(aside)
        return f"{path} was damaged: {what}; kept as {aside.name}"

    def _path(self, table: str, cell: Cell | None) -> Path:
        return table_path(self._root, table, cell)

    def refused(self, table: str, cell: Cell | None, problem: str) -> DamagedError:
        """What to raise instead of serving a file."""
        return DamagedError(f"{self._path(table, cell)} {problem}: {REMEDY.get(table, REBUILD)}")


def _stamp(state: State, table: str) -> Stamp:
    return Stamp(state.files[table], state.mtimes.get(table, 0), state.digests.get(table, ""))
