"""Telling Dagster which prompt serves, where somebody decided it without a run.

Belongs here: one event of `soft_prompt`, on which the condition of `retrieval_quality` stands.
Not: which prompt serves (resources/prompt_registry.py). `csimpact prompt promote` and `rollback`
write the registry only: they must work where no daemon runs.
"""

import dagster as dg

from assets.materialise import DATA_VERSION
from assets.wholes import PLAIN_QUERIES
from pipeline.automation.names import TRAIN
from pipeline.automation.runs import under_way
from resources.workspace import Workspace

SOFT_PROMPT = "soft_prompt"


def report_serving_prompt(instance: dg.DagsterInstance, workspace: Workspace) -> str | None:
    """Log that another prompt serves than `soft_prompt` last said; what was told, None if nothing.

    A training tells of its own decision itself, when it ends.
    """
    if under_way(instance, [TRAIN]):
        return None
    serves = workspace.prompts.champion(workspace.encoder_id) or PLAIN_QUERIES
    last = instance.get_latest_materialization_event(dg.AssetKey(SOFT_PROMPT))
    known = last.asset_materialization if last else None
    version = (known.tags or {}).get(DATA_VERSION) if known else PLAIN_QUERIES
    if version == serves:
        return None
    decision = workspace.prompts.decisions()[-1]
    told = f"{serves} serves queries now: {decision.kind} by {decision.by}"
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            SOFT_PROMPT,
            description=told,
            metadata={"serves": serves, "decision": decision.kind},
            tags={DATA_VERSION: serves},
        )
    )
    return told
