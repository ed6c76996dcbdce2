"""Runs as an instance remembers them, without anybody executing them."""

from collections.abc import Iterable, Mapping

import dagster as dg


def add_run(
    instance: dg.DagsterInstance,
    job: str,
    *,
    tags: Mapping[str, str] | None = None,
    assets: Iterable[str] = (),
) -> dg.DagsterRun:
    """A run that is under way."""
    selection = frozenset(map(dg.AssetKey, assets)) or None
    return instance.add_run(
        dg.DagsterRun(
            job_name=job,
            tags=dict(tags or {}),
            status=dg.DagsterRunStatus.STARTED,
            asset_selection=selection,
        )
    )


def fail(instance: dg.DagsterInstance, run: dg.DagsterRun, message: str = "killed") -> None:
    """End it badly."""
    instance.report_run_failed(run, message)


def log_events(
    instance: dg.DagsterInstance, *events: dg.AssetMaterialization, tags: Mapping[str, str]
) -> None:
    """Log materialisations from a run with these tags."""

    @dg.op
    def say(context: dg.OpExecutionContext) -> None:
        for event in events:
            context.log_event(event)

    @dg.job(name="sayer")
    def sayer() -> None:
        say()

    assert sayer.execute_in_process(instance=instance, tags=dict(tags)).success
