"""The jobs: every stage in order, each redoing what the planner names.

Belongs here: the order of the ops, what a run is tagged with, how it is executed. Not: what is
stale (pipeline/staleness) or how a stage runs (assets/).

A run is one process: its steps are in order anyway, and a process per step would load Dagster and
the encoder again for each. Pools hold all the same, since every step claims its slot.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import dagster as dg

from assets import ON_DEMAND, STAGES
from assets.materialise import as_op, clear_errors
from assets.overview import OVERVIEW_WHOLES, VALIDATION_WHOLES
from assets.release import RELEASE as DATASET_RELEASE
from assets.wholes import WHOLES, as_whole_op
from pipeline.automation.names import OVERVIEW, PRUNE, REFRESH, RELEASE, TRAIN, VALIDATE, job_tags
from pipeline.tables import cell_name
from resources.retention import prune
from resources.workspace import Workspace


def refresh_job(closing: Sequence[dg.OpDefinition] = ()) -> dg.JobDefinition:
    """The job behind `csimpact refresh`; `closing` ops come after the last stage."""
    ops = [as_op(stage, after=i > 0) for i, stage in enumerate(STAGES)]
    description = "Bring every stale venue-year up to date, and only those."
    return in_order(REFRESH, [*ops, *closing], description)


def train_job() -> dg.JobDefinition:
    """The job behind `csimpact train`: pairs, labels, a prompt and its verdict, figures."""
    ops = [as_op(stage, after=i > 0) for i, stage in enumerate(ON_DEMAND)]
    ops += [as_whole_op(whole) for whole in WHOLES]
    description = "Label what is not labelled, train a prompt, judge and measure it."
    return in_order(TRAIN, ops, description, device="gpu")


def release_job() -> dg.JobDefinition:
    """The job behind `csimpact release make`, for the night."""
    description = "Make an immutable dated release of the public tables, if anything changed."
    return in_order(RELEASE, [as_whole_op(DATASET_RELEASE)], description)


def overview_job() -> dg.JobDefinition:
    """The job behind `csimpact overview`: profiles, topics, aggregates and the impact report."""
    description = "Describe the library as it stands: only what moved is made again."
    return in_order(OVERVIEW, list(map(as_whole_op, OVERVIEW_WHOLES)), description)


def validate_job() -> dg.JobDefinition:
    """The job behind `csimpact validate`: scores under other rules, and how far all of it holds."""
    description = "Score under other rules, then measure agreement, calibration and sensitivity."
    return in_order(VALIDATE, list(map(as_whole_op, VALIDATION_WHOLES)), description)


def prune_job() -> dg.JobDefinition:
    """The job behind `csimpact prune`, once a month."""
    return in_order(PRUNE, [_prune], "Delete what is old and can be missed.")


@dg.op(name="delete_old", out=dg.Out(dg.Nothing))
def _prune(context: dg.OpExecutionContext, workspace: dg.ResourceParam[Workspace]) -> None:
    """Delete what the policy of resources/retention.py no longer keeps."""
    with clear_errors():
        done = prune(workspace, context.instance, datetime.now(UTC))
    for part in done:
        context.log.info(f"{part.what}: {part.count} deleted, {part.bytes:,} bytes. {part.note}")


def train_config(workspace: Workspace, preset: str = "") -> dict[str, dict[str, Any]]:
    """Configuration of each op of `train` ("": the profile's recipe).

    Whose labels there are is known only once the teacher is loaded: another number format or
    template is another teacher, and no plan sees it. A pair that has its score costs nothing.
    """
    cells = [cell_name(cell) for cell in workspace.lake.cells("papers")]
    stages: dict[str, dict[str, Any]] = {
        "refresh_title_pairs": {"scope": [], "force": False},
        "refresh_pair_labels": {"scope": cells, "force": True},
    }
    return stages | {f"make_{whole.asset}": {"preset": preset} for whole in WHOLES}


def in_order(
    name: str,
    ops: Sequence[dg.OpDefinition],
    description: str,
    device: Literal["gpu"] | None = None,
) -> dg.JobDefinition:
    """A job that runs ops one after the other, in one process.

    Every op but the first has the one input `after` of type Nothing, and a Nothing output.
    """

    @dg.graph(name=name, description=description)
    def _graph() -> None:
        done = None
        for op in ops:
            done = op() if done is None else op(done)

    return _graph.to_job(
        name=name, executor_def=dg.in_process_executor, tags=job_tags(name, device)
    )
