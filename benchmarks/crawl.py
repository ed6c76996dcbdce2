"""The crawl of OpenAlex against the simulated one: wasted calls, rate, and time.

    python -m benchmarks.crawl [--works 100000] [--rate 100] [--latency-ms 50]

The server runs in a process of its own on the same machine, and answers each call after the
latency. Cursor paging is serial within a venue-year, so a rate is reached by venue-years side by
side: by as many workers as calls are under way at once (rate × time per call). Times include
checkpoints, which are synced to disk after every page, and delivery. Seconds and rate are those of
a crawl into an empty folder; a second crawl, of which nothing is news, follows.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.machine import machine_line
from pipeline.corpus.openalex_query import crawl_cost
from pipeline.settings import DataDir
from pipeline.simulation.literature import simulate_literature
from pipeline.simulation.openalex_server import serve
from pipeline.venues import Venue, load_venues
from resources.crawl import crawl
from resources.openalex import OpenAlex

YEARS = range(2012, 2026)


def crawlable() -> list[Venue]:
    """Venues with registered sources that took place in every one of the years."""
    return [v for v in load_venues() if v.openalex_sources and v.first_year <= YEARS[0]]


def answer(pipe: Connection, n_works: int, latency_s: float) -> None:
    """Serve until told to end; tell the number of calls whenever asked for it."""
    slugs = [venue.slug for venue in crawlable()]
    literature = simulate_literature(n_papers=n_works, seed=0, venues=slugs, years=YEARS)
    with serve(literature, latency_s=latency_s, budget_usd=1000) as server:
        pipe.send(server.url)
        while pipe.recv() == "calls":
            pipe.send(len(server.calls))


@contextmanager
def other_process(n_works: int, latency_s: float) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=answer, args=(theirs, n_works, latency_s))
    process.start()
    try:
        yield ours
    finally:
        ours.send("end")
        process.join()


def timed(client: OpenAlex, folder: DataDir, pipe: Connection) -> dict[str, Any]:
    """One crawl of everything: its seconds, calls and works."""
    wanted = [(venue, year) for venue in crawlable() for year in YEARS]
    pipe.send("calls")
    before = pipe.recv()
    started, processor = time.perf_counter(), time.process_time()
    outcomes = list(crawl(client, folder, wanted, date(2026, 1, 1)))
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    pipe.send("calls")
    return {
        "works": sum(one.n_works for one in outcomes),
        "troubles": sum(one.trouble is not None for one in outcomes),
        "news": sum(one.news for one in outcomes),
        "cells": len(outcomes),
        "calls": pipe.recv() - before,
        "needed": sum(crawl_cost(one.n_works).calls for one in outcomes),
        "seconds": seconds,
        "processor": processor,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--works", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=100.0, help="calls allowed per second")
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--workers", type=int, default=OpenAlex.workers)
    options = parser.parse_args()

    print(machine_line("httpx", "orjson", "uvicorn"))
    print(f"allowed {options.rate:g} calls/s, latency {options.latency_ms:g} ms")
    with (
        other_process(options.works, options.latency_ms / 1000) as pipe,
        tempfile.TemporaryDirectory(prefix="csimpact-crawl-") as folder,
    ):
        url = pipe.recv()
        for name in ("all of it", "again, no news"):
            client = OpenAlex(url, rate_per_s=options.rate, workers=options.workers)
            with client:
                told = timed(client, DataDir(Path(folder)), pipe)
            rate = told["calls"] / told["seconds"]
            print(
                f"{name:16} {told['works']:,} works, {told['cells']} venue-years "
                f"({told['news']} news, {told['troubles']} troubles), {options.workers} workers: "
                f"{told['seconds']:.1f} s ({told['processor']:.1f} s of processor), "
                f"{told['calls']:,} calls / {told['needed']:,} needed = "
                f"{told['calls'] / told['needed']:.4f}; {rate:.1f} calls/s = "
                f"{100 * rate / options.rate:.0f}% of the allowed"
            )
        print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
