"""Declarative conditions: what follows by itself when somebody makes an asset by hand.

Belongs here: conditions on edges that map cell to cell, and the two sensors that evaluate them.
Not: what crosses venues (pools, scores, the index), which only the planner can name, nor what was
never made: both are `reconcile_stale`'s.

Updates made by runs of our own jobs do not count: those runs carry on themselves, and asking
beside them would make everything twice.
"""

from collections.abc import Sequence

import dagster as dg

from pipeline.automation.names import DEVICE, KIND
from pipeline.automation.runs import sensor_status
from pipeline.settings import tick_seconds

Condition = dg.AutomationCondition

# Asset -> the parents it follows, cell by cell; parents not named here never ask for anything.
FOLLOWS = {
    "venue_coverage": ("papers", "citations"),
    "paper_embeddings": ("papers",),
    "retrieval_quality": ("soft_prompt",),
}
ON_GPU = ("paper_embeddings", "retrieval_quality")
ON_CPU = tuple(asset for asset in FOLLOWS if asset not in ON_GPU)


def follows(parents: Sequence[str]) -> "Condition[dg.AssetKey]":
    """Another data version of the same cell of a parent, made by no run of our own jobs.

    Nothing is asked for while a parent is missing, is being made, or failed its check.
    """
    watched = dg.AssetSelection.assets(*parents)
    # `newly_updated` and the tags look at events up to the tick, the data version at later ones
    # too: without it, what a refresh logs during a tick would count as somebody else's.
    by_others = (
        Condition.newly_updated()
        & Condition.data_version_changed()
        & ~Condition.all_new_updates_have_run_tags(tag_keys={KIND})
    )
    moved = Condition.any_deps_match(by_others).allow(watched)
    return (
        moved.since_last_handled()
        & ~Condition.any_deps_missing().allow(watched)
        & ~Condition.any_deps_in_progress().allow(watched)
        & ~Condition.in_progress()
        & Condition.all_deps_blocking_checks_passed().allow(watched)
    ).with_label(f"follows {' and '.join(parents)}")


def with_condition(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The asset's condition, if it follows anything."""
    if (parents := FOLLOWS.get(spec.key.to_user_string())) is None:
        return spec
    return spec.replace_attributes(automation_condition=follows(parents))


def condition_sensors() -> list[dg.AutomationConditionSensorDefinition]:
    """One sensor for what runs anywhere, one for what wants the GPU."""
    return [
        _sensor("follow_on_cpu", ON_CPU, {}),
        _sensor("follow_on_gpu", ON_GPU, {DEVICE: "gpu"}),
    ]


def _sensor(
    name: str, assets: Sequence[str], run_tags: dict[str, str]
) -> dg.AutomationConditionSensorDefinition:
    return dg.AutomationConditionSensorDefinition(
        name,
        target=dg.AssetSelection.assets(*assets),
        run_tags=run_tags,
        minimum_interval_seconds=tick_seconds(),
        default_status=sensor_status(),
        description=f"Makes {', '.join(assets)} follow what somebody made by hand.",
    )
