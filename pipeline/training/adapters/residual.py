"""A low-rank correction of the pooled query vector, before it is normalised.

Method: v + up·down·v, `up` zero, as in LoRA (Hu et al. 2021, arXiv 2106.09685) but on the encoder's
output: it starts at the identity, and training needs no gradient through the encoder.
"""

import numpy as np
import torch
from torch import nn

from pipeline.models.adaptation import Adaptation
from pipeline.models.query_tower import QueryTower
from pipeline.training.adapters.adapter import Adapter, AdapterConfig, projection


class Residual(Adapter):
    """`down` [rank, dim], Gaussian, and `up` [dim, rank], zero."""

    kind = "residual"

    def __init__(
        self, tower: QueryTower, config: AdapterConfig, *, rng: np.random.Generator
    ) -> None:
        super().__init__(tower, config, rng=rng)
        self.down = nn.Parameter(projection(config.rank, tower.dim, rng=rng))
        self.up = nn.Parameter(torch.zeros(tower.dim, config.rank))

    def adaptation(self) -> Adaptation:
        """The residual."""
        return Adaptation(residual=(self.down, self.up))
