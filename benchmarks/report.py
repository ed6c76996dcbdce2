"""What the impact report costs: reading the library, drawing, and the size of the page.

    python -m benchmarks.report DATA_DIR

Nothing is written. Exits with 1 if a target is missed.
"""

import argparse
import sys
import time
from pathlib import Path

from assets.impact_report import read_overview
from benchmarks.machine import machine_line
from pipeline.report.impact.overview import write_overview
from pipeline.report.impact.page import overview_page
from pipeline.settings import DataDir
from resources.workspace import open_workspace

TARGET_S, TARGET_MB, TARGET_PICTURE_KB = 20.0, 5.0, 100.0


def main() -> int:
    """Prints the table; returns 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="state folder of a refreshed library")
    workspace = open_workspace(DataDir(parser.parse_args().data))
    print(machine_line("matplotlib", "polars"))
    started = time.perf_counter()
    overview = read_overview(workspace)
    read = time.perf_counter()
    report = write_overview(overview)
    drawn = time.perf_counter()
    page = overview_page(report).encode()
    done = time.perf_counter()
    pictures = {f"{s.key}: {p.name}": len(p.png) for s in report.sections for p in s.pictures}
    largest = max(pictures.values(), default=0) / 1e3
    print(f"| {overview.scores.height:,} papers | |\n|---|---:|")
    for name, seconds in {
        "reading": read - started, "words and figures": drawn - read, "the page": done - drawn,
        "in all": done - started,
    }.items():  # fmt: skip
        print(f"| {name} | {seconds:.2f} s |")
    print(f"| figures | {len(pictures)} |\n| the largest | {largest:.0f} kB |")
    print(f"| the page | {len(page) / 1e6:.2f} MB |")
    missed = done - started > TARGET_S or len(page) / 1e6 > TARGET_MB
    return int(missed or largest > TARGET_PICTURE_KB)


if __name__ == "__main__":
    sys.exit(main())
