"""A soft prompt and a residual, trained together: before the encoder and behind it."""

import dataclasses

import numpy as np

from pipeline.models.adaptation import Adaptation
from pipeline.models.query_tower import QueryTower
from pipeline.training.adapters.adapter import Adapter, AdapterConfig
from pipeline.training.adapters.residual import Residual
from pipeline.training.adapters.soft_prompt import SoftPrompt


class PromptWithResidual(Adapter):
    """Both, as two modules."""

    kind = "prompt_with_residual"

    def __init__(
        self, tower: QueryTower, config: AdapterConfig, *, rng: np.random.Generator
    ) -> None:
        super().__init__(tower, config, rng=rng)
        self.prompt = SoftPrompt(tower, config, rng=rng)
        self.residual = Residual(tower, config, rng=rng)
        self.instruction = self.prompt.instruction

    def adaptation(self) -> Adaptation:
        """Prompt, gate and residual."""
        residual = self.residual.adaptation().residual
        return dataclasses.replace(self.prompt.adaptation(), residual=residual)
