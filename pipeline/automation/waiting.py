"""Waiting until the automation has done what there was to do: for the demo and end-to-end tests.

Belongs here: what counts as done. Not: processes (resources/dagster_processes.py), nor what asks
for runs.
"""

import time
from collections.abc import Callable, Collection

import dagster as dg

from pipeline.automation.names import KIND
from pipeline.automation.runs import ACTIVE
from pipeline.errors import RefreshError
from pipeline.settings import DataDir
from pipeline.staleness import plan
from resources.workspace import Workspace, open_workspace

LOOK_EVERY_S = 0.5


def wait_for_runs(
    instance: dg.DagsterInstance,
    data: DataDir,
    kinds: Collection[str],
    *,
    since: float,
    timeout_s: float,
    opened: Callable[[DataDir], Workspace] = open_workspace,
) -> list[dg.DagsterRun]:
    """The runs since `since` (seconds since the epoch), once nothing is left to do.

    Nothing is left when a run of each of `kinds` has succeeded, none is under way, and the planner
    finds nothing stale. Raises RefreshError if that takes longer than `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        runs = runs_since(instance, since)
        done = {run.tags.get(KIND) for run in runs if run.is_success}
        if done.issuperset(kinds) and not any(run.status in ACTIVE for run in runs):
            workspace = opened(data)
            if not plan(workspace.states(), workspace.world(register=False)):
                return runs_since(instance, since)
        time.sleep(LOOK_EVERY_S)
    seen = ", ".join(f"{run.job_name} {run.status.value}" for run in runs_since(instance, since))
    raise RefreshError(
        f"expected runs of {', '.join(kinds)} within {timeout_s:.0f} s, received "
        f"{seen or 'none'}: see {data.dagster / 'processes'}"
    )


def runs_since(instance: dg.DagsterInstance, since: float) -> list[dg.DagsterRun]:
    """The runs that were created after `since`, oldest first."""
    records = instance.get_run_records(limit=200)
    recent = [r for r in records if r.create_timestamp.timestamp() > since]
    return [record.dagster_run for record in reversed(recent)]
