"""Low-rank updates of the query and value matrices of every layer.

Method: LoRA (Hu et al. 2021, arXiv 2106.09685): W + up·down, `up` zero.
"""

import numpy as np
import torch
from torch import nn

from pipeline.models.adaptation import Adaptation
from pipeline.models.query_tower import QueryTower
from pipeline.training.adapters.adapter import Adapter, AdapterConfig, projection

MATRICES = ("query.weight", "value.weight", "q_proj.weight", "v_proj.weight")


class LowRank(Adapter):
    """For each matrix W [out, in]: `down` [rank, in], Gaussian, and `up` [out, rank], zero."""

    kind = "low_rank"
    replaces_weights = True

    def __init__(
        self, tower: QueryTower, config: AdapterConfig, *, rng: np.random.Generator
    ) -> None:
        super().__init__(tower, config, rng=rng)
        weights = tower.named_weights()
        self.frozen = {n: w for n, w in weights.items() if n.endswith(MATRICES)}
        shapes = [w.shape for w in self.frozen.values()]
        downs = [projection(config.rank, columns, rng=rng) for _, columns in shapes]
        self.downs = nn.ParameterList(nn.Parameter(down) for down in downs)
        self.ups = nn.ParameterList(nn.Parameter(torch.zeros(r, config.rank)) for r, _ in shapes)

    def adaptation(self) -> Adaptation:
        """The matrices with their updates, under their names."""
        parts = zip(self.frozen.items(), self.ups, self.downs, strict=True)
        return Adaptation(weights={name: w + up @ down for (name, w), up, down in parts})
