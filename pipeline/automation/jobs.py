"""The jobs: every stage in order, each redoing what the planner names.

Belongs here: the order of the ops. Not: what is stale (pipeline/staleness.py) or how a stage runs
(assets/).
"""

import dagster as dg

from assets import ON_DEMAND, STAGES
from assets.materialise import as_op
from assets.wholes import WHOLES, as_whole_op

REFRESH, TRAIN = "refresh", "train"


def refresh_job() -> dg.JobDefinition:
    """The job behind `csimpact refresh`, runnable from the UI as well."""
    ops = [as_op(stage, after=i > 0) for i, stage in enumerate(STAGES)]
    return _in_order(REFRESH, ops, "Bring every stale venue-year up to date, and only those.")


def train_job() -> dg.JobDefinition:
    """The job behind `csimpact train`: pairs, labels, a prompt and its verdict, figures."""
    ops = [as_op(stage, after=i > 0) for i, stage in enumerate(ON_DEMAND)]
    ops += [as_whole_op(whole) for whole in WHOLES]
    return _in_order(
        TRAIN, ops, "Label what is not labelled, train a prompt, judge and measure it."
    )


def _in_order(name: str, ops: list[dg.OpDefinition], description: str) -> dg.JobDefinition:
    @dg.graph(name=name, description=description)
    def _graph() -> None:
        done = None
        for op in ops:
            done = op() if done is None else op(done)

    return _graph.to_job(name=name)
