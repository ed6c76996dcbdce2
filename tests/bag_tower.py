"""A stand-in for the query tower: bags of words, a residual, nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.models.adaptation import Adaptation
from pipeline.models.encoding import TokenIds, Vectors
from pipeline.training.forward import EncodeQueries
from pipeline.training.targets import QuerySource

DIM, WORDS, PAPERS = 12, 40, 60


class BagTower:
    """Unit vectors of word bags; `spoil` may change what a forward with gradients returns."""

    dim = DIM

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.words = torch.from_numpy(rng.standard_normal((WORDS, DIM), dtype=np.float32))
        self.tokenised: list[str] = []
        self.spoil: Callable[[Tensor], Tensor] = lambda vectors: vectors

    def tokenise(
        self, texts: Sequence[str], instruction: str = "", *, prompted: bool = False
    ) -> list[TokenIds]:
        self.tokenised += texts
        return [
            np.array([int(w) for w in f"{instruction} {text}".split()], np.int32) for text in texts
        ]

    def forward(self, batch: Sequence[TokenIds], adaptation: Adaptation) -> Tensor:
        pooled = torch.stack([self.words[torch.from_numpy(ids).long()].mean(0) for ids in batch])
        if adaptation.residual is not None:
            down, up = adaptation.residual
            pooled = pooled + pooled @ down.T @ up.T
        vectors = F.normalize(pooled, dim=1)
        return self.spoil(vectors) if torch.is_grad_enabled() else vectors


class FullResidual(nn.Module):
    """A residual of full rank, zero at the start."""

    instruction, prompted = "", False

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.eye(DIM))
        self.up = nn.Parameter(torch.zeros(DIM, DIM))

    def adaptation(self) -> Adaptation:
        return Adaptation(residual=(self.down, self.up))


@dataclass
class World:
    """Papers whose vectors are their titles' under a hidden map that the residual can learn."""

    tower: BagTower = field(default_factory=BagTower)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(1)
        self.texts = [" ".join(map(str, rng.integers(0, WORDS, 5))) for _ in range(PAPERS)]
        hidden = torch.from_numpy(rng.standard_normal((DIM, DIM)).astype(np.float32))
        adaptation = Adaptation(residual=(torch.eye(DIM), 0.5 * hidden))
        with torch.no_grad():
            vectors = self.tower.forward(self.tower.tokenise(self.texts), adaptation)
        self.documents: Vectors = vectors.numpy()
        self.tower.tokenised.clear()

    def source(self, loss: str = "corpus_kl", **changes: object) -> QuerySource:
        """Titles with the six best and six other papers as candidates."""
        scores = self.documents @ self.documents.T
        order = np.argsort(-scores, axis=1)[:, 1:]
        candidates = np.concatenate([order[:, :6], order[:, 20:26]], 1).astype(np.int32)
        fields = {
            "name": "title",
            "weight": 1.0,
            "loss": loss,
            "texts": self.texts,
            "papers": np.arange(PAPERS, dtype=np.int32),
            "domains": ["cvpr" if i % 3 else "acl" for i in range(PAPERS)],
            "candidates": candidates,
            "scores": np.take_along_axis(scores, candidates, 1),
            "teacher_vectors": self.documents,
        }
        return QuerySource(**fields | changes)  # type: ignore[arg-type]

    def validate(self, encode: EncodeQueries) -> float:
        """Mean cosine of the queries to their papers."""
        return float((encode(self.texts) * self.documents).sum(1).mean())
