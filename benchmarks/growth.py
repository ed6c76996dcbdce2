"""How the time and the disk of pools and scores grow with the library.

    python -m benchmarks.growth [--sizes 10000,100000,1000000] [--folder FOLDER]

Simulated papers with 384-d vectors, a tenth of them in the newest year, in the venue-years of a
large registry, written through the lake; then the stages `topic_pools` and `tncsi_sp` from
nothing, as a refresh runs them, and `tncsi_sp` again after 1% of the counts moved, planning
included. Every size is measured in a process of its own. Exits with 1 if a target is missed.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets import STAGES
from assets.corpus import facets_of_papers
from assets.stages import Job, Stage, write_cell
from benchmarks.machine import machine_line
from benchmarks.pools import clustered, invent_papers, million_sizes
from pipeline.impact.pools import PoolRule
from pipeline.settings import DataDir
from pipeline.tables import CITATION_COUNTS, PAPER_EMBEDDINGS, PAPERS, Cell
from resources.files import digest_of
from resources.workspace import Workspace
from tests.library import TODAY, tiny_workspace

VENUES = 37
MOVED = 0.01
LARGE = 1_000_000
MOST_S, MOST_GIB, MOST_MOVED_S = 25 * 60, 8.0, 60.0  # of a million papers


def simulated(n: int) -> pl.DataFrame:
    """Papers of every venue and year, with the row of their vector."""
    rng = np.random.default_rng(5)
    papers = invent_papers(million_sizes(n), spread=True).with_row_index("vector_row")
    venues = pl.Series([f"venue{i:02}" for i in range(VENUES)])
    share = rng.dirichlet(np.full(VENUES, 1.5))
    return papers.with_columns(
        venues.gather(rng.choice(VENUES, n, p=share)).alias("venue"),
        pl.format("On {}", "paper_id").alias("title"),
        pl.format("text of {}", "paper_id").alias("text_hash"),
        pl.lit("main").alias("track"),
        pl.lit(False).alias("is_retracted"),
        pl.lit([], pl.List(pl.String)).alias("sources"),
        pl.lit([], pl.List(pl.String)).alias("keywords"),
        pl.lit(1, pl.Int32).alias("n_authors"),
        pl.lit(1, pl.Int32).alias("n_records"),
    )


def write_library(workspace: Workspace, n: int) -> None:
    """Papers, vectors and counts of `n` papers, with the states their stages would leave."""
    papers, vectors = simulated(n), clustered(n)
    for cell, mine in papers.partition_by("venue", "year", as_dict=True).items():
        found = mine.select(
            pl.col(name) if name in mine.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in PAPERS.schema.items()
        )
        days = found["publication_date"].to_physical()
        facets = facets_of_papers(found)
        put(workspace, "papers", cell, found, facets, (int(days.min()), int(days.max())))
        vector = pl.Series(vectors[mine["vector_row"].to_numpy()]).arr.to_list()
        stored = found.with_columns(
            pl.lit(workspace.encoder_id).alias("encoder_id"), vector.alias("vector")
        ).select(PAPER_EMBEDDINGS.schema.names())
        put(workspace, "paper_embeddings", cell, stored)
        put_counts(workspace, cell, counts_of(found))


def counts_of(papers: pl.DataFrame) -> pl.DataFrame:
    """A count for nine of ten papers, with the long tail that citations have."""
    rng = np.random.default_rng(papers["paper_row"][0])
    cited = np.floor(rng.lognormal(2.5, 1.5, papers.height)).astype(np.int32)
    counts = papers.with_columns(
        pl.lit("google_scholar").alias("citation_source"),
        pl.Series("cited_by_count", cited),
        pl.lit(TODAY).alias("observed_on"),
    ).select(CITATION_COUNTS.schema.names())
    return counts.filter(pl.Series(rng.random(papers.height) < 0.9))


def put_counts(workspace: Workspace, cell: Cell, counts: pl.DataFrame) -> None:
    """Store counts as the stage `citation_counts` does."""
    values = digest_of(counts.drop("observed_on"))
    put(workspace, "citation_counts", cell, counts, {"values": values})


def put(
    workspace: Workspace,
    output: str,
    cell: Cell,
    frame: pl.DataFrame,
    facets: Mapping[str, str] | None = None,
    days: tuple[int, int] | None = None,
) -> None:
    """Store a table as its stage would, of inputs that nobody looks at here."""
    job = Job(workspace, {cell: {}})
    write_cell(job, output, cell, {output: frame}, facets=facets or {}, days=days)


def move_counts(workspace: Workspace) -> None:
    """One more citation for MOVED of all counted papers."""
    rng = np.random.default_rng(6)
    for cell in workspace.lake.cells("citation_counts"):
        counts = workspace.lake.read("citation_counts", cell)
        one_more = pl.Series((rng.random(counts.height) < MOVED).astype(np.int32))
        if one_more.sum():
            put_counts(workspace, cell, counts.with_columns(pl.col("cited_by_count") + one_more))


def run(workspace: Workspace, stage: Stage) -> tuple[float, int]:
    """Seconds of planning and making what is stale, and how many cells moved."""
    started = time.perf_counter()
    moved = sum(made.moved for made in stage.run(workspace, stage.stale(workspace)))
    return time.perf_counter() - started, moved


def measure(workspace: Workspace) -> dict[str, float]:
    """Seconds, peak memory and disk of one library."""
    stages = {stage.asset: stage for stage in STAGES}
    pools_s, cells = run(workspace, stages["topic_pools"])
    scores_s, _ = run(workspace, stages["tncsi_sp"])
    disk = sum(
        path.stat().st_size
        for table in ("topic_pools", "tncsi_sp")
        for path in (workspace.data.lake / table).rglob("*.parquet")
    )
    time.sleep(2.5)  # as a night later: states just written are not remembered
    workspace.states()
    move_counts(workspace)
    moved_s, moved = run(workspace, stages["tncsi_sp"])
    members = int(workspace.lake.read_all("topic_pools", ["pool_k"])["pool_k"].sum())
    return {
        "cells": cells, "pools_s": pools_s, "scores_s": scores_s, "disk_mb": disk / 1e6,
        "moved_s": moved_s, "moved_cells": moved, "members": members, "gib": peak_gib(),
    }  # fmt: skip


def peak_gib() -> float:
    """Most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def opened(folder: Path) -> Workspace:
    """The workspace below `folder`, under the rule of real libraries."""
    if (folder / "data").exists():
        return Workspace(DataDir(folder / "data"), today=TODAY, rule=PoolRule())
    workspace = tiny_workspace(folder)
    workspace.rule = PoolRule()
    return workspace


