"""What every trainable query side has in common, and what can be chosen about it.

Belongs here: the base class of adapters and their configuration. Not: the adapters, one file each,
nor how tensors act in the forward pass (pipeline/models/adaptation.py).

This module imports torch.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from pipeline.errors import TrainingError
from pipeline.models.adaptation import Adaptation
from pipeline.models.query_tower import QueryTower


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
    instruction: str = Field(
        "", description="text read before every query, by kinds without a prompt in its place"
    )
    rank: int = Field(32, gt=0, description="rank of a residual or of low-rank updates")
    bottleneck: int = Field(16, gt=0, description="inner width of side adapters")


class Adapter(nn.Module, ABC):
    """Trainable tensors of the query side; documents never see them.

    `instruction`: text to put before every query (`QueryTower.tokenise`), training and serving.
    """

    kind: ClassVar[str]
    """Under which name it is registered and stored."""

    replaces_weights: ClassVar[bool] = False
    """Whether it takes the place of weights, and so wants a float32 body."""

    def __init__(
        self, tower: QueryTower, config: AdapterConfig, *, rng: np.random.Generator
    ) -> None:
        """Where the configuration says to start, what is random drawn from `rng`."""
        super().__init__()
        self.instruction = config.instruction
        # A small change of a bfloat16 weight is rounded back to the weight: nothing would train.
        if self.replaces_weights and tower.dtype != torch.float32:
            raise TrainingError(
                f"expected a float32 encoder for {self.kind}, received {tower.dtype}; load it so"
            )

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


def projection(rows: int, columns: int, *, rng: np.random.Generator) -> Tensor:
    """Gaussian matrix whose rows have length 1 or so; its zero partner sets the size of the sum."""
    drawn = rng.standard_normal((rows, columns), dtype=np.float32)
    return torch.from_numpy(drawn / np.sqrt(columns, dtype=np.float32))
