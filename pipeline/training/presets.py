"""Recipes by name: which query side, which sources and losses, which course.

Belongs here: choices that belong together, and what they were measured by. Not: the models behind a
profile (pipeline/models/profiles.py). `minilm` runs on two cores in minutes; `qwen3-bpr` is the
recipe that the project was founded on and wants a GPU. Cheap to import.
"""

from collections.abc import Mapping

from pipeline.errors import TrainingError
from pipeline.training.config import TrainingConfig
from pipeline.training.recipe import Recipe
from pipeline.training.source_spec import SourceSpec

PRESETS: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        # Whole-corpus KL to the paper's own vector at τ 0.05 gained most of all sources and losses
        # under one budget, and more titles gain more; τ 0.02 harmed in a prototype (EXPERIMENTS).
        Recipe(
            name="minilm",
            profile="minilm",
            adapter="prompt_with_residual",
            sources=(SourceSpec(name="own_vector", loss="corpus_kl", queries=16_000),),
            training=TrainingConfig(epochs=2, validations=5, seeds=(0, 1)),
        ),
        # Qwen3-Reranker-0.6B labels pairs of titles; Qwen3-Embedding-0.6B stands frozen; soft
        # tokens learn from the order of pairs. The anchor: BPR's margins grow for ever, and without
        # one MiniLM's gain was lost within an epoch.
        Recipe(
            name="qwen3-bpr",
            profile="qwen3",
            adapter="soft_prompt",
            sources=(SourceSpec(name="labels", loss="bpr"),),
            training=TrainingConfig(batch=128, learning_rate=1e-3, anchor_weight=1.0),
        ),
        # Small enough to be watched: `make demo`.
        Recipe(
            name="demo",
            profile="minilm",
            adapter="soft_prompt",
            sources=(SourceSpec(name="own_vector", loss="corpus_kl", queries=1_500),),
            training=TrainingConfig(epochs=1, validations=3),
        ),
    )
}


def find_preset(name: str) -> Recipe:
    """The preset of that name, or a `TrainingError` that lists all."""
    if name not in PRESETS:
        raise TrainingError(
            f"expected a preset of {', '.join(PRESETS)}, received {name!r}; choose one of them"
        )
    return PRESETS[name]


def preset_of(profile: str) -> Recipe:
    """The recipe of a profile that is trained where nobody names one."""
    return next(recipe for recipe in PRESETS.values() if recipe.profile == profile)
