"""Bringing the library up to date: plan, run the refresh job in this process, report.

Belongs here: one refresh from outside of Dagster (the command line, the demo, tests). Not: what
is stale (staleness.py) or how a stage runs (assets/).

Without news the planner answers alone and Dagster is never loaded.
"""

import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.errors import RefreshError, StorageError
from pipeline.staleness import Stale, in_scope, plan
from pipeline.tables import Cell
from resources.workspace import Workspace

if TYPE_CHECKING:
    import dagster as dg


IN_PROCESS = "csimpact/in_process"
"""Tag of runs that live in the process of a `csimpact refresh`, under its lock."""


@dataclass(frozen=True)
class RefreshReport:
    """What a refresh did: its run id ("" if there was nothing to do), and sums per asset.

    `assets`: asset -> name of a figure (cells, files_changed, texts_encoded, …) -> its sum.
    """

    run_id: str = ""
    assets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def plan_refresh(workspace: Workspace, scope: Collection[Cell] = ()) -> list[Stale]:
    """Everything stale, or that may follow, within `scope` and what its cells need.

    Only looks: nothing is written.
    """
    states, world = workspace.states(), workspace.world(register=False)
    return [
        stale
        for stale in plan(states, world)
        if in_scope(stale.output, stale.cell, scope, states, world)
    ]


def refresh(
    workspace: Workspace, scope: Collection[Cell] = (), *, force: bool = False
) -> RefreshReport:
    """Redo what is stale, and with `force` every stage of `scope`, as one Dagster run.

    Raises BusyError if another refresh runs, RefreshError with the stage's own line if one fails,
    KeyboardInterrupt if it is stopped; what was finished is kept.
    """
    with workspace.lock("refresh", timeout_s=0):
        if not force and not plan_refresh(workspace, scope):
            return RefreshReport()
        return _run(workspace, scope, force)


def _run(workspace: Workspace, scope: Collection[Cell], force: bool) -> RefreshReport:
    from sqlalchemy.exc import OperationalError

    try:
        return _run_in_process(workspace, scope, force)
    except (OSError, OperationalError) as problem:  # not of a stage: those are in the run's result
        line = str(problem).splitlines()[0]
        raise StorageError(
            f"Dagster could not keep its records in {workspace.data.dagster} ({line}): "
            "make room or grant access, then run again; no table was harmed"
        ) from problem


def _run_in_process(workspace: Workspace, scope: Collection[Cell], force: bool) -> RefreshReport:
    instance = _instance(workspace)
    from assets import STAGES
    from pipeline.automation.jobs import REFRESH
    from pipeline.definitions import build_defs

    _bury_killed_runs(instance)
    config = {"scope": [f"{venue}|{year}" for venue, year in scope], "force": force}
    job = build_defs(workspace=workspace, today=workspace.today).get_job_def(REFRESH)
    result = job.execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags={IN_PROCESS: "true"},
        run_config={
            "ops": {f"refresh_{stage.asset}": {"config": config} for stage in STAGES},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
    )
    if not result.success:
        if _interrupted(result):
            raise KeyboardInterrupt
        raise RefreshError(_failure_line(result))
    return RefreshReport(result.run_id, _sums(result))


def _instance(workspace: Workspace) -> "dg.DagsterInstance":
    from resources.dagster_home import prepare_dagster_home

    os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(workspace.data))
    import dagster as dg

    logging.getLogger("dagster").setLevel(logging.CRITICAL)  # its lines are in the run's own log
    return dg.DagsterInstance.get()


def _bury_killed_runs(instance: "dg.DagsterInstance") -> None:
    """Close runs that a killed refresh left open, and free the pool slots they would keep.

    The refresh lock is held, so none of them can be alive; without this, the next refresh would
    wait for the slot of a dead run.
    """
    import dagster as dg

    unfinished = [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    for run in instance.get_runs(dg.RunsFilter(tags={IN_PROCESS: "true"}, statuses=unfinished)):
        instance.report_run_failed(run, "the process that ran it was killed")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _interrupted(result: "dg.ExecuteInProcessResult") -> bool:
    """Whether Ctrl-C or a SIGTERM ended the run, inside of a stage or between two."""
    from assets.materialise import INTERRUPTED

    failures = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    return any(
        (data.error_source and data.error_source.value == "INTERRUPT")
        or (data.user_failure_data and data.user_failure_data.description == INTERRUPTED)
        for data in failures
    )


def _failure_line(result: "dg.ExecuteInProcessResult") -> str:
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            stage = (event.step_key or "").removeprefix("refresh_")
            if data.user_failure_data and data.user_failure_data.description:
                return f"{stage}: {data.user_failure_data.description}"
            error = data.error.cause or data.error if data.error else None
            text = error.message.strip().splitlines()[0] if error else "failed"
            return f"{stage}: {text} (a bug: run {result.run_id} in the Dagster UI has the trace)"
    return f"run {result.run_id} failed: see it in the Dagster UI (`make dev`)"


def _sums(result: "dg.ExecuteInProcessResult") -> dict[str, dict[str, float]]:
    sums: dict[str, dict[str, float]] = {}
    for event in result.all_events:
        if event.is_step_materialization:
            made = event.step_materialization_data.materialization
            asset = sums.setdefault(made.asset_key.to_user_string(), {"cells": 0})
            asset["cells"] += made.partition is not None
            for name, value in made.metadata.items():
                if isinstance(figure := _figure(value), int | float):
                    asset[name] = round(asset.get(name, 0) + figure, 3)
    return sums


def _figure(value: Any) -> Any:
    return getattr(value, "value", None)