def step(name: str, n: int, folder: Path) -> Any:
    """Write or measure in a process of its own; what `measure` found."""
    command = [sys.executable, "-m", "benchmarks.growth", "--step", name, "--sizes", str(n)]
    done = subprocess.run(
        [*command, "--folder", str(folder)], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout) if name == "measure" else None


def told(n: int, figures: Mapping[str, float]) -> bool:
    """Print the figures of a size; whether they meet the targets, where there are any."""
    print(
        f"{n:>9,} papers {figures['cells']:5,} cells  pools {figures['pools_s']:7.1f} s  "
        f"scores {figures['scores_s']:6.1f} s  {figures['members']:>13,} members  "
        f"{figures['disk_mb']:7.0f} MB  {figures['gib']:.2f} GiB  "
        f"1% counts {figures['moved_s']:6.2f} s, {figures['moved_cells']:,} cells moved",
        flush=True,
    )
    if n < LARGE:
        return True
    targets = {
        "pools and scores, s": (figures["pools_s"] + figures["scores_s"], MOST_S),
        "peak memory, GiB": (figures["gib"], MOST_GIB),
        "1% of the counts, s": (figures["moved_s"], MOST_MOVED_S),
    }
    for name, (value, limit) in targets.items():
        verdict = "ok    " if value <= limit else "MISSED"
        print(f"{verdict} {name} (at most {limit:g}): {value:.3g}")
    return all(value <= limit for value, limit in targets.values())


def main() -> int:
    """Measure every size; with --step, do a part of one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", default="10000,100000,1000000", help="numbers of papers")
    parser.add_argument("--folder", type=Path, help="where libraries are written; else temporary")
    parser.add_argument("--step", choices=("write", "measure"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    os.environ["CSIMPACT_ENCODER"] = "tiny"
    sizes = [int(size) for size in asked.sizes.split(",")]
    if asked.step == "write":
        write_library(opened(asked.folder), sizes[0])
    elif asked.step == "measure":
        print(json.dumps(measure(opened(asked.folder))))
    if asked.step:
        return 0
    print(machine_line("numpy", "polars"))
    met = True
    for n in sizes:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            step("write", n, Path(folder))
            met &= told(n, step("measure", n, Path(folder)))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
