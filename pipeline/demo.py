"""`make demo`: two nights of a simulated literature, taken in by Dagster's daemon and its sensors.

Belongs here: a story told in the terminal. Everything it shows runs as in real use: files dropped
into the inbox, OpenAlex over HTTP, sensors that ask for runs, a nightly report; only the papers
are simulated, and say so, and the sensors look every two seconds instead of every thirty.

The state lies in `data/demo`, apart from real data. Without the MiniLM weights a tiny random
encoder stands in, and a line says so.
"""

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from pipeline.automation.names import ASKED_BY, FETCH, REFRESH, WHY
from pipeline.automation.waiting import runs_since, wait_for_runs
from pipeline.errors import CsimpactError, ModelError, RefreshError
from pipeline.labels.candidate_rule import CandidateRule
from pipeline.labels.labelling_rule import LabellingRule
from pipeline.models.profiles import chosen_profile
from pipeline.query import Library
from pipeline.report.costs import Cost
from pipeline.settings import DataDir, data_dir
from pipeline.simulation.lists import write_lists
from pipeline.simulation.literature import Literature, next_day, simulate_literature
from pipeline.simulation.openalex_server import serve
from pipeline.train import train
from resources.crawl import crawl
from resources.dagster_processes import running
from resources.journal import Journal
from resources.model_hub import find_model
from resources.openalex import OpenAlex
from resources.reports import Reports
from resources.workspace import Workspace

if TYPE_CHECKING:
    from dagster import DagsterInstance

SEED = 20
N_PAPERS = 3_000
TICK_S = 2
IDLE_S = 12
LATEST_S = 600.0  # a night on a busy laptop
AUTOMATION = {
    "CSIMPACT_AUTOMATION": "on",
    "CSIMPACT_TICK_SECONDS": str(TICK_S),
    "CSIMPACT_PROBE_SECONDS": str(2 * TICK_S),
}
Figures = Mapping[str, Mapping[str, float]]
"""Step -> name of a figure -> its sum."""
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
    literature = simulate_literature(n_papers=N_PAPERS, seed=SEED)
    with serve(literature) as server:
        os.environ["CSIMPACT_OPENALEX_URL"] = server.url
        console.rule("Night 1: everything is new (simulated literature)")
        _crawl(console, Workspace(data), literature)
        with running(data, env=AUTOMATION) as processes, processes.instance() as instance:
            console.print("Dagster's daemon runs, its sensors look at the inbox and at OpenAlex")
            first = _night(console, data, instance, lambda: _drop(data, literature), {REFRESH})
            console.rule(
                f"Night 2: {NEW_PAPERS} new papers, {NEW_CITATIONS} new citations and theirs"
            )
            day_after = next_day(
                literature, seed=SEED, n_new_papers=NEW_PAPERS, n_new_citations=NEW_CITATIONS
            )

            def news() -> None:
                server.replace(day_after)
                _drop(data, day_after)

            second = _night(console, data, instance, news, {FETCH, REFRESH})
            _compare(console, first, second)
            _report(console, data)
            console.rule("A night without news")
            _idle(console, instance)
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


def _drop(data: DataDir, literature: Literature) -> None:
    """Lists of the day, into the inbox, as somebody with a dump would."""
    lists = data.root / "simulated_lists"
    write_lists(literature, lists, list_date=literature.as_of)
    day = literature.as_of.isoformat()
    shutil.copytree(lists / day, data.inbox / "dropped" / day)


def _night(
    console: Console,
    data: DataDir,
    instance: "DagsterInstance",
    happen: Callable[[], None],
    kinds: Collection[str],
) -> Figures:
    """Let something happen, wait until the sensors have had it all taken in, and tell how."""
    begun, journal = time.time(), Journal(data.journal)
    before = len(journal.costs())
    happen()
    with console.status("waiting for the sensors …"):
        runs = wait_for_runs(instance, data, kinds, since=begun, timeout_s=LATEST_S)
    table = Table("run", "asked for by", "why")
    for run in runs:
        why = Text(run.tags.get(WHY, ""), overflow="ellipsis", no_wrap=True)
        table.add_row(f"{run.job_name} {run.run_id[:8]}", run.tags.get(ASKED_BY, ""), why)
    console.print(table)
    if failed := [run.run_id[:8] for run in runs if not run.is_success]:
        raise RefreshError(f"runs {', '.join(failed)} failed: see {data.incidents}")
    console.print(f"done {time.time() - begun:.0f} s after it happened")
    return _summed(journal.costs()[before:])


def _summed(costs: Sequence[Cost]) -> Figures:
    """The figures of each step, over all runs."""
    sums: dict[str, Counter[str]] = {}
    for cost in costs:
        sums.setdefault(cost.step, Counter()).update(cost.figures)
    return sums


def _idle(console: Console, instance: "DagsterInstance") -> None:
    begun = time.time()
    time.sleep(IDLE_S)
    runs = runs_since(instance, begun)
    found = f"{len(runs)} runs were started" if runs else "no run was started, no table written"
    console.print(f"{IDLE_S} s of sensors looking every {TICK_S} s: {found}")


def _report(console: Console, data: DataDir) -> None:
    """What the nightly report says in words."""
    report = Reports(data.reports).last()
    console.print(f"The nightly report ({os.path.relpath(report.page)}):", highlight=False)
    console.print(report.document()["words"], markup=False, highlight=False)


def _compare(console: Console, first: Figures, second: Figures) -> None:
    """What the second night recomputed, and what it left alone."""
    console.print("Recomputed in night 2, of what night 1 made:")
    table = Table("step", "venue-years made", "of them equal", "files changed", "work")
    for step, before in first.items():
        now = second.get(step, Counter())
        table.add_row(
            step,
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
