"""The overview and the validation from outside of Dagster: the command line, the demo, tests.

Belongs here: one run of either job. Not: what they make (assets/overview.py).
"""

from pipeline.automation.names import OVERVIEW, VALIDATE
from pipeline.run_job import RunReport, run_job
from resources.workspace import Workspace


def overview(workspace: Workspace) -> RunReport:
    """Profiles, topics, aggregates and the impact report, as far as what they look at moved.

    Raises BusyError if another overview runs, RefreshError with the step's own line if one fails.
    """
    with workspace.lock(OVERVIEW, timeout_s=0):
        return run_job(workspace, OVERVIEW, {})


def validate(workspace: Workspace) -> RunReport:
    """Scores under other rules and the table `impact_validation`; errors as of `overview`."""
    with workspace.lock(VALIDATE, timeout_s=0):
        return run_job(workspace, VALIDATE, {})
