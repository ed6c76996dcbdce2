"""What every trainable query side has in common, and what can be chosen about it.

Belongs here: the base class of adapters and their configuration. Not: the adapters, one file each,
nor how tensors act in the forward pass (pipeline/models/adaptation.py).

This module imports torch.
"""

from abc import ABC, abstractmethod
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from pipeline.models.adaptation import Adaptation


class AdapterConfig(BaseModel):
    """What an adapter starts from and how large it is; each kind reads what concerns it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    initial_text: str = Field(
        "Represent this title to find papers on the same topic:",
        description="text whose word vectors a prompt starts from",
    )
    init: Literal["text", "vocabulary", "random"] = Field(
        "text", description="what a prompt starts from; vocabulary: frequent words drawn at random"
    )
    num_virtual_tokens: int | None = Field(
        None, gt=0, description="soft-prompt length, tokens; null: as the initial text has"
    )
    gate: bool = Field(
        False, description="read the prompt through a gate that starts at zero, at the identity"
    )
    rank: int = Field(32, gt=0, description="rank of a residual or of low-rank updates")
    bottleneck: int = Field(16, gt=0, description="inner width of side adapters")


class Adapter(nn.Module, ABC):
    """Trainable tensors of the query side; documents never see them."""

    kind: str
    """Under which name it is registered and stored."""

    @abstractmethod
    def adaptation(self) -> Adaptation:
        """The tensors as the encoder takes them, attached to the graph of their parameters."""

    @property
    def num_parameters(self) -> int:
        """Trainable numbers."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @property
    def prompted(self) -> bool:
        """Whether a prompt stands before the text, in an instruction's place."""
        added = self.adaptation()
        return added.prompt is not None and added.gate is None
