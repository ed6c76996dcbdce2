"""Asset `impact_report`: the whole library on one page, in data/reports/impact.

Belongs here: reading the frames, and whether any moved. Not: wording and figures
(pipeline/report/impact, pipeline/report/figures), nor names on disk (resources/impact_page.py).
"""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import polars as pl

from assets.derived import library_inputs, registry_digest
from assets.wholes import Result, TrainConfig, Whole
from pipeline.errors import NotFoundError, StorageError
from pipeline.report.impact.changes import LastNight
from pipeline.report.impact.overview import Overview, Setting, write_overview
from pipeline.report.impact.page import overview_page
from pipeline.staleness import Inputs
from resources.impact_page import ImpactPage
from resources.journal import Journal
from resources.reports import Reports
from resources.workspace import Workspace

CODE_VERSION = "1"  # raised whenever the page says something else of the same inputs
LOOKS_AT = (
    "papers", "tncsi_sp", "citation_counts", "venue_coverage", "impact_aggregates",
    "rising_papers", "impact_validation", "retrieval_quality",
)  # fmt: skip


def impact_report(workspace: Workspace, _: TrainConfig) -> Result:
    """The whole library on one page: coverage, scores, leaders, groups, evidence, last night.

    A page that was made from the same inputs is left alone.
    """
    pages, inputs = ImpactPage(workspace.data.impact_report), _inputs(workspace)
    if (made := pages.made_of(inputs)) is not None:
        return Result(made, {}, made=False)
    report = write_overview(read_overview(workspace))
    page = overview_page(report)
    version = pages.write(page, report.document(), inputs)
    plots = {f"plot_{s.key}_{p.name}": p.png for s in report.sections for p in s.pictures}
    facts: dict[str, Any] = {"page": dg.MetadataValue.path(str(pages.page))}
    facts |= {"page_bytes": len(page.encode())}
    facts |= {
        f"{s.key}_{name}": round(value, 4)
        for s in report.sections
        for name, value in s.numbers.items()
    }
    return Result(version, facts, plots=plots)


def _current(workspace: Workspace) -> bool:
    """Whether the page is made of what there is."""
    return ImpactPage(workspace.data.impact_report).made_of(_inputs(workspace)) is not None


def _inputs(workspace: Workspace) -> Inputs:
    nights = Reports(workspace.data.reports).written()
    return {
        **library_inputs(workspace, CODE_VERSION, LOOKS_AT),
        **registry_digest(workspace),
        "prompt": workspace.prompts.champion(workspace.encoder_id) or "",
        "night": nights[-1].page.stem if nights else "",
    }


def read_overview(workspace: Workspace) -> Overview:
    """Everything the report is made from, as it stands now."""
    lake, now, night = workspace.lake, datetime.now(UTC), read_last_night(workspace)
    scores = lake.read_all("tncsi_sp").filter(config_id=workspace.config_id)
    homes = [(v.slug, v.name, v.domain) for v in workspace.venues]
    journal = Journal(workspace.data.journal)
    return Overview(
        made_at=now,
        setting=Setting(
            workspace.rule,
            workspace.config_id,
            workspace.encoder_id,
            workspace.prompts.champion(workspace.encoder_id),
        ),
        as_of=_as_of(workspace),
        scores=scores,
        titles=lake.read_all("papers", ["paper_id", "title"]),
        homes=pl.DataFrame(homes, schema=["venue", "venue_name", "domain"], orient="row"),
        coverage=lake.read_all("venue_coverage"),
        aggregates=_whole(workspace, "impact_aggregates"),
        rising=_whole(workspace, "rising_papers"),
        validation=_whole(workspace, "impact_validation"),
        quality=_whole(workspace, "retrieval_quality"),
        last_night=night,
        costs=journal.costs(night.since if night else None, until=now),
    )


def _whole(workspace: Workspace, table: str) -> pl.DataFrame | None:
    """The table, None if it was never made."""
    return workspace.lake.read(table) if workspace.lake.state(table, None) else None


def _as_of(workspace: Workspace) -> date | None:
    observed = workspace.lake.read_all("citation_counts", ["observed_on"])["observed_on"]
    newest = observed.max()
    return newest if isinstance(newest, date) else None


def read_last_night(workspace: Workspace) -> LastNight | None:
    """The newest nightly report; None if there is none, or its document is damaged."""
    try:
        return LastNight.of(Reports(workspace.data.reports).last().document())
    except (NotFoundError, StorageError, KeyError, ValueError, TypeError, AttributeError):
        return None


IMPACT_REPORT = Whole(
    "impact_report", impact_report, "impact",
    ("tncsi_sp", "venue_coverage", "impact_aggregates"), ("polars", "matplotlib", "html"),
    current=_current,
)  # fmt: skip
