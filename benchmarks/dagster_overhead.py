"""What Dagster costs: a first load through Dagster against the same stages run directly.

`python -m benchmarks.dagster_overhead [--cells 200] [--profile]` on tiny venue-years, so that
the stages themselves cost little. Prints milliseconds per asset-cell (a venue-year of one
asset), the ratio to the stages alone, and what a refresh without news costs. Target: at most 15 ms.
"""

import argparse
import cProfile
import os
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from assets import STAGES
from benchmarks.machine import machine_line
from pipeline.refresh import refresh
from pipeline.venues import load_venues
from resources.workspace import Workspace
from tests.library import deliver, papers, run_stages, tiny_workspace

TARGET_MS = 15.0
PAPERS = 5  # per venue-year


def library(folder: Path, n_cells: int) -> Workspace:
    """`n_cells` venue-years of a few papers each, delivered and not yet loaded."""
    workspace = tiny_workspace(folder)
    years = range(2012, 2026)
    cells = [(v.slug, y) for v in load_venues().venues for y in years if v.first_year <= y]
    for i, cell in enumerate(cells[:n_cells]):
        deliver(workspace, cell, papers(range(PAPERS * i, PAPERS * (i + 1))), "2026-01-01")
    return workspace


def timed(action: Callable[[], object]) -> float:
    """Seconds of wall time."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cells", type=int, default=200)
    arguments.add_argument("--profile", action="store_true", help="say where the time goes")
    options = arguments.parse_args()
    print(machine_line("dagster", "polars"))
    os.environ["CSIMPACT_ENCODER"] = "tiny"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A load of one venue-year first: imports and Dagster's own start are paid once per
        # process, not per cell.
        for warm_up in (run_stages, refresh):
            warm_up(library(folder / warm_up.__name__, 1))
        direct, dagster = (
            library(folder / "direct", options.cells),
            library(folder / "dagster", options.cells),
        )
        seconds_direct = timed(lambda: run_stages(direct))
        profile = cProfile.Profile()
        if options.profile:
            profile.enable()
        started = time.perf_counter()
        report = refresh(dagster)
        seconds_dagster = time.perf_counter() - started
        profile.disable()
        seconds_idle = timed(lambda: refresh(dagster))
        asset_cells = options.cells * len(STAGES)
    # The stages' own seconds inside the very run, so that a busy machine slows both alike; what
    # is left holds planning as well, and is therefore rather too much.
    seconds_stages = sum(sums["seconds"] for sums in report.assets.values())
    cost = (seconds_dagster - seconds_stages) / asset_cells * 1000
    events = sum(stage.partitioned for stage in STAGES) * options.cells
    print(f"{asset_cells} asset-cells ({options.cells} venue-years × {len(STAGES)} assets)")
    print(f"stages directly   {seconds_direct:8.2f} s")
    print(f"through Dagster   {seconds_dagster:8.2f} s   {seconds_dagster / seconds_stages:.2f}×")
    print(f"  stages therein  {seconds_stages:8.2f} s")
    print(f"without news      {seconds_idle:8.2f} s")
    print(f"Dagster's cost    {cost:8.2f} ms per asset-cell (target: at most {TARGET_MS:g})")
    print(f"  per event       {(seconds_dagster - seconds_stages) / events * 1000:8.2f} ms")
    if options.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main()
