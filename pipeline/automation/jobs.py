"""The refresh job: every stage in order, each redoing what the planner names.

Belongs here: the order of the ops. Not: what is stale (pipeline/staleness.py) or how a stage runs
(assets/).
"""

import dagster as dg

from assets import STAGES
from assets.materialise import as_op

REFRESH = "refresh"


def refresh_job() -> dg.JobDefinition:
    """The job behind `csimpact refresh`, runnable from the UI as well."""

    @dg.graph(name=REFRESH, description="Bring every stale venue-year up to date, and only those.")
    def _refresh() -> None:
        done = None
        for i, stage in enumerate(STAGES):
            op = as_op(stage, after=i > 0)
            done = op() if done is None else op(done)

    return _refresh.to_job(name=REFRESH)
