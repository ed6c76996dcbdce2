"""A training from start to verdict, declared in one place: what is trained, on what, and how.

Belongs here: the declaration, cheap to import. Not: following it (campaign.py), or the recipes that
ship (presets.py).
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.labels.quality import QualityRule
from pipeline.labels.selection import SelectionRule
from pipeline.training.config import TrainingConfig
from pipeline.training.source_spec import SourceSpec
from pipeline.training.verdict import GateRule

AdapterKind = Literal[
    "soft_prompt", "residual", "prompt_with_residual", "deep_prefix", "bitfit", "weighted_mean",
    "low_rank", "side_adapter",
]  # fmt: skip


class Recipe(BaseModel):
    """What `csimpact train` does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="how a person calls it")
    profile: str = Field(description="models it is meant for (pipeline/models/profiles.py)")
    adapter: AdapterKind = Field("soft_prompt", description="what is trained")
    num_virtual_tokens: int = Field(
        16, gt=0, description="length of a prompt that starts as the plain query, tokens"
    )
    rank: int = Field(32, gt=0, description="rank of a residual or of low-rank updates")
    bottleneck: int = Field(16, gt=0, description="inner width of side adapters")
    sources: tuple[SourceSpec, ...] = Field(min_length=1, description="what is learnt from")
    documents: int = Field(20_000, gt=0, description="papers that a query is set against")
    training: TrainingConfig = TrainingConfig()
    selection: SelectionRule = SelectionRule()
    quality: QualityRule = QualityRule()
    gate_rule: GateRule = GateRule()
