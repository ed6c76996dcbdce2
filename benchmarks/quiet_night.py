"""A night without news: one tick of every sensor and schedule, with everything loaded.

    python -m benchmarks.quiet_night [DATA_DIR]

Without a data folder, a simulated literature is crawled over HTTP from a simulated OpenAlex and
refreshed first, and that OpenAlex is asked by the ticks. A real folder's ticks ask OpenAlex only if
the environment says so (OPENALEX_API_KEY or CSIMPACT_OPENALEX_URL); otherwise they skip, and say
so. The first tick of each loads and fills caches, the second is measured, in CPU seconds of this
process. The weekly sweep asks for a poll in any case, since no probe tells of a changed title: that
run is made and counted as well. Exits with 1 if any other run was asked for, a file of the lake
moved, or the target is missed.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

from benchmarks.machine import machine_line
from pipeline.automation.names import FETCH
from pipeline.definitions import build_defs
from pipeline.refresh import refresh
from pipeline.run_job import open_instance
from pipeline.settings import DataDir
from pipeline.simulation.literature import simulate_literature
from pipeline.simulation.openalex_server import serve
from resources.crawl import crawl
from resources.openalex import OpenAlex
from resources.release_making import make_release
from resources.workspace import Workspace, open_workspace

TARGET_S = 10.0
SWEEP, CONDITIONS = "weekly_sweep", "conditions of all assets"


@contextmanager
def simulated() -> Iterator[DataDir]:
    """A refreshed library of 3,000 simulated papers, and their OpenAlex, up to last year."""
    this = date.today().year
    literature = simulate_literature(n_papers=3000, seed=1, years=range(this - 10, this))
    with TemporaryDirectory() as folder, serve(literature) as server:
        data = DataDir(Path(folder) / "data")
        os.environ["CSIMPACT_OPENALEX_URL"] = server.url
        workspace = Workspace(data)
        cells = literature.papers.select("venue", "year").unique().rows()
        wanted = [(workspace.venues[v], y) for v, y in cells]
        with OpenAlex() as client:
            list(crawl(client, data, [w for w in wanted if w[0].openalex_sources], date.today()))
        refresh(workspace)
        make_release(open_workspace(data))
        yield data


def tick(
    defs: dg.Definitions,
    workspace: Workspace,
    instance: dg.DagsterInstance,
    cursors: dict[str, Any],
) -> tuple[dict[str, float], dict[str, list[dg.RunRequest]]]:
    """CPU seconds of each instigator, and the runs that it asked for."""
    seconds: dict[str, float] = {}
    asked: dict[str, list[dg.RunRequest]] = {}
    resources = {"workspace": workspace}
    repository = defs.get_repository_def()
    for sensor in repository.sensor_defs:
        if isinstance(sensor, dg.AutomationConditionSensorDefinition):
            continue
        begun = time.process_time()
        context = dg.build_sensor_context(
            instance, cursors.get(sensor.name), repository_def=repository, resources=resources,
            sensor_name=sensor.name,
        )  # fmt: skip
        told = sensor.evaluate_tick(context)
        cursors[sensor.name] = told.cursor
        asked[sensor.name] = list(told.run_requests or ())
        seconds[sensor.name] = time.process_time() - begun
    for schedule in repository.schedule_defs:
        begun = time.process_time()
        context_of_schedule = dg.build_schedule_context(
            instance,
            scheduled_execution_time=datetime.now(UTC),
            repository_def=repository,
            resources=resources,
        )
        told_by_schedule = schedule.evaluate_tick(context_of_schedule)
        asked[schedule.name] = list(told_by_schedule.run_requests or ())
        seconds[schedule.name] = time.process_time() - begun
    begun = time.process_time()
    result = dg.evaluate_automation_conditions(defs, instance, cursor=cursors.get(CONDITIONS))
    cursors[CONDITIONS] = result.cursor
    assert not result.total_requested, "a condition asked for something on a night without news"
    seconds[CONDITIONS] = time.process_time() - begun
    return seconds, {name: runs for name, runs in asked.items() if runs}


def swept(defs: dg.Definitions, instance: dg.DagsterInstance, request: dg.RunRequest) -> float:
    """CPU seconds of the run that the weekly sweep asked for."""
    begun = time.process_time()
    done = defs.get_job_def(FETCH).execute_in_process(
        {**request.run_config, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        instance=instance,
        raise_on_error=False,
    )
    assert done.success, "the weekly poll failed"
    return time.process_time() - begun


def stamps(lake: Path) -> dict[Path, int]:
    """When each file of the lake was last written."""
    return {path: path.stat().st_mtime_ns for path in lake.rglob("*.parquet")}


def run(data: DataDir) -> bool:
    """Print all figures; whether every target is met."""
    workspace = open_workspace(data)
    defs, cursors = build_defs(workspace=workspace), dict[str, Any]()
    papers = workspace.lake.read_all("papers", ["paper_id"]).height
    print(f"{papers:,} papers, {len(workspace.lake.cells('papers'))} venue-years")
    with open_instance(workspace) as instance:
        before = stamps(data.lake)
        first, _ = tick(defs, workspace, instance, cursors)
        seconds, asked = tick(defs, Workspace(data), instance, cursors)
        for request in asked.pop(SWEEP, []):
            seconds["the run it asks for"] = swept(defs, instance, request)
        moved = stamps(data.lake) != before
    for name, cpu in seconds.items():
        print(f"{name:28} {cpu:8.3f} s CPU   (first {first.get(name, 0):.3f})")
    total = sum(seconds.values())
    print(f"other runs asked for: {', '.join(asked) or 'none'}; files of the lake moved: "
          f"{'yes' if moved else 'none'}")  # fmt: skip
    print(
        f"{'ok    ' if total <= TARGET_S else 'MISSED'} all ticks, s CPU (at most 10): {total:.2f}"
    )
    return total <= TARGET_S and not asked and not moved


def main() -> int:
    """Parse the arguments, print the machine, run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, help="state folder of a refreshed library")
    given = parser.parse_args()
    print(machine_line("dagster", "polars"))
    with ExitStack() as stack:
        data = DataDir(given.data) if given.data else stack.enter_context(simulated())
        return 0 if run(data) else 1


if __name__ == "__main__":
    sys.exit(main())
