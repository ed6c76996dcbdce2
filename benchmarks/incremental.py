"""What a night costs: pools and scores after few changes, against making both from nothing.

    python -m benchmarks.incremental DATA_DIR [--papers 1000] [--seed 0] [--only SOURCE]

Works on a copy of a refreshed data folder, hard-linked where the file system can: nothing in
DATA_DIR is written. Runs the stages `topic_pools` and `tncsi_sp` with the cells that the planner
names, planning included, without Dagster. Papers are invented by perturbing existing ones, text,
vector and count included, so that encoding takes no part. At the end both tables are made from
nothing once more and must be equal, value for value. Exits with 1 if they are not, or if a target
is missed.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from assets import STAGES
from assets.corpus import facets_of_papers
from benchmarks.machine import machine_line
from pipeline.settings import DataDir
from pipeline.tables import Cell
from resources.lake import Lake, digest_of
from resources.workspace import Workspace

TABLES = ("topic_pools", "tncsi_sp")
WORKING_MEMORY = ("_frontiers", "_members")


@dataclass(frozen=True)
class Night:
    """A change to the library, and the share of the full time that following it may take."""

    name: str
    change: Callable[[Lake, np.random.Generator], None]
    most: float


def copy_of(data: Path, folder: Path) -> Workspace:
    """The data folder with hard links to its files, which are only ever replaced by others."""
    for part in ("inbox", "sources", "ledger", "lake", "lance", "models", "prompts"):
        if (data / part).exists():
            shutil.copytree(data / part, folder / part, copy_function=_link, symlinks=True)
    return Workspace(DataDir(folder))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def forget(lake: Lake) -> None:
    """Delete pools, scores and all that is remembered of them."""
    states = [Path("_state") / table for table in TABLES]
    for name in (*TABLES, *WORKING_MEMORY, *states):
        shutil.rmtree(lake.root / name, ignore_errors=True)


def only(lake: Lake, source: str) -> None:
    """Leave nothing but the venue-years of which this source told."""
    told = lake.read_all("dump_records", ["source", "venue", "year"]).filter(source=source)
    kept = set(told.select("venue", "year").unique().rows())
    for venue, year in set(lake.known_cells("papers")) - kept:
        for state in (lake.root / "_state").glob(f"*/{venue}/{year}.json"):
            state.unlink()
        for folder in lake.root.glob(f"*/venue={venue}/year={year}"):
            shutil.rmtree(folder)


def follow(workspace: Workspace) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each stage, planning included, and the sums of what they report."""
    seconds: dict[str, float] = {}
    facts: dict[str, float] = {}
    for stage in (s for s in STAGES if s.output in TABLES):
        start = time.perf_counter()
        made = list(stage.run(workspace, stage.stale(workspace)))
        seconds[stage.output] = time.perf_counter() - start
        facts[f"{stage.output} cells"] = len(made)
        for name in sorted({n for one in made for n in one.facts} - {"seconds"}):
            facts[name] = sum(float(one.facts.get(name, 0)) for one in made)
    return seconds, facts


def move_counts(share: float) -> Callable[[Lake, np.random.Generator], None]:
    """A change of this share of all counts by one citation each."""

    def change(lake: Lake, rng: np.random.Generator) -> None:
        cells = [c for c in lake.cells("citation_counts") if lake.read("citation_counts", c).height]
        frames = {c: lake.read("citation_counts", c) for c in cells}
        total = sum(f.height for f in frames.values())
        chosen = np.sort(rng.choice(total, max(1, round(total * share)), replace=False))
        start = 0
        for cell, frame in frames.items():
            moved = np.zeros(frame.height, np.int32)
            mine = chosen[(chosen >= start) & (chosen < start + frame.height)] - start
            moved[mine] = 1
            start += frame.height
            if mine.size:
                grown = (pl.col("cited_by_count") + pl.Series(moved)).cast(pl.Int32)
                store_counts(lake, cell, frame.with_columns(cited_by_count=grown))

    return change


def store_counts(lake: Lake, cell: Cell, counts: pl.DataFrame) -> None:
    """Replace counts as the stage `citation_counts` would."""
    facets = {"values": digest_of(counts.drop("observed_on"))}
    _store(lake, "citation_counts", cell, counts.sort("paper_id", "citation_source"), facets)


def _store(
    lake: Lake, table: str, cell: Cell, frame: pl.DataFrame, facets: Mapping[str, str]
) -> None:
    """Replace a table; its state says that it is made from what it was made from before."""
    state = lake.state(table, cell)
    assert state is not None
    written = lake.write(table, cell, frame)
    news = replace(
        state,
        digest=written.digest,
        rows={**state.rows, table: written.rows},
        files={**state.files, table: written.size},
        digests={**state.digests, table: written.digest},
        mtimes={**state.mtimes, table: written.mtime_ns},
        facets=facets,
    )
    lake.commit(table, cell, news)


def new_papers(
    n: int, cells_of: Callable[[Lake], list[Cell]]
) -> Callable[[Lake, np.random.Generator], None]:
    """`n` new papers in these venue-years, in proportion to what these hold already."""

    def change(lake: Lake, rng: np.random.Generator) -> None:
        cells = cells_of(lake)
        known = {c: lake.read("papers", c) for c in cells}
        sizes = np.array([f.height for f in known.values()])
        next_row = 1 + int(lake.read_all("papers", ["paper_row"])["paper_row"].to_numpy().max())
        for cell, count in zip(cells, rng.multinomial(n, sizes / sizes.sum()), strict=True):
            if count:
                _invent(lake, cell, known[cell], int(count), next_row, rng)
                next_row += int(count)

    return change


