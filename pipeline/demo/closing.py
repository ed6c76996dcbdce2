"""What the demo shows of the library at its end: groups, top papers, one score that moved.

Belongs here: which answers are shown, and where everything lies. Not: the answers
(pipeline/query), nor the overview (pipeline/overview.py).
"""

import os
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from pipeline.overview import overview
from pipeline.query import Library
from pipeline.settings import DataDir
from resources.workspace import Workspace

BEST = 3  # groups shown of a kind
TITLE_WIDTH = 35  # for terminals of 80 columns


def show_overview(console: Console, data: DataDir) -> None:
    """The overview, made; its best topics and venues."""
    console.rule("The overview: topics, venues, a page")
    begun = time.perf_counter()
    with console.status("making the overview …") as status:
        workspace = Workspace(data)
        workspace.report = status.update
        overview(workspace)
    library = Library(data)
    console.print(
        f"{library.topics().height} topics found and named, groups compared, and a page made in "
        f"{time.perf_counter() - begun:.0f} s. Where papers stand highest in their pools "
        "(percentile, 95% interval; 0.5 is the middle):"
    )
    group = Column("group", no_wrap=True, max_width=TITLE_WIDTH)
    table = Table("kind", group, "papers", "mean percentile")
    for kind, called in (("topic", "label"), ("venue", "name")):
        for row in library.aggregates(kind).head(BEST).iter_rows(named=True):
            low, high = row["mean_percentile_low"], row["mean_percentile_high"]
            stands = f"{row['mean_percentile']:.3f} ({low:.3f}–{high:.3f})"
            table.add_row(kind, row[called], f"{row['n_papers']:,}", stands)
    console.print(table)


def show_top(console: Console, data: DataDir) -> None:
    """The papers of highest impact."""
    console.rule("Highest impact (simulated papers)")
    columns = ("venue", "year", "title", "cited_by_count", "tncsi_sp", "n_pool")
    title = Column("title", no_wrap=True, max_width=TITLE_WIDTH)
    table = Table("venue", "year", title, "cited", "TNCSI_SP", "pool")
    for row in Library(data).top(k=5).select(columns).iter_rows():
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
    console.print(table)


def show_why_moved(console: Console, data: DataDir, *, since: date) -> None:
    """Why one score moved: of the papers cited anew in a pool that moved, the farthest."""
    library = Library(data)
    known = ("paper_id", "cited_by_count", "tncsi_sp", "pool_scale")
    before = library.scores(as_of=since).select(known)
    both = library.scores().join(before, on="paper_id", suffix="_before")
    moved = both.filter(
        pl.col(name) != pl.col(f"{name}_before") for name in ("cited_by_count", "pool_scale")
    )
    way = (pl.col("tncsi_sp") - pl.col("tncsi_sp_before")).abs()
    for paper in moved.sort(way, "paper_id", descending=True)["paper_id"][:1]:
        title = library.impact(paper)["title"][0]
        console.print(Text(f"Why did {paper} move? “{title}”"))
        for line in library.why_moved(paper, since).text:
            console.print(f"  {line}", markup=False, highlight=False)


def show_outputs(console: Console, data: DataDir, settings: Mapping[str, str]) -> None:
    """Where to look next; `settings` are those that the library needs besides its folder."""
    here, page = (os.path.relpath(p, Path.cwd()) for p in (data.root, data.impact_report))
    words = " ".join(f"{k}={v}" for k, v in {"CSIMPACT_DATA": here, **settings}.items())
    console.print(
        f"Report:  {page} (the whole library, one page)\n"
        f"Outputs: {here}/lake (Parquet), {here}/lance (LanceDB)\n"
        f"Query:   {words} .venv/bin/csimpact top\n"
        f"UI:      {words} make dev",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
