"""What asking costs when there is no news: the planner's tick, and that of the conditions.

    python -m benchmarks.planner [--cells 2220]

A library of synthetic states, written through the lake: tables are empty, states are as large as
real ones, lists lie in the inbox. Then, as a sensor does: states, world, plan; cold and warm.
Besides, one idle tick of the declarative conditions over every venue-year of the registry, each
made once. Exits with 1 if a target is missed.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import islice
from pathlib import Path

import dagster as dg

from assets import ON_DEMAND, STAGES
from assets.stages import Job, write_cell
from benchmarks.machine import machine_line
from pipeline.definitions import build_defs
from pipeline.refresh import plan_refresh
from pipeline.settings import DataDir
from pipeline.staleness import RULES, State, wanted_inputs
from pipeline.tables import TABLES, UNRECOGNISED, Cell
from resources.workspace import Workspace
from tests.library import TODAY, paper, tiny_workspace

TARGET_S = 1.0  # of either tick
FACETS = {
    "dump_records": ("counts", "identity", "content", "references", "coverage"),
    "paper_ids": ("papers", "works", "elsewhere"),
    "papers": ("texts", "queries", "members", "rows", "precision"),
    "citation_counts": ("values",),
    "citations": ("citing",),
}
TABLES_OF = {
    stage.output: [table for table in stage.tables if TABLES[table].partitioned]
    for stage in (*STAGES, *ON_DEMAND)
}


def timed(action: Callable[[], object]) -> float:
    """Seconds of wall time."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def deliver_lists(workspace: Workspace, n_cells: int) -> None:
    """A list of one paper for each of `n_cells` venue-years of the registry."""
    venues = workspace.venues.venues
    cells = ((v.slug, y) for y in range(2026, 1950, -1) for v in venues if v.first_year <= y)
    for venue, year in islice(cells, n_cells):
        path = workspace.data.inbox / "paper_copilot" / "2026-01-01" / venue / f"{venue}{year}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([paper(year, title=f"On {venue} in {year}")]))


def write_states(workspace: Workspace) -> None:
    """Every output of every venue-year as just made: empty tables, and states of their size."""
    lake, world = workspace.lake, workspace.world()
    states: dict[str, dict[Cell | None, State]] = {output: {} for output in RULES}
    for output in RULES:
        first: tuple[Cell, State] | None = None
        for cell, inputs in wanted_inputs(output, states, world).items():
            assert cell is not None
            if first is None:  # written as a stage would; the others are copies of it
                job, empty = Job(workspace, {cell: inputs}), TABLES_OF[output]
                write_cell(job, output, cell, {table: TABLES[table].empty() for table in empty})
                made = lake.state(output, cell)
                assert made
                first = cell, made
            made = like(first[1], output, cell, inputs)
            for table in made.files:
                link(lake.path(table, first[0]), lake.path(table, cell))
            lake.commit(output, cell, made)
            states[output][cell] = made


def like(state: State, output: str, cell: Cell, inputs: object) -> State:
    """The state of another cell, with digests of its own and papers from all of its year."""
    digest = hashlib.sha256(f"{output} {cell}".encode()).hexdigest()[:16]
    facets = {name: "" if name == "elsewhere" else digest for name in FACETS.get(output, ())}
    first = (date(cell[1], 1, 30) - date(1970, 1, 1)).days if cell != UNRECOGNISED else 0
    days = (first, first + 300) if output == "papers" else None
    return replace(state, inputs=inputs, digest=digest, facets=facets, days=days)


def link(source: Path, target: Path) -> None:
    """`target` as another name of the same file."""
    if source != target:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)


def planner_seconds(n_cells: int, ticks: int) -> tuple[float, float]:
    """The first tick of a process, and the fastest of those after it."""
    with tempfile.TemporaryDirectory() as folder:
        writer = tiny_workspace(Path(folder))
        deliver_lists(writer, n_cells)
        writing = timed(lambda: write_states(writer))
        time.sleep(2.5)  # what was just written is not remembered yet
        asked = len(writer.lake.states("papers")) * len(RULES)
        print(f"{n_cells} venue-years, {asked:,} states written in {writing:.0f} s")

        def tick() -> None:
            asking = Workspace(writer.data, today=writer.today, rule=writer.rule)
            assert plan_refresh(asking) == []

        cold = timed(tick)
        return cold, min(timed(tick) for _ in range(ticks))


def conditions_seconds(n_cells: int, ticks: int) -> float:
    """The fastest idle tick of the conditions, of whose assets `n_cells` partitions are made."""
    with tempfile.TemporaryDirectory() as folder:
        defs = build_defs(workspace=Workspace(DataDir(Path(folder)), today=TODAY), today=TODAY)
        instance = dg.DagsterInstance.ephemeral()
        graph = defs.resolve_asset_graph()
        keys = graph.get_all_asset_keys()
        followed = [key for key in keys if graph.get(key).automation_condition]
        watched = {p for key in followed for p in graph.get(key).parent_keys} | set(followed)
        n_partitions = 0
        warnings.filterwarnings("ignore", category=dg.BetaWarning)  # of Dagster's own tester
        for key in watched:
            partitions = graph.get(key).partitions_def
            cells = partitions.get_partition_keys() if partitions else [None]
            n_partitions = max(n_partitions, len(cells))
            for partition in cells[:n_cells]:
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(key, partition=partition)
                )
        print(f"{len(followed)} assets have conditions, over {n_partitions:,} partitions")
        cursor = dg.evaluate_automation_conditions(defs, instance).cursor

        def tick() -> None:
            nonlocal cursor
            found = dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
            assert found.total_requested == 0
            cursor = found.cursor

        return min(timed(tick) for _ in range(ticks))


def main() -> int:
    """Measure, print, compare with the targets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=2220, help="venue-years")
    parser.add_argument("--ticks", type=int, default=5, help="warm ticks; the fastest counts")
    asked = parser.parse_args()
    os.environ["CSIMPACT_ENCODER"] = "tiny"
    print(machine_line("dagster", "polars"))
    cold, warm = planner_seconds(asked.cells, asked.ticks)
    print(f"planner, cold    {cold:8.3f} s")
    idle = conditions_seconds(asked.cells, asked.ticks)
    targets = {"planner's tick, warm": warm, "conditions' idle tick": idle}
    for name, seconds in targets.items():
        verdict = "ok    " if seconds <= TARGET_S else "MISSED"
        print(f"{verdict} {name}: {seconds:.3f} s (at most {TARGET_S:g})")
    return 0 if max(targets.values()) <= TARGET_S else 1


if __name__ == "__main__":
    sys.exit(main())
