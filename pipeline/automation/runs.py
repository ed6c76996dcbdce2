"""What sensors and schedules need to know of runs: whether one is under way, how one ended.

Belongs here: questions to the instance that several of them ask, and whether they run by default.
Not: what any of them asks for.
"""

from collections.abc import Iterable
from dataclasses import replace

import dagster as dg

from assets import STAGES
from pipeline.automation.names import FETCH, REFRESH
from pipeline.automation.requests import Asked
from pipeline.settings import automation_on

ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
CRAWL = "openalex_works"
_OURS = {*(stage.asset for stage in STAGES), CRAWL}
RUN_KEY = "dagster/run_key"


def sensor_status() -> dg.DefaultSensorStatus:
    """Whether a sensor runs without anybody starting it."""
    on, off = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED
    return on if automation_on() else off


def schedule_status() -> dg.DefaultScheduleStatus:
    """Whether a schedule runs without anybody starting it."""
    on, off = dg.DefaultScheduleStatus.RUNNING, dg.DefaultScheduleStatus.STOPPED
    return on if automation_on() else off


def under_way(instance: dg.DagsterInstance, jobs: Iterable[str]) -> str | None:
    """Name of the first of `jobs` of which a run waits or runs; None if there is none."""
    active = {run.job_name for run in instance.get_runs(dg.RunsFilter(statuses=ACTIVE))}
    return next((job for job in jobs if job in active), None)


def library_moving(instance: dg.DagsterInstance) -> str | None:
    """What run is about to move what a refresh makes, in words; None if there is none.

    A fetch counts: what it brings is refreshed once it is all there. So do assets of the library
    that somebody makes by hand.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=ACTIVE)):
        if run.job_name in (REFRESH, FETCH):
            return f"a {run.job_name} is under way (run {run.run_id[:8]})"
        made = {key.to_user_string() for key in run.asset_selection or ()} & _OURS
        if made:
            return f"{', '.join(sorted(made)[:3])} being made (run {run.run_id[:8]})"
    return None


def as_of_its_end(instance: dg.DagsterInstance, asked: Asked | None) -> Asked | None:
    """What was asked for, as of when its run ended: until then there was nothing to ask again."""
    if asked is None:
        return None
    records = instance.get_run_records(dg.RunsFilter(tags={RUN_KEY: asked.run_key}), limit=1)
    ended = records[0].end_time if records else None
    return replace(asked, at=max(asked.at, ended)) if ended else asked
