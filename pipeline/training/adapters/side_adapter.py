"""A small network beside every feed-forward block.

Method: the scaled parallel adapter of He et al. 2021 (arXiv 2110.04366), up·relu(down·x), `up`
zero; as the inner adaptors of IAA (arXiv 2408.12902) it leaves the frozen model as it is.
"""

import numpy as np
import torch
from torch import nn

from pipeline.models.adaptation import Adaptation
from pipeline.models.query_tower import QueryTower
from pipeline.training.adapters.adapter import Adapter, AdapterConfig, projection


class SideAdapter(Adapter):
    """For each layer `down` [bottleneck, hidden], Gaussian, and `up` [hidden, bottleneck], zero."""

    kind = "side_adapter"

    def __init__(
        self, tower: QueryTower, config: AdapterConfig, *, rng: np.random.Generator
    ) -> None:
        super().__init__(tower, config, rng=rng)
        hidden, inner, layers = tower.hidden_size, config.bottleneck, range(tower.num_layers)
        self.downs = nn.ParameterList(
            nn.Parameter(projection(inner, hidden, rng=rng)) for _ in layers
        )
        self.ups = nn.ParameterList(nn.Parameter(torch.zeros(hidden, inner)) for _ in layers)

    def adaptation(self) -> Adaptation:
        """One pair for each layer."""
        return Adaptation(side=list(zip(self.downs, self.ups, strict=True)))
