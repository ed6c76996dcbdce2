"""The one place where science, resources and assets meet: `build_defs` and `defs`.

Tests rebuild it with their own workspace and clock.
"""

from datetime import date
from typing import Any

import dagster as dg

from assets import ON_DEMAND, STAGES
from assets.materialise import as_asset
from assets.night_report import NIGHT_REPORT
from assets.openalex import crawl_asset
from assets.overview import OVERVIEW_WHOLES, VALIDATION_WHOLES
from assets.partitions import cell_partitions
from assets.release import RELEASE
from assets.wholes import LABEL_AUDIT, WHOLES, as_whole_asset, as_whole_op
from pipeline.automation.conditions import condition_sensors, with_condition
from pipeline.automation.fetching import fetch_job, fetch_schedules
from pipeline.automation.freshness import with_freshness
from pipeline.automation.inbox import scholar_dump
from pipeline.automation.incidents import run_failure
from pipeline.automation.jobs import (
    overview_job,
    prune_job,
    refresh_job,
    release_job,
    train_job,
    validate_job,
)
from pipeline.automation.news import news_sensors
from pipeline.automation.reconcile import reconcile_stale
from pipeline.automation.schedules import schedules
from pipeline.venues import load_venues
from resources.workspace import Workspace, open_workspace


def build_defs(*, workspace: Workspace | None = None, today: date | None = None) -> dg.Definitions:
    """Every asset and job over one workspace; partitions reach from the first to next year."""
    partitions = cell_partitions(load_venues(), today or date.today())
    wholes = (*WHOLES, LABEL_AUDIT, RELEASE, NIGHT_REPORT, *OVERVIEW_WHOLES, *VALIDATION_WHOLES)
    assets = [
        crawl_asset(partitions),
        *(as_asset(stage, partitions) for stage in (*STAGES, *ON_DEMAND)),
        *map(as_whole_asset, wholes),
    ]
    return dg.Definitions(
        assets=dg.map_asset_specs(lambda spec: with_freshness(with_condition(spec)), assets),
        jobs=[
            refresh_job(closing=[as_whole_op(NIGHT_REPORT)]),
            train_job(),
            fetch_job(),
            release_job(),
            overview_job(),
            validate_job(),
            prune_job(),
        ],
        sensors=[
            scholar_dump(),
            reconcile_stale(),
            *news_sensors(),
            run_failure(),
            *condition_sensors(),
        ],
        schedules=[
            *fetch_schedules(),
            *schedules(),
        ],
        executor=dg.in_process_executor,
        resources={"workspace": workspace or _workspace},
    )


@dg.resource(description="The state folder: `data/`, or where CSIMPACT_DATA points.")
def _workspace(_: Any) -> Workspace:
    return open_workspace()


defs = build_defs()
