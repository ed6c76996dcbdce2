"""Trained biases, all other weights frozen.

Method: BitFit (Ben Zaken et al. 2021, arXiv 2106.10199). A bias of keys shifts all scores of a
query alike and softmax forgets it: those stay frozen. A body without biases trains the gains of its
norms.
"""

from collections.abc import Iterable

import numpy as np
from torch import nn

from pipeline.models.adaptation import Adaptation
from pipeline.models.query_tower import QueryTower
from pipeline.training.adapters.adapter import Adapter, AdapterConfig


class BitFit(Adapter):
    """One tensor for each bias, starting as the encoder's own."""

    kind = "bitfit"
    replaces_weights = True

    def __init__(
        self, tower: QueryTower, config: AdapterConfig, *, rng: np.random.Generator
    ) -> None:
        super().__init__(tower, config, rng=rng)
        weights = tower.named_weights()
        self.names = _biases(weights) or [n for n in weights if n.endswith("norm.weight")]
        own = [nn.Parameter(weights[name].float().clone()) for name in self.names]
        self.tensors = nn.ParameterList(own)

    def adaptation(self) -> Adaptation:
        """The biases under their names."""
        return Adaptation(weights=dict(zip(self.names, self.tensors, strict=True)))


def _biases(names: Iterable[str]) -> list[str]:
    return [
        n for n in names if n.endswith(".bias") and not n.endswith((".key.bias", "k_proj.bias"))
    ]
