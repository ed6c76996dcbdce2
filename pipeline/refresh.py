"""Bringing the library up to date: plan, run the refresh job in this process, report.

Belongs here: one refresh from outside of Dagster (the command line, the demo, tests). Not: what
is stale (pipeline/staleness), how a stage runs (assets/), or running a job (run_job.py).

Without news the planner answers alone and Dagster is never loaded.
"""

from collections.abc import Collection

from pipeline.run_job import RunReport, run_job
from pipeline.staleness import Stale, in_scope, plan
from pipeline.tables import Cell, cell_name
from resources.workspace import Workspace


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
) -> RunReport:
    """Redo what is stale, and with `force` every stage of `scope`, as one Dagster run.

    Raises BusyError if another refresh runs, RefreshError with the stage's own line if one fails,
    KeyboardInterrupt if it is stopped; what was finished is kept.
    """
    with workspace.lock("refresh", timeout_s=0):
        if not force and not plan_refresh(workspace, scope):
            return RunReport()
        return _run(workspace, scope, force)


def _run(workspace: Workspace, scope: Collection[Cell], force: bool) -> RunReport:
    # Dagster is loaded here, where there is something to do.
    from assets import STAGES
    from pipeline.automation.names import REFRESH

    config = {"scope": [cell_name(cell) for cell in scope], "force": force}
    return run_job(workspace, REFRESH, {f"refresh_{s.asset}": config for s in STAGES})