def _invent(
    lake: Lake, cell: Cell, papers: pl.DataFrame, n: int, next_row: int, rng: np.random.Generator
) -> None:
    vectors = lake.read("paper_embeddings", cell)
    models = papers[np.sort(rng.integers(0, papers.height, n))]
    news = models.with_columns(
        paper_id=pl.Series([f"pbench{next_row + i:07}" for i in range(n)]),
        paper_row=pl.Series(np.arange(next_row, next_row + n, dtype=np.int32)),
        text_hash=pl.Series([rng.bytes(16).hex() for _ in range(n)]),
        in_pools=pl.lit(True),
    )
    beside = models.select("text_hash").join(vectors, on="text_hash", maintain_order="left")
    old = np.stack([np.asarray(v, np.float32) for v in beside["vector"]])
    vector = old + rng.standard_normal(old.shape, np.float32) * np.float32(old.shape[1] ** -0.5 / 2)
    vector /= np.linalg.norm(vector, axis=1, keepdims=True)
    rows = beside.with_columns(
        text_hash=news["text_hash"],
        vector=pl.Series(vector, dtype=pl.Array(pl.Float32, vector.shape[1])).cast(
            vectors.schema["vector"]
        ),
    ).select(vectors.columns)
    both = pl.concat([vectors, rows]).sort("text_hash", "encoder_id")
    _store(lake, "paper_embeddings", cell, both, {})
    found = pl.concat([papers, news]).sort("paper_id")
    _store(lake, "papers", cell, found, facets_of_papers(found))
    counts = lake.read("citation_counts", cell)
    counted = news.select("paper_id", "paper_row", "venue", "year").with_columns(
        citation_source=pl.lit("google_scholar"),
        cited_by_count=pl.lit(0, pl.Int32),
        observed_on=pl.lit(max(counts["observed_on"].to_list())),
    )
    store_counts(lake, cell, pl.concat([counts, counted.select(counts.columns)]))


def counted_cells(lake: Lake) -> list[Cell]:
    """Venue-years with papers and counts."""
    return [
        c
        for c in lake.cells("papers")
        if lake.read("papers", c).height and lake.read("citation_counts", c).height
    ]


def newest_window(lake: Lake) -> list[Cell]:
    """Those of the newest year."""
    cells = counted_cells(lake)
    return [c for c in cells if c[1] == max(year for _, year in cells)]


def size_of(folder: Path) -> float:
    """Megabytes of the files below."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


def main() -> int:
    """Parse the arguments, print the machine, run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, help="data folder of a refreshed library")
    parser.add_argument("--papers", type=int, default=1000, help="new papers of a night")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="venue-years of this source alone, such as paper_copilot")
    parser.add_argument("--keep", type=Path, help="folder to work in, kept afterwards")
    asked = parser.parse_args()
    nights = [
        Night("0.01% of the counts", move_counts(0.0001), 0.03),
        Night("1% of the counts", move_counts(0.01), 0.12),
        Night(f"{asked.papers:,} papers, all years", new_papers(asked.papers, counted_cells), 0.30),
        Night(f"{asked.papers:,} papers, one window", new_papers(asked.papers, newest_window), 0.1),
    ]
    print(machine_line("numpy", "polars"))
    with tempfile.TemporaryDirectory(dir=asked.data.parent) as name:
        workspace = copy_of(asked.data, asked.keep or Path(name))
        if asked.only:
            only(workspace.lake, asked.only)
        return 0 if run(workspace, nights, asked.seed) else 1


def run(workspace: Workspace, nights: list[Night], seed: int) -> bool:
    """Print all figures; whether every target is met and the tables are those of a rebuild."""
    lake, rng = workspace.lake, np.random.default_rng(seed)
    papers = sum(state.rows["papers"] for state in lake.states("papers").values())
    print(f"{papers:,} papers, {len(lake.cells('papers'))} venue-years; load {_load()}")
    forget(lake)
    seconds, facts = follow(workspace)
    full = sum(seconds.values())
    _print("from nothing", seconds, facts)
    print(f"pools {size_of(lake.root / 'topic_pools'):.0f} MB, frontiers "
          f"{size_of(lake.root / '_frontiers'):.0f} MB, lists of members "
          f"{size_of(lake.root / '_members'):.0f} MB")  # fmt: skip
    met = True
    for night in nights:
        night.change(lake, rng)
        seconds, facts = follow(workspace)
        _print(night.name, seconds, facts)
        share = sum(seconds.values()) / full
        met &= share <= night.most
        verdict = "ok    " if share <= night.most else "MISSED"
        print(f"{verdict} {night.name}: {share:.1%} of the full time (at most {night.most:.0%})")
    followed = {t: {c: lake.read(t, c) for c in lake.cells(t)} for t in TABLES}
    forget(lake)
    _print("from nothing again", *follow(workspace))
    same = all(
        followed[t].keys() == set(lake.cells(t))
        and all(lake.read(t, c).equals(frame) for c, frame in followed[t].items())
        for t in TABLES
    )
    print(
        "ok     tables equal those of a rebuild" if same else "MISSED tables differ from a rebuild"
    )
    return met and same


def _load() -> str:
    """Processes that wanted a core in the last minute: figures of a busy machine say little."""
    return f"{os.getloadavg()[0]:.1f}"


def _print(name: str, seconds: Mapping[str, float], facts: Mapping[str, float]) -> None:
    told = ", ".join(f"{v:,.0f} {k.replace('_', ' ')}" for k, v in facts.items())
    parts = " + ".join(f"{s:.2f} s" for s in seconds.values())
    print(f"{name}: {parts} = {sum(seconds.values()):.2f} s; load {_load()}; {told}")


if __name__ == "__main__":
    sys.exit(main())
