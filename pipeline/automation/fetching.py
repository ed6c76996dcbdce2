"""Skeleton: `FETCH` (job name), `fetch_job()`, `fetch_schedules()`, as definitions.py takes them."""

import dagster as dg

FETCH = "fetch"


def fetch_job() -> dg.JobDefinition:
    """The job that crawls and polls OpenAlex."""
    raise NotImplementedError


def fetch_schedules() -> list[dg.ScheduleDefinition]:
    """`nightly_works`, `nightly_citations`, `weekly_sweep`."""
    raise NotImplementedError
