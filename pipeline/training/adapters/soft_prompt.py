"""Trained vectors in place of an instruction's words.

Method: prompt tuning (Lester et al. 2021, arXiv 2104.08691), from the words of an instruction, so
that it starts as that instruction; with `gate` read through a zero-initialised gate per layer
(LLaMA-Adapter, Zhang et al. 2023, arXiv 2303.16199), so that it starts as the plain query.
"""

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.models.adaptation import Adaptation
from pipeline.models.query_tower import QueryTower
from pipeline.training.adapters.adapter import Adapter, AdapterConfig

NUM_VIRTUAL_TOKENS = 16
"""Length of a prompt that starts from no text and is given none, tokens."""


class SoftPrompt(Adapter):
    """`prompt` [token, hidden], and `gate` [layer] where asked for."""

    kind = "soft_prompt"

    def __init__(
        self, tower: QueryTower, config: AdapterConfig, *, rng: np.random.Generator
    ) -> None:
        super().__init__(tower, config, rng=rng)
        if not config.gate:
            self.instruction = ""  # the prompt stands in its place
        self.prompt = nn.Parameter(initial_vectors(tower, config, rng=rng))
        self.gate = nn.Parameter(torch.zeros(tower.num_layers)) if config.gate else None

    def adaptation(self) -> Adaptation:
        """Prompt and gate."""
        return Adaptation(prompt=self.prompt, gate=self.gate)


def initial_vectors(
    tower: QueryTower, config: AdapterConfig, *, rng: np.random.Generator
) -> Tensor:
    """Vectors [token, hidden] that the configuration says to start from."""
    text = config.initial_text if config.init == "text" else ""
    size = config.num_virtual_tokens or (None if text else NUM_VIRTUAL_TOKENS)
    if config.init == "random":
        return tower.random_prompt(size or NUM_VIRTUAL_TOKENS, rng=rng)
    return tower.initial_prompt(text, size, rng=rng)
