"""Schedules of what the clock asks for: releases, trainings, pruning.

Belongs here: when, and whether there is anything to do. Not: what the jobs do, nor the schedules
that fetch. Each answers from files alone when there is nothing to do, and loads no model.
"""

from pathlib import Path
from typing import Any

import dagster as dg

from pipeline.automation.jobs import train_config
from pipeline.automation.names import ASKED_BY, TRAIN
from pipeline.automation.runs import library_moving, schedule_status, under_way
from pipeline.automation.serving import SOFT_PROMPT
from pipeline.settings import training_on
from pipeline.staleness import ON_DEMAND, stale_cells
from resources.workspace import Workspace

WEEKLY_TRAINING = "weekly_training"
NVIDIA = Path("/dev/nvidia0")  # there without importing torch, which takes seconds


def weekly_training() -> dg.ScheduleDefinition:
    """A prompt is trained again on Sundays, where a GPU or spare time is configured."""

    @dg.schedule(
        name=WEEKLY_TRAINING,
        job_name=TRAIN,
        cron_schedule="0 12 * * 0",
        default_status=schedule_status(),
        description="Labels what is new, trains a prompt and judges it; only where there is a GPU "
        "or CSIMPACT_TRAINING is on, and something to label has come since.",
    )
    def _schedule(
        context: dg.ScheduleEvaluationContext, workspace: dg.ResourceParam[Workspace]
    ) -> dg.RunRequest | dg.SkipReason:
        if why_not := no_training(context.instance, workspace):
            return dg.SkipReason(why_not)
        config: dict[str, Any] = {
            op: {"config": values} for op, values in train_config(workspace).items()
        }
        key = f"{WEEKLY_TRAINING}-{context.scheduled_execution_time:%Y-%m-%d}"
        return dg.RunRequest(
            run_key=key, run_config={"ops": config}, tags={ASKED_BY: WEEKLY_TRAINING}
        )

    return _schedule


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
