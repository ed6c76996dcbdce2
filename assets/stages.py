"""What a stage is: the one mechanism behind assets, the refresh job and `csimpact refresh`.

Belongs here: running a stage's cells and remembering what they were made from. Not: what a stage
computes (corpus.py, retriever.py, impact.py) or how Dagster shows it (materialise.py).

A stage function takes the workspace and the cells to make, and yields one `Made` per cell as soon
as its files are in place, so that a killed run loses at most the cell it was working on.
"""

import hashlib
import inspect
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from pipeline.staleness import Inputs, State, in_scope, stale_cells, wanted_inputs
from pipeline.tables import TABLES, Cell
from resources.workspace import Workspace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """What a stage made of one cell: row counts, what moved, and what it cost.

    `moved`: the cell is new, or other than its state before says; `changed`: tables whose file was
    replaced, as happens to a damaged one as well.
    """

    output: str
    cell: Cell | None
    digest: str
    rows: Mapping[str, int]
    moved: bool
    changed: tuple[str, ...] = ()
    facts: Mapping[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """What a stage function is handed: the workspace, and the inputs of each cell to make."""

    workspace: Workspace
    inputs: Mapping[Cell, Inputs]

    @property
    def cells(self) -> Sequence[Cell]:
        """The cells to make, newest year first."""
        return list(self.inputs)


StageFunction = Callable[[Job], Iterator[Made]]


@dataclass(frozen=True)
class Stage:
    """A stage and what Dagster should say about it.

    `output` names its state and its main table; `asset` the Dagster asset; `upstream` the assets
    it reads; `tables` what it writes; `plot` names PNGs of what was made.
    """

    asset: str
    output: str
    tables: tuple[str, ...]
    function: StageFunction
    group: str
    upstream: tuple[str, ...] = ()
    partitioned: bool = True
    kinds: tuple[str, ...] = ("polars", "parquet")
    pool: str | None = None
    plot: Callable[[Workspace, Collection[Made]], Mapping[str, bytes]] | None = None

    @property
    def description(self) -> str:
        """The stage function's docstring."""
        return inspect.getdoc(self.function) or ""

    def stale(self, workspace: Workspace, scope: Collection[Cell] = ()) -> list[Cell]:
        """The cells the planner names, of `scope` and what its cells need."""
        states, world = workspace.states_of(self.output), workspace.world()
        return [
            s.cell
            for s in stale_cells(self.output, states, world)
            if s.cell and in_scope(self.output, s.cell, scope, states, world)
        ]

    def run(self, workspace: Workspace, cells: Collection[Cell]) -> Iterator[Made]:
        """Make `cells` and yield what became of each; cells without any input are left alone."""
        if not cells:
            return
        with workspace.lock(f"stage-{self.asset}"):
            wanted = wanted_inputs(self.output, workspace.states_of(self.output), workspace.world())
            job = Job(workspace, {c: wanted[c] for c in cells if c in wanted})
            damaged = workspace.lake.guard.set_aside(self.output, list(job.inputs))
            for line in damaged:
                log.warning("not used: %s", line)
            started = time.perf_counter()
            if job.inputs:
                for made in self.function(job):
                    seconds = round(time.perf_counter() - started, 3)
                    facts = {**made.facts, "seconds": seconds}
                    if damaged:  # told once, with the first cell
                        facts["damaged_files"] = len(damaged)
                        damaged = []
                    yield replace(made, facts=facts)
                    started = time.perf_counter()


def write_cell(
    job: Job,
    output: str,
    cell: Cell,
    tables: Mapping[str, pl.DataFrame],
    *,
    facets: Mapping[str, str] | None = None,
    days: tuple[int, int] | None = None,
    facts: Mapping[str, int | float | str] | None = None,
) -> Made:
    """Replace a cell's files, then remember what they were made from; the first table is the main.

    The state is dropped first and written last: a crash in between leaves a cell without state.
    """
    return _write(job.workspace, output, cell, tables, job.inputs[cell], facets, days, facts)


def append_rows(workspace: Workspace, output: str, cell: Cell, rows: pl.DataFrame) -> None:
    """Add rows of primary data to a cell as they come; of one key the first row stays.

    The state is dropped: `write_cell` sets it when the cell is complete.
    """
    lake, table = workspace.lake, TABLES[output]
    lake.forget(output, cell)
    before = lake.read(output, cell)
    both = pl.concat([before, rows.select(before.columns)])
    lake.write(output, cell, both.unique(table.key, keep="first").sort(table.key))


def rewrite_cell(
    job: Job,
    output: str,
    cell: Cell,
    tables: Mapping[str, pl.DataFrame],
    *,
    facets: Mapping[str, str],
) -> Made | None:
    """Replace a cell that was not asked for, because making others moved it; None if nothing did.

    It remembers the inputs it had: what it is made from did not move, only what was made of it.
    """
    lake = job.workspace.lake
    state = lake.state(output, cell)
    same = state is not None and state.facets == facets and not state.damaged
    if same and all(lake.read(name, cell).equals(frame) for name, frame in tables.items()):
        return None
    inputs = state.inputs if state else {}
    return _write(job.workspace, output, cell, tables, inputs, facets, None, None)


def _write(
    workspace: Workspace,
    output: str,
    cell: Cell,
    tables: Mapping[str, pl.DataFrame],
    inputs: Inputs,
    facets: Mapping[str, str] | None,
    days: tuple[int, int] | None,
    facts: Mapping[str, int | float | str] | None,
) -> Made:
    lake = workspace.lake
    before = lake.state(output, cell)
    lake.forget(output, cell)
    written = [lake.write(table, cell, frame) for table, frame in tables.items()]
    # Without tables of its own (the index), an output is as new as what it was made from.
    parts = [w.digest for w in written] or [f"{k}={inputs[k]}" for k in sorted(inputs)]
    state = State(
        inputs=dict(inputs),
        digest=_digest(parts),
        rows={w.table: w.rows for w in written},
        files={w.table: w.size for w in written},
        digests={w.table: w.digest for w in written},
        mtimes={w.table: w.mtime_ns for w in written},
        facets=dict(facets or {}),
        days=days,
    )
    lake.commit(output, cell, state)
    # Facets may look at more than the tables hold: what stands downstream then has news.
    moved = not before or (before.digest, before.facets) != (state.digest, state.facets)
    changed = tuple(w.table for w in written if w.changed)
    return Made(output, cell, state.digest, state.rows, moved, changed, dict(facts or {}))


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]
