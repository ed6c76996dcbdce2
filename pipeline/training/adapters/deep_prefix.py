"""Trained keys and values for every layer.

Method: P-tuning v2 (Liu et al. 2021, arXiv 2110.07602), prefix-tuning (Li and Liang 2021, arXiv
2101.00190). They start as an instruction's own keys and values, read through a zero-initialised
gate (LLaMA-Adapter, Zhang et al. 2023, arXiv 2303.16199): without one a prefix takes attention away
from the text, whatever it holds, and nothing it could start from is the plain query.
"""

import numpy as np
import torch
from torch import nn

from pipeline.models.adaptation import Adaptation
from pipeline.models.query_tower import QueryTower
from pipeline.training.adapters.adapter import Adapter, AdapterConfig
from pipeline.training.adapters.soft_prompt import initial_vectors


class DeepPrefix(Adapter):
    """`prefix` [layer, 2, token, width of keys] and `gate` [layer]."""

    kind = "deep_prefix"

    def __init__(
        self, tower: QueryTower, config: AdapterConfig, *, rng: np.random.Generator
    ) -> None:
        super().__init__(tower, config, rng=rng)
        prompt = initial_vectors(tower, config, rng=rng)
        self.prefix = nn.Parameter(tower.initial_prefix(prompt))
        self.gate = nn.Parameter(torch.zeros(tower.num_layers))

    def adaptation(self) -> Adaptation:
        """Prefix and gate."""
        return Adaptation(prefix=self.prefix, gate=self.gate)
