"""`make demo`: the whole chain on a simulated literature, then the day after.

Belongs here: a story told in the terminal. Everything it shows runs through the same commands,
stages and Dagster instance as real use, the crawl over HTTP included; only the papers are
simulated, and say so.

The state lies in `data/demo`, apart from real data. Without the MiniLM weights a tiny random
encoder stands in, and a line says so.
"""

import os
import shutil
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from pipeline.errors import CsimpactError, ModelError, RefreshError
from pipeline.labels.candidate_rule import CandidateRule
from pipeline.labels.labelling_rule import LabellingRule
from pipeline.models.profiles import chosen_profile
from pipeline.query import Library
from pipeline.refresh import refresh
from pipeline.run_job import RunReport
from pipeline.settings import DataDir, data_dir
from pipeline.simulation.lists import write_lists
from pipeline.simulation.literature import Literature, next_day, simulate_literature
from pipeline.simulation.openalex_server import serve
from pipeline.train import train
from resources.crawl import crawl
from resources.model_hub import find_model
from resources.openalex import OpenAlex
from resources.openalex_known import tracked_works
from resources.openalex_poll import poll
from resources.workspace import Workspace

SEED = 20
N_PAPERS = 3_000
NEW_PAPERS, NEW_CITATIONS = 3, 10
TINY = "tiny-random"
FEW = CandidateRule(
    student=8, document=8, bm25=4, cites=0, cited_by=0, co_cited=4, same_domain=8, random=4,
    rank_max=100,
)  # fmt: skip
# Enough queries to check the teacher by, and to judge by; the demo's recipe learns from no labels.
LABELLING = LabellingRule(
    queries=560,
    share_dev=0.45,
    share_test=0.38,
    learn=FEW,
    judge=FEW.model_copy(update={"n_strata": 1}),
)
COST = {
    "texts_encoded": "texts encoded",
    "pools_searched": "pools searched",
    "papers_scored": "papers scored",
}


def main() -> int:
    """Run the demo; returns the exit code."""
    console = Console()
    try:
        _demo(console, DataDir(data_dir().root / "demo"))
    except CsimpactError as problem:
        Console(stderr=True).print(f"error: {problem}", markup=False, soft_wrap=True)
        return 2
    return 0


def _demo(console: Console, data: DataDir) -> None:
    shutil.rmtree(data.root, ignore_errors=True)  # a demo starts from nothing, every time
    _choose_encoder(console, data)
    workspace = Workspace(data)
    literature = simulate_literature(n_papers=N_PAPERS, seed=SEED)
    with serve(literature) as server:
        os.environ["CSIMPACT_OPENALEX_URL"] = server.url
        console.rule("Day 1: everything is new (simulated literature)")
        _crawl(console, workspace, literature)
        first = _night(console, workspace, literature)
        console.rule(f"Day 2: {NEW_PAPERS} new papers, {NEW_CITATIONS} new citations and theirs")
        day_after = next_day(
            literature, seed=SEED, n_new_papers=NEW_PAPERS, n_new_citations=NEW_CITATIONS
        )
        server.replace(day_after)
        _poll(console, workspace)
        second = _night(console, workspace, day_after)
    _compare(console, workspace, first, second)
    console.rule("A night without news")
    started = time.perf_counter()
    idle = refresh(Workspace(data))
    found = (
        f"something was stale (Dagster run {idle.run_id[:8]})"
        if idle.run_id
        else "nothing was stale: no text encoded, no table written"
    )
    console.print(f"{found}, {time.perf_counter() - started:.2f} s")
    _train(console, data)
    _show(console, data)


def _choose_encoder(console: Console, data: DataDir) -> None:
    try:
        find_model(chosen_profile().encoder, data.models, download=False)  # a demo needs no network
    except ModelError:
        from pipeline.models.tiny import write_tiny_encoder

        write_tiny_encoder(data.models / TINY, seed=SEED)
        os.environ["CSIMPACT_ENCODER"] = TINY
        console.print("MiniLM weights are not here: a tiny random encoder stands in.")


