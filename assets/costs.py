"""One line of the journal per step of a run.

Belongs here: who a step's costs are noted for. Not: what a step counts, or how lines are kept
(resources/journal.py).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from pipeline.errors import StorageError
from resources.journal import Journal
from resources.workspace import Workspace


def note_costs(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    workspace: Workspace,
    step: str,
    figures: Mapping[str, Any],
) -> None:
    """Add what `step` of this run did to the journal; a step that did nothing needs no line.

    `figures`: sums by name, such as `calls`, `cents`, `texts_encoded`, `pairs_scored`, `seconds`;
    what is no number is left out.
    """
    try:
        Journal(workspace.data.journal).add(context.run.run_id, context.run.job_name, step, figures)
    except StorageError as problem:  # the step's own work is done, and worth more than its cost
        context.log.warning(str(problem))
