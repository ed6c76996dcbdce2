"""A training from start to verdict, declared in one place: what is trained, on what, and how.

Belongs here: the declaration, cheap to import. Not: following it (campaign.py), or the recipes that
ship (presets.py).
"""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.labels.quality import QualityRule
from pipeline.labels.selection import SelectionRule
from pipeline.training.config import TrainingConfig
from pipeline.training.curriculum import SourceSpec
from pipeline.training.verdict import GateRule

INSTRUCTIONS = (
    "Represent this title to find papers on the same topic:",
    "A scientific paper about",
    "Title of a computer science paper:",
)
"""Tried on the development queries beside the empty one; the best is what a prompt must beat."""


class Recipe(BaseModel):
    """What `csimpact train` does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="how a person calls it")
    adapter: str = Field("prompt_with_residual", description="kind of adapter")
    num_virtual_tokens: int | None = Field(
        16, gt=0, description="prompt length, tokens; null: as the instruction has"
    )
    gate: bool = Field(False, description="start the prompt at the identity, behind a zero gate")
    rank: int = Field(32, gt=0, description="rank of a residual or of low-rank updates")
    sources: tuple[SourceSpec, ...] = Field(min_length=1, description="what is learnt from")
    instructions: tuple[str, ...] = Field(INSTRUCTIONS, description="tried beside the empty one")
    documents: int = Field(20_000, gt=0, description="papers that a query is set against")
    training: TrainingConfig = TrainingConfig()
    selection: SelectionRule = SelectionRule()
    quality: QualityRule = QualityRule()
    gate_rule: GateRule = GateRule()