def _crawl(console: Console, workspace: Workspace, literature: Literature) -> None:
    """Every venue-year of the literature, from the simulated OpenAlex over HTTP."""
    cells = literature.papers.select("venue", "year").unique().sort("year", "venue").iter_rows()
    wanted = [(venue, y) for v, y in cells if (venue := workspace.venues[v]).openalex_sources]
    with OpenAlex() as client:
        outcomes = list(crawl(client, workspace.data, wanted, literature.as_of))
    troubles = [one.trouble for one in outcomes if one.trouble]
    if troubles:
        raise troubles[0]
    works, calls = sum(o.n_works for o in outcomes), sum(o.tally.calls for o in outcomes)
    console.print(
        f"{works:,} works of {len(outcomes)} venue-years crawled over HTTP from a simulated "
        f"OpenAlex, in {calls} calls"
    )


def _poll(console: Console, workspace: Workspace) -> None:
    """What moved among the works known, a hundred ids a call."""
    tracked = tracked_works(workspace.data)
    with OpenAlex() as client:
        found = poll(client, workspace.data, tracked, datetime.now(UTC))
    if found.trouble:
        raise found.trouble
    console.print(
        f"{found.n_polled:,} works polled in {found.tally.calls} calls: {found.n_counts} counts "
        f"and {found.n_content} descriptions moved"
    )


def _night(console: Console, workspace: Workspace, literature: Literature) -> RunReport:
    lists = workspace.data.root / "simulated_lists"
    write_lists(literature, lists, list_date=literature.as_of)
    imported = workspace.import_files([lists / literature.as_of.isoformat()])
    if imported.refused:
        raise imported.refused[0].problem
    started = time.perf_counter()
    with console.status("refreshing …") as status:
        workspace.report = status.update
        report = refresh(workspace)
    console.print(
        f"{len(imported.lists)} simulated lists imported, refreshed in "
        f"{time.perf_counter() - started:.1f} s (Dagster run {report.run_id[:8]})"
    )
    return report


def _compare(console: Console, workspace: Workspace, first: RunReport, second: RunReport) -> None:
    """What the second day recomputed, and what it left alone."""
    console.print("Recomputed on day 2, of what day 1 made:")
    table = Table("asset", "venue-years moved", "made and equal", "files changed", "work")
    for asset, before in first.assets.items():
        now = second.assets.get(asset, {})
        table.add_row(
            asset,
            _of(now, before, "cells"),
            f"{now.get('confirmed', 0):,.0f}",
            _of(now, before, "files_changed"),
            _work(now, before),
        )
    console.print(table)


def _of(now: Mapping[str, float], before: Mapping[str, float], name: str) -> str:
    return f"{now.get(name, 0):,.0f} of {before.get(name, 0):,.0f}"


def _work(now: Mapping[str, float], before: Mapping[str, float]) -> str:
    return ", ".join(
        f"{_of(now, before, name)} {words}" for name, words in COST.items() if name in before
    )


def _train(console: Console, data: DataDir) -> None:
    """A small prompt, and what the gate says of it."""
    console.rule("A prompt for queries: labels, training, verdict")
    workspace, started = Workspace(data, labelling=LABELLING), time.perf_counter()
    with console.status("labelling …") as status:
        workspace.report = status.update
        try:
            report = train(workspace, "demo")
        except RefreshError as refusal:  # a teacher that does not beat the student, for one
            console.print(str(refusal), markup=False)
            return
    labelled = report.run.assets["pair_labels"]
    console.print(
        f"{labelled['pairs_scored']:,.0f} pairs labelled by {workspace.profile.reranker}, a prompt "
        f"trained and judged in {time.perf_counter() - started:.0f} s: {report.decision.kind}"
    )
    for reason in report.decision.reasons:
        console.print(f"  {reason}", markup=False)


def _show(console: Console, data: DataDir) -> None:
    console.rule("Highest impact (simulated papers)")
    columns = ("venue", "year", "title", "cited_by_count", "tncsi_sp", "n_pool")
    title = Column("title", no_wrap=True, max_width=38)  # for terminals of 80 columns
    table = Table("venue", "year", title, "cited", "TNCSI_SP", "pool")
    for row in Library(data).top(k=5).select(columns).iter_rows():
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
    console.print(table)
    here = os.path.relpath(data.root, Path.cwd())
    settings = f"CSIMPACT_DATA={here}"
    if chosen_profile().encoder == TINY:  # scores are those of an encoder
        settings += f" CSIMPACT_ENCODER={TINY}"
    console.print(
        f"Outputs: {here}/lake (Parquet), {here}/lance (LanceDB)\n"
        f"Query:   {settings} .venv/bin/csimpact top\n"
        f"UI:      {settings} make dev",
        markup=False,
        highlight=False,
    )


if __name__ == "__main__":
    sys.exit(main())
