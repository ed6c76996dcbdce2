"""Running one of our Dagster jobs in this process, and telling what it did.

Belongs here: the instance, runs that a killed process left open, errors as one line. Not: which
job, or what it makes. The caller holds a lock of its own, so that a job runs once at a time.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.automation.names import IN_PROCESS, MAX_RUNTIME
from pipeline.errors import RefreshError, StorageError
from pipeline.settings import postgres_url
from resources.workspace import Workspace

if TYPE_CHECKING:
    import dagster as dg


@dataclass(frozen=True)
class RunReport:
    """What a run did: its id ("" if there was nothing to do), and sums per asset.

    `assets`: asset -> name of a figure (cells, files_changed, texts_encoded, …) -> its sum.
    `cells` are new, forced or other than before; `confirmed` were made anew and came out equal.
    """

    run_id: str = ""
    assets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def run_job(workspace: Workspace, name: str, ops: Mapping[str, Mapping[str, Any]]) -> RunReport:
    """Run a job with the configuration of each of its ops.

    Raises RefreshError with the op's own line if one fails, KeyboardInterrupt if it is stopped,
    StorageError if Dagster cannot keep its records; what was finished is kept.
    """
    from sqlalchemy.exc import OperationalError

    try:
        return _run_in_process(workspace, name, ops)
    except (OSError, OperationalError) as problem:  # not of a stage: those are in the run's result
        line = str(problem).splitlines()[0]
        raise StorageError(
            f"Dagster could not keep its records in {workspace.data.dagster} ({line}): "
            "make room or grant access, then run again; no table was harmed"
        ) from problem


def _run_in_process(
    workspace: Workspace, name: str, ops: Mapping[str, Mapping[str, Any]]
) -> RunReport:
    instance = open_instance(workspace)
    from pipeline.definitions import build_defs

    _bury_killed_runs(instance, name)
    result = (
        build_defs(workspace=workspace, today=workspace.today)
        .get_job_def(name)
        .execute_in_process(
            instance=instance,
            raise_on_error=False,
            tags={IN_PROCESS: "true", MAX_RUNTIME: "0"},  # somebody sits before it
            run_config={
                "ops": {op: {"config": config} for op, config in ops.items()},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )
    )
    if not result.success:
        if _interrupted(result):
            raise KeyboardInterrupt
        raise RefreshError(_failure_line(result))
    return RunReport(result.run_id, _sums(result))


def open_instance(workspace: Workspace) -> "dg.DagsterInstance":
    """Dagster's instance of the state folder, made if there is none yet."""
    from resources.dagster_home import prepare_dagster_home

    os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(workspace.data))
    import dagster as dg

    logging.getLogger("dagster").setLevel(logging.CRITICAL)  # its lines are in the run's own log
    if not postgres_url():
        return dg.DagsterInstance.get()
    from dagster_postgres.utils import DagsterPostgresException
    from sqlalchemy.exc import SQLAlchemyError

    logging.disable(logging.WARNING)  # five attempts, each with a warning of five lines
    try:
        return dg.DagsterInstance.get()
    except (DagsterPostgresException, SQLAlchemyError) as problem:
        cause = str(problem.__cause__ or problem).splitlines()[0]
        raise StorageError(
            f"Dagster's PostgreSQL does not answer ({cause}): start it, or correct "
            "CSIMPACT_POSTGRES_URL; no table was harmed"
        ) from problem
    finally:
        logging.disable(logging.NOTSET)


def _bury_killed_runs(instance: "dg.DagsterInstance", job: str) -> None:
    """Close runs of a job that a killed process left open, and free the pool slots they would keep.

    The job's lock is held, so none of them can be alive; without this, the next run would
    wait for the slot of a dead run.
    """
    import dagster as dg

    unfinished = [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    mine = dg.RunsFilter(job_name=job, tags={IN_PROCESS: "true"}, statuses=unfinished)
    for run in instance.get_runs(mine):
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
            stage = (event.step_key or "").removeprefix("refresh_").removeprefix("make_")
            if data.user_failure_data and data.user_failure_data.description:
                return f"{stage}: {data.user_failure_data.description}"
            error = data.error.cause or data.error if data.error else None
            text = error.message.strip().splitlines()[0] if error else "failed"
            return f"{stage}: {text} (a bug: run {result.run_id} in the Dagster UI has the trace)"
    return f"run {result.run_id} failed: see it in the Dagster UI (`make dev`)"


def _sums(result: "dg.ExecuteInProcessResult") -> dict[str, dict[str, float]]:
    from assets.materialise import CONFIRMED

    sums: dict[str, dict[str, float]] = {}
    for event in result.all_events:
        if event.is_step_materialization:
            made = event.step_materialization_data.materialization
            asset = made.asset_key.to_user_string()
            _add(sums, asset, {"cells": int(made.partition is not None), CONFIRMED: 0})
            _add(sums, asset, made.metadata)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            check = event.asset_check_evaluation_data
            if _figure(check.metadata.get(CONFIRMED, 0)):
                _add(sums, check.asset_key.to_user_string(), check.metadata)
    return sums


def _add(sums: dict[str, dict[str, float]], asset: str, figures: Mapping[str, Any]) -> None:
    asset_sums = sums.setdefault(asset, {"cells": 0})
    for name, value in figures.items():
        if isinstance(figure := _figure(value), int | float):
            asset_sums[name] = round(asset_sums.get(name, 0) + figure, 3)


def _figure(value: Any) -> Any:
    return getattr(value, "value", value)
