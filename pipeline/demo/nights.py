"""The nights of the demo: what happens, who notices, and what was made anew.

Belongs here: news, the waiting for Dagster's daemon, and telling what its runs did. Not: the order
of the story (__main__.py).
"""

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.automation.names import ASKED_BY, WHY
from pipeline.automation.waiting import runs_since, wait_for_runs
from pipeline.errors import RefreshError
from pipeline.report.costs import Cost
from pipeline.settings import DataDir
from pipeline.simulation.lists import write_lists
from pipeline.simulation.literature import Literature
from resources.crawl import crawl
from resources.journal import Journal
from resources.openalex import OpenAlex
from resources.reports import Reports
from resources.workspace import Workspace

if TYPE_CHECKING:
    from dagster import DagsterInstance

TICK_S = 2
IDLE_S = 12
LATEST_S = 600.0  # a night on a busy laptop
Figures = Mapping[str, Mapping[str, float]]
"""Step -> name of a figure -> its sum."""
COST = {
    "texts_encoded": "texts encoded",
    "pools_searched": "pools searched",
    "papers_scored": "papers scored",
}


def crawl_all(console: Console, workspace: Workspace, literature: Literature) -> None:
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


def drop(data: DataDir, literature: Literature) -> None:
    """Lists of the day, into the inbox, as somebody with a dump would."""
    lists = data.root / "simulated_lists"
    write_lists(literature, lists, list_date=literature.as_of)
    day = literature.as_of.isoformat()
    shutil.copytree(lists / day, data.inbox / "dropped" / day)


def night(
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


def idle(console: Console, instance: "DagsterInstance") -> None:
    """Sensors that look, and ask for nothing."""
    begun = time.time()
    time.sleep(IDLE_S)
    runs = runs_since(instance, begun)
    found = f"{len(runs)} runs were started" if runs else "no run was started, no table written"
    console.print(f"{IDLE_S} s of sensors looking every {TICK_S} s: {found}")


def tell_report(console: Console, data: DataDir) -> None:
    """What the nightly report says in words."""
    report = Reports(data.reports).last()
    console.print(f"The nightly report ({os.path.relpath(report.page)}):", highlight=False)
    console.print(report.document()["words"], markup=False, highlight=False)


def compare(console: Console, first: Figures, second: Figures) -> None:
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


def _summed(costs: Sequence[Cost]) -> Figures:
    """The figures of each step, over all runs."""
    sums: dict[str, Counter[str]] = {}
    for cost in costs:
        sums.setdefault(cost.step, Counter()).update(cost.figures)
    return sums


def _of(now: Mapping[str, float], before: Mapping[str, float], name: str) -> str:
    return f"{now.get(name, 0):,.0f} of {before.get(name, 0):,.0f}"


def _work(now: Mapping[str, float], before: Mapping[str, float]) -> str:
    return ", ".join(
        f"{_of(now, before, name)} {words}" for name, words in COST.items() if name in before
    )
