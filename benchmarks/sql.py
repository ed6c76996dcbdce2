"""Every documented SQL example on a library: milliseconds cold and warm, and beside a polars scan.

    python -m benchmarks.sql DATA_DIR [--rounds 5] [--limit-ms 1000]

Examples are the ```sql blocks of docs/sql.md. Cold is the first answer in this process, warm the
median of the rounds, as wall and as processor time; each time the database is made anew, as
`csimpact sql` makes it. The scan
reads, with polars, the columns that the example names of the tables it reaches, and does nothing
with them: the ratio says what is left to gain. Fails if a warm answer takes longer than the limit.
"""

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import polars as pl

from benchmarks.machine import machine_line
from pipeline.query import Library
from pipeline.query.sql import files_of
from pipeline.query.views import VIEWS, reached
from pipeline.settings import PROJECT, DataDir
from pipeline.tables import TABLES
from resources.workspace import open_workspace


def examples() -> Iterator[tuple[str, str]]:
    """(title, query) of every example: the last words in bold before its block."""
    page = (PROJECT / "docs" / "sql.md").read_text()
    for block in page.split("```sql\n")[1:]:
        before = page[: page.index(block)]
        yield re.findall(r"\*\*(.+?)\*\*", before)[-1].rstrip(".?"), block.split("```")[0]


T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[float, float, T]:
    """Milliseconds of wall and of processors, and what came out."""
    started, busy = time.perf_counter(), time.process_time()
    answer = work()
    busy = time.process_time() - busy
    return (time.perf_counter() - started) * 1000, busy * 1000, answer


def median(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median milliseconds of wall and of processors."""
    wall, busy, _ = zip(*(timed(work) for _ in range(rounds)), strict=True)
    return statistics.median(wall), statistics.median(busy)


def scan(data: DataDir, query: str) -> None:
    """Reads with polars what the query names, of every table it reaches."""
    lake = open_workspace(data).lake
    named = {n for n in (*TABLES, *VIEWS) if re.search(rf"\b{n}\b", query)}
    tables, views = reached(named)
    text = " ".join([query, *(VIEWS[v].select for v in views if v != "scores")])
    for table in tables:
        columns = [c for c in TABLES[table].columns if re.search(rf"\b{c}\b", text)]
        if paths := files_of(lake, TABLES[table]):
            pl.scan_parquet(paths).select(columns).collect()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit-ms", type=float, default=1000)
    options = parser.parse_args()
    data = DataDir(options.data.absolute())
    print(machine_line("duckdb", "polars"))
    library, slow = Library(data), 0
    library.sql("SELECT 1")  # imports
    print(
        f"{'example':58} {'rows':>6} {'cold ms':>8} {'warm ms':>8} {'cpu ms':>7} {'scan':>6} ratio"
    )
    for title, query in examples():
        cold, _, rows = timed(lambda q=query: library.sql(q).height)
        warm, cpu = median(lambda q=query: library.sql(q), options.rounds)
        scanned, _ = median(lambda q=query: scan(data, q), options.rounds)
        slow += warm > options.limit_ms
        times = f"{cold:8.0f} {warm:8.0f} {cpu:7.0f} {scanned:6.0f} {warm / scanned:5.1f}"
        print(f"{title[:58]:58} {rows:6} {times}")
    if slow:
        print(f"{slow} examples take longer than {options.limit_ms:.0f} ms")
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main())
