"""The overview and the validation from outside of Dagster: the command line, the demo, tests.

Belongs here: one run of either job. Not: what they make (assets/overview.py).
"""

from pipeline.automation.names import OVERVIEW, VALIDATE
from pipeline.run_job import RunReport, run_job
from resources.workspace import Workspace


def overview(workspace: Workspace, *, refit_topics: bool = False) -> RunReport:
    """Profiles, topics, aggregates and the impact report, as far as what they look at moved.

    With `refit_topics`, clusters are found anew: their numbers mean something else afterwards.

    Raises BusyError if another overview runs, RefreshError with the step's own line if one fails.
    """
    from assets.topics import forget_topics

    with workspace.lock(OVERVIEW, timeout_s=0):
        if refit_topics:
            forget_topics(workspace)
        return run_job(workspace, OVERVIEW, {})


def validate(workspace: Workspace) -> RunReport:
    """Scores under other rules and the table `impact_validation`; errors as of `overview`."""
    with workspace.lock(VALIDATE, timeout_s=0):
        return run_job(workspace, VALIDATE, {})
