"""Asset `night_report`: what changed since the last report, what ran, and what it cost.

Belongs here: reading the two states of the tables, the journal and the incidents. Not: comparing
(pipeline/release/changes.py) nor wording (pipeline/report).

What moved is linked into a folder of its own first and compared there, so that a refresh beside it
cannot change it meanwhile. A file that both states share is neither linked nor read.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl

from assets.wholes import Result, TrainConfig, Whole
from pipeline.errors import StorageError
from pipeline.release.changes import Changes
from pipeline.report.markdown import report_markdown
from pipeline.report.night import Night, write_report
from pipeline.report.page import report_page
from pipeline.report.state import Incident, Standing
from pipeline.staleness import States, plan
from resources.journal import Journal
from resources.lake import Lake
from resources.reports import Moved, Reports
from resources.snapshots import changed_files, changes_between, table_files
from resources.workspace import Workspace

COMPARED = (
    "papers", "authorships", "redirects", "citation_counts", "citations", "venue_coverage",
    "topic_pools", "tncsi_sp",
)  # fmt: skip
"""Tables whose rows a report compares: what a refresh makes for readers."""


def night_report(workspace: Workspace, _: TrainConfig) -> Result:
    """What changed since the last report: a page in data/reports, with what ran and its cost.

    Where no row changed there is none, and the next report tells what ran meanwhile.
    """
    reports = Reports(workspace.data.reports)
    reports.settle()
    files = changed_files(reports.tables, workspace.data.lake, COMPARED)
    if not files:
        return Result(reports.newest, {}, made=False)
    now = datetime.now(UTC)
    moment = reports.next_moment(now)
    with reports.night(workspace.lake, files, moment) as moved:
        night = _night(workspace, reports, moved, now)
        if not night.has_news:  # rows were only seen again
            return Result(reports.newest, {}, made=False)
        report = write_report(night)
        written = reports.write(moment, report_page(report), report.document())
    numbers = {
        f"{s.key}_{name}": value for s in report.sections for name, value in s.numbers.items()
    }
    summary = {
        "summary": dg.MetadataValue.md(report_markdown(report)),
        "page": dg.MetadataValue.path(str(written.page)),
    }
    return Result(written.page.stem, numbers | summary)


def _night(workspace: Workspace, reports: Reports, moved: Moved, now: datetime) -> Night:
    states, written = workspace.states(), reports.written()
    since = written[-1].made_at if written and reports.tables.exists() else None
    changes = _changes(moved) if since else {}
    return Night(
        made_at=now,
        since=since if changes else None,
        changes=changes,
        files=_files(workspace.lake, states, moved),
        titles=_titles(workspace.lake, changes),
        redirects=workspace.lake.read("redirects"),
        costs=Journal(workspace.data.journal).costs(since, until=now),
        incidents=_incidents(workspace.data.incidents, since),
        standing=_standing(workspace, states),
    )


def _changes(moved: Moved) -> Mapping[str, Changes]:
    try:
        return {name: changes_between(moved.before, moved.after, name) for name in COMPARED}
    except StorageError as problem:
        if str(moved.before) not in str(problem):
            raise
        return {}  # what was kept is damaged: once, everything counts as new


def _files(lake: Lake, states: States, moved: Moved) -> pl.DataFrame:
    """Files of each table, how many of them moved, and rows."""
    rows = Counter[str]()
    for state in (state for cells in states.values() for state in cells.values()):
        rows.update(state.rows)
    now = Lake(moved.after)
    return pl.DataFrame(
        [
            (name, len(table_files(now, name)), len(table_files(lake, name)), rows.get(name))
            for name in COMPARED
        ],
        schema={"table": pl.String} | dict.fromkeys(("files_changed", "files", "rows"), pl.Int64),
        orient="row",
    )


def _titles(lake: Lake, changes: Mapping[str, Changes]) -> pl.DataFrame:
    """Of papers whose counts or scores moved; their venue-years are those of the rows."""
    moved = [changes[n].after for n in ("citation_counts", "tncsi_sp") if n in changes]
    cells = {cell for frame in moved for cell in frame.select("venue", "year").unique().iter_rows()}
    return lake.read_cells("papers", sorted(cells), ["paper_id", "title"]).unique("paper_id")


def _incidents(folder: Path, since: datetime | None) -> list[Incident]:
    """Pages written since; each opens with a heading, and a line that says why."""
    after = since.timestamp() if since else 0.0
    pages = [p for p in sorted(folder.glob("*.md")) if p.stat().st_mtime > after]
    return [Incident(page.name, _opening(page)) for page in pages]


def _opening(page: Path) -> str:
    lines = [line.strip("# ") for line in page.read_text(errors="replace").splitlines()]
    return ": ".join([line for line in lines if line][:2])


def _standing(workspace: Workspace, states: States) -> Standing:
    scores = workspace.lake.read_all("tncsi_sp", ["status", "config_id"])
    statuses = scores.filter(config_id=workspace.config_id)["status"].value_counts()
    stale = Counter(s.output for s in plan(states, workspace.world(register=False)))
    return Standing(dict(statuses.iter_rows()), stale)


NIGHT_REPORT = Whole(
    "night_report", night_report, "impact", ("tncsi_sp", "citations", "venue_coverage"),
    ("polars", "html"),
)  # fmt: skip
