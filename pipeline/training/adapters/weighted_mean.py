"""A trained weight for each position, in place of the encoder's pooling.

Method: the position-weighted mean of SGPT (Muennighoff 2022, arXiv 2202.08904), learnt rather than
set, from the encoder's own pooling.
"""

import numpy as np
from torch import nn

from pipeline.models.adaptation import Adaptation
from pipeline.models.query_tower import QueryTower
from pipeline.training.adapters.adapter import Adapter, AdapterConfig


class WeightedMean(Adapter):
    """`weights` [position]."""

    kind = "weighted_mean"

    def __init__(
        self, tower: QueryTower, config: AdapterConfig, *, rng: np.random.Generator
    ) -> None:
        super().__init__(tower, config, rng=rng)
        self.weights = nn.Parameter(tower.initial_pooling())

    def adaptation(self) -> Adaptation:
        """The weights."""
        return Adaptation(pooling=self.weights)
