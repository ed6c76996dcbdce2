"""Every performance figure of the README, one after the other: `make bench`.

    python -m benchmarks [--lists FOLDER] [--gold ARCHIVE] [--data DATA_DIR]

Without a folder of Paper Copilot lists the corpus benchmark is left out, and encoding and labelling
take invented texts; without the archive of DBLP-ACM resolution is judged by invented records only;
without a data folder that holds a refreshed library, search, companions, small nights and the
report are left out, and pools and training take invented vectors. What is left out is said. A
million papers take half an hour more: `python -m benchmarks.growth --sizes 1000000`.
"""

import argparse
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Runs the benchmarks in processes of their own; returns the number that failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lists", type=Path, help="folder of Paper Copilot lists")
    parser.add_argument("--gold", type=Path, help="archive of the DBLP-ACM matches")
    parser.add_argument("--data", type=Path, help="state folder of a refreshed library")
    given = parser.parse_args()
    lists = [str(given.lists)] if given.lists else []
    lake = [str(given.data / "lake")] if given.data else []
    gold = ["--gold", str(given.gold)] if given.gold else []
    commands = {
        "corpus": lists if lists else None,
        "dblp": [],
        "importers": [],
        "resolution": gold,
        "encoding": lists,
        "pools": lake,
        "companions": [str(given.data)] if given.data else None,
        "incremental": [str(given.data)] if given.data else None,
        "growth": ["--sizes", "10000,100000"],
        "planner": [],
        "quiet_night": [],
        "dagster_overhead": [],
        "crawl": [],
        "search": [str(given.data)] if given.data else None,
        "sql": [str(given.data)] if given.data else None,
        "labelling": lists,
        "training": ["--runs", "1", *(["--data", str(given.data)] if given.data else [])],
        "prompted_queries": [],
        "report": [str(given.data)] if given.data else None,
    }
    failed = 0
    for name, arguments in commands.items():
        print(f"\n== benchmarks.{name}", flush=True)
        if arguments is None:
            print("left out: it needs", "--lists" if name == "corpus" else "--data")
            continue
        command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
        failed += subprocess.run(command, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
