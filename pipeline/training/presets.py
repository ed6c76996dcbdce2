"""Recipes by name: which models, which query side, which loss, which course.

Belongs here: choices that belong together. Not: the models behind a profile
(pipeline/models/profiles.py), nor the queries themselves (pipeline/labels). `minilm` runs on two
cores in minutes; `qwen3-bpr` is the recipe that the project was founded on and wants a GPU.
Imports torch, through the adapters' configuration.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.errors import TrainingError
from pipeline.training.adapters import AdapterConfig
from pipeline.training.config import LossName, TrainingConfig

INSTRUCTIONS = (
    "",
    "Represent this title to find papers on the same topic:",
    "find papers about the same problem or method as",
    "scientific paper:",
)
"""Tried at step 0 on encoders without a format of their own; the empty one is the plain query."""

TASKS = (
    "",
    "Given a paper title, retrieve papers on the same topic",
    "Given a web search query, retrieve relevant passages that answer the query",
)
"""Tried at step 0 on encoders whose queries carry a task; the last is the one they ship with."""


@dataclass(frozen=True)
class Preset:
    """A recipe.

    profile: name of the models' profile. text_input: what the teacher reads, `title` or
    `title+abstract`. loss: of the title queries. teacher_scale: the teacher's units per unit of
    cosine (`QuerySource.scale`). adapter: kind in ADAPTERS; sizes: of it. instructions: tried as
    starts (`start_config`).
    """

    profile: str
    text_input: str
    loss: LossName
    teacher_scale: float
    adapter: str
    instructions: tuple[str, ...]
    sizes: AdapterConfig = field(default_factory=AdapterConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


PRESETS: Mapping[str, Preset] = {
    # Whole-corpus KL at τ 0.05: in the prototype 0.02 harmed, and BPR gained a third less.
    "minilm": Preset(
        profile="minilm",
        text_input="title+abstract",
        loss="corpus_kl",
        teacher_scale=1.0,
        adapter="prompt_with_residual",
        instructions=INSTRUCTIONS,
        sizes=AdapterConfig(num_virtual_tokens=16, rank=32),
        training=TrainingConfig(seeds=(0, 1, 2)),
    ),
    # Qwen3-Reranker-0.6B labels pairs of titles; Qwen3-Embedding-0.6B stands frozen; soft tokens
    # learn from the order of pairs. Log-odds run over about ±10 where cosines run over about 1. The
    # anchor: BPR's margins grow for ever, and without one MiniLM's gain was lost within an epoch.
    "qwen3-bpr": Preset(
        profile="qwen3",
        text_input="title",
        loss="bpr",
        teacher_scale=20.0,
        adapter="soft_prompt",
        instructions=TASKS,
        sizes=AdapterConfig(num_virtual_tokens=16),
        training=TrainingConfig(batch=128, learning_rate=1e-3, anchor_weight=1.0),
    ),
}


def find_preset(name: str) -> Preset:
    """The preset of that name, or a `TrainingError` that lists all."""
    if name not in PRESETS:
        raise TrainingError(
            f"expected a preset of {', '.join(PRESETS)}, received {name!r}; choose one of them"
        )
    return PRESETS[name]


def start_config(preset: Preset, instruction: str) -> AdapterConfig:
    """The adapter's configuration that starts exactly as `instruction`.

    As many tokens as the instruction has; for the empty one the preset's number behind a closed
    gate, which is the plain query.
    """
    if instruction:
        update = {"initial_text": instruction, "num_virtual_tokens": None, "gate": False}
    else:
        update = {"init": "vocabulary", "gate": True}
    return preset.sizes.model_copy(update=update)
