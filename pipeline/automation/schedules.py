"""Schedules of what the clock asks for: overviews, releases, trainings, pruning.

Belongs here: when, and whether there is anything to do. Not: what the jobs do, nor the schedules
that fetch. Each answers from files alone when there is nothing to do, and loads no model.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from assets.overview import OVERVIEW_WHOLES
from pipeline.automation.jobs import train_config
from pipeline.automation.names import ASKED_BY, OVERVIEW, PRUNE, RELEASE, TRAIN
from pipeline.automation.runs import library_moving, schedule_status, under_way
from pipeline.automation.serving import SOFT_PROMPT
from pipeline.settings import training_on
from pipeline.staleness import ON_DEMAND, plan, stale_cells
from resources.releases import changed_since_last
from resources.retention import prune
from resources.workspace import Workspace

WhyNot = Callable[[dg.DagsterInstance, Workspace], str | None]
NVIDIA = Path("/dev/nvidia0")  # there without importing torch, which takes seconds


def schedules() -> list[dg.ScheduleDefinition]:
    """`nightly_overview`, `nightly_release`, `weekly_training` and `monthly_pruning`."""
    return [nightly_overview(), nightly_release(), weekly_training(), monthly_pruning()]


def nightly_overview() -> dg.ScheduleDefinition:
    """Before the release, which holds what it makes; hourly, since the night may be long."""
    description = "Makes the impact report and its tables once a night, if what they show moved."
    return _schedule("nightly_overview", OVERVIEW, "30 3-7 * * *", description, no_overview)


def nightly_release() -> dg.ScheduleDefinition:
    """Every hour of the early morning until there is one: the night may not be over at four."""
    description = "Makes a release once a night, if anything changed and nothing is stale."
    return _schedule("nightly_release", RELEASE, "0 4-8 * * *", description, no_release)


def weekly_training() -> dg.ScheduleDefinition:
    """A prompt is trained again on Sundays, where a GPU or spare time is configured."""
    description = (
        "Labels what is new, trains a prompt and judges it; only where there is a GPU or "
        "CSIMPACT_TRAINING is on, and something to label has come since."
    )
    return _schedule("weekly_training", TRAIN, "0 12 * * 0", description, no_training, train_config)


def monthly_pruning() -> dg.ScheduleDefinition:
    """What is old and can be missed goes on the first of the month."""
    description = "Deletes old runs, logs, index versions and leftovers (resources/retention.py)."
    return _schedule("monthly_pruning", PRUNE, "0 3 1 * *", description, no_pruning)


def _schedule(
    name: str,
    job: str,
    cron: str,
    description: str,
    why_not: WhyNot,
    config: Callable[[Workspace], dict[str, dict[str, Any]]] = lambda _: {},
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job_name=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=schedule_status(),
        description=description,
    )
    def _evaluate(
        context: dg.ScheduleEvaluationContext, workspace: dg.ResourceParam[Workspace]
    ) -> dg.RunRequest | dg.SkipReason:
        if reason := why_not(context.instance, workspace):
            return dg.SkipReason(reason)
        ops = {op: {"config": values} for op, values in config(workspace).items()}
        return dg.RunRequest(
            run_key=f"{name}-{context.scheduled_execution_time:%Y-%m-%d}",  # once a day
            run_config={"ops": ops},
            tags={ASKED_BY: name},
        )

    return _evaluate


def no_overview(instance: dg.DagsterInstance, workspace: Workspace) -> str | None:
    """Why no overview is to be made now; None: make one."""
    if not workspace.lake.cells("tncsi_sp"):
        return "no score to describe"
    if all(whole.current(workspace) for whole in OVERVIEW_WHOLES if whole.current):
        return "nothing moved since the last overview"
    return _not_at_rest(instance, workspace)


def no_release(instance: dg.DagsterInstance, workspace: Workspace) -> str | None:
    """Why no release is to be made now; None: make one."""
    if not changed_since_last(workspace):
        return "nothing changed since the last release"
    if under_way(instance, [OVERVIEW]):
        return "waits for the next hour, an overview is under way"
    return _not_at_rest(instance, workspace)


def _not_at_rest(instance: dg.DagsterInstance, workspace: Workspace) -> str | None:
    if busy := library_moving(instance):
        return f"waits for the next hour, {busy}"
    if stale := plan(workspace.states(), workspace.registered_world()):
        return f"waits for the next hour, {len(stale)} cells are stale"
    return None


def no_pruning(instance: dg.DagsterInstance, workspace: Workspace) -> str | None:
    """Why nothing is to be deleted now; None: something is old enough."""
    old = prune(workspace, instance, datetime.now(UTC), dry_run=True)
    return None if any(part.count for part in old) else "nothing is old enough to be deleted"


def no_training(instance: dg.DagsterInstance, workspace: Workspace) -> str | None:
    """Why nothing is to be trained now; None: train."""
    if not (training_on() or NVIDIA.exists()):
        return "neither a GPU nor CSIMPACT_TRAINING=on: nothing is trained on this machine"
    if busy := library_moving(instance):
        return f"waits for the next time, {busy}"
    if under_way(instance, [TRAIN]):
        return "a training is under way"
    states = workspace.states()
    if not states["papers"]:
        return "no paper to train on"
    world = workspace.registered_world()
    stale = [s for output in sorted(ON_DEMAND) for s in stale_cells(output, states, world)]
    if not stale and instance.get_latest_materialization_event(dg.AssetKey(SOFT_PROMPT)):
        return "every pair was labelled when a prompt was last trained: it would be the same again"
    return None
