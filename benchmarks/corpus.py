"""Lists to papers and counts: the four corpus stages on a folder of Paper Copilot lists.

    python -m benchmarks.corpus FOLDER

The floor is reading the same files and parsing their JSON, nothing more. Afterwards: what a
refresh without news costs when everything up to the counts is held. Target: at most 25 s.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import cast

from assets.corpus import STAGES
from benchmarks.machine import machine_line
from pipeline.settings import DataDir
from resources.scholar_dumps import load_document, read_file
from resources.workspace import Workspace


def main() -> None:
    """Prints seconds per stage, in all, and the ratio to the floor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    print(machine_line("polars", "pyarrow", "orjson"))
    files = sorted(given.folder.rglob("*.json*"))
    started = time.perf_counter()
    records = sum(len(cast(list[object], load_document(f, read_file(f)))) for f in files)
    floor = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(DataDir(Path(folder)))
        started = time.perf_counter()
        workspace.import_files([given.folder])
        seconds = {"import": time.perf_counter() - started} | stage_seconds(workspace)
        again = sum(stage_seconds(workspace).values())
    for name, taken in seconds.items():
        print(f"  {name:<16} {taken:6.2f} s")
    total = sum(seconds.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{records:,} records in {len(files)} files -> papers and counts: {total:.1f} s", end="; "
    )
    print(f"floor (read and parse JSON) {floor:.2f} s, ratio {total / floor:.1f}; target <= 25 s")
    print(f"the same stages without news: {again:.2f} s; peak memory {peak:.2f} GiB")


def stage_seconds(workspace: Workspace) -> dict[str, float]:
    """Seconds of planning and making what is stale, stage by stage."""
    seconds = {}
    for stage in STAGES:
        started = time.perf_counter()
        list(stage.run(workspace, stage.stale(workspace)))
        seconds[stage.asset] = time.perf_counter() - started
    return seconds


if __name__ == "__main__":
    main()
