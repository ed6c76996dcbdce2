"""From a batch of queries to its loss: forward of the queries only, scores against frozen vectors.

Belongs here: assembling what a loss compares. Not: formulas (losses/), optimisation (loop.py), the
forward pass itself (pipeline/models/query_tower.py). A step touches no document's text: documents
are a constant matrix [document, dim], so every one of them can be a negative at the price of one
small product. Imports torch.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.models.adaptation import Adaptation
from pipeline.models.encoding import TokenIds, Vectors, length_batches
from pipeline.training.config import TrainingConfig
from pipeline.training.losses.registry import LOSSES
from pipeline.training.sampling import Batch, SourceShape
from pipeline.training.targets import QuerySource

EncodeQueries = Callable[[Sequence[str]], Vectors]
ENCODE_TOKENS = 4096  # padded tokens per batch without gradients


class Tower(Protocol):
    """The frozen encoder's query side, differentiable in the adaptation's tensors."""

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        ...

    def tokenise(self, texts: Sequence[str]) -> list[TokenIds]:
        """Token ids of each query, without padding."""
        ...

    def forward(self, ids: Sequence[TokenIds], adaptation: Adaptation) -> Tensor:
        """Unit vectors [query, dim], the same whatever a query is batched with."""
        ...


def encode_adapted(tower: Tower, adaptation: Adaptation, texts: Sequence[str]) -> Vectors:
    """float32 unit vectors [text, dim] of queries under `adaptation`, without gradients."""
    ids = tower.tokenise(texts)
    vectors = np.empty((len(texts), tower.dim), np.float32)
    with torch.no_grad():
        for rows in length_batches([len(i) for i in ids], ENCODE_TOKENS):
            vectors[rows] = tower.forward([ids[r] for r in rows], adaptation).float().numpy()
    return vectors


class Objective:
    """The losses of all sources against one frozen matrix of documents."""

    def __init__(
        self,
        tower: Tower,
        documents: NDArray[np.float32],
        sources: Sequence[QuerySource],
        config: TrainingConfig,
        *,
        start: Adaptation,
    ) -> None:
        """Tokenises every query once; `start` is what the anchor holds on to."""
        self._tower, self._sources, self._config = tower, sources, config
        self._documents = torch.from_numpy(np.ascontiguousarray(documents, np.float32))
        self._ids = [tower.tokenise(source.texts) for source in sources]
        self._anchors = [
            torch.from_numpy(encode_adapted(tower, start, source.texts))
            if config.anchor_weight
            else None
            for source in sources
        ]
        self.shapes = [
            SourceShape(source.weight, source.domains, [len(i) for i in ids])
            for source, ids in zip(sources, self._ids, strict=True)
        ]

    def loss(self, batch: Batch, adaptation: Adaptation) -> Tensor:
        """Scalar: the source's loss, and the anchor where it has a weight."""
        source, ids = self._sources[batch.source], self._ids[batch.source]
        vectors = self._tower.forward([ids[r] for r in batch.rows], adaptation).float()
        loss = LOSSES[source.loss]
        student, teacher, keep = {
            "candidate_scores": self._against_candidates,
            "corpus_scores": self._against_corpus,
            "corpus_positives": self._against_positives,
        }[loss.target](source, batch.rows, vectors)
        value = loss.compute(student, teacher, keep, self._config)
        if (anchors := self._anchors[batch.source]) is not None:
            drift = 1 - (vectors * anchors[batch.rows]).sum(1)  # [query]
            value = value + self._config.anchor_weight * drift.mean()
        return value

    def _against_candidates(
        self, source: QuerySource, rows: NDArray[np.int64], vectors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(student, teacher, keep), each [query, c]; only the candidates' vectors are read."""
        candidates = torch.from_numpy(source.candidates[rows].astype(np.int64))
        teacher = torch.from_numpy(source.scores[rows]) / source.scale
        own = torch.from_numpy(source.papers[rows].astype(np.int64))[:, None]
        keep = (candidates >= 0) & (candidates != own) & teacher.isfinite()
        # Padding reads document 0; `keep` drops it.
        student = torch.einsum("qd,qcd->qc", vectors, self._documents[candidates.clamp(min=0)])
        return student, teacher, keep

    def _against_corpus(
        self, source: QuerySource, rows: NDArray[np.int64], vectors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(student, teacher, keep), each [query, document]; the teacher's cosine to all."""
        assert source.teacher_vectors is not None  # check_sources
        teacher = torch.from_numpy(source.teacher_vectors[rows]) @ self._documents.T
        return vectors @ self._documents.T, teacher / source.scale, self._not_own(source, rows)

    def _against_positives(
        self, source: QuerySource, rows: NDArray[np.int64], vectors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(student, positive, keep), each [query, document].

        Positive: the teacher's best candidates. Kept: all documents but the own paper, undecided
        candidates, and those that the teacher puts within `teacher_gap` of the best.
        """
        keep = self._not_own(source, rows)
        candidates = torch.from_numpy(source.candidates[rows].astype(np.int64))
        scores = torch.from_numpy(source.scores[rows]) / source.scale
        scores = scores.masked_fill((candidates < 0) | ~_at(keep, candidates), torch.nan)
        best = scores.nan_to_num(nan=-torch.inf).amax(1, keepdim=True)
        positive = torch.zeros_like(keep)
        _mark(positive, candidates, scores == best, value=True)
        doubtful = (scores != best) & ~(scores < best - self._config.teacher_gap)  # NaN included
        _mark(keep, candidates, doubtful & (candidates >= 0), value=False)
        return vectors @ self._documents.T, positive, keep

    def _not_own(self, source: QuerySource, rows: NDArray[np.int64]) -> Tensor:
        """[query, document], false at the query's own paper."""
        keep = torch.ones(len(rows), len(self._documents), dtype=torch.bool)
        own = source.papers[rows].astype(np.int64)
        keep[np.flatnonzero(own >= 0), own[own >= 0]] = False
        return keep


def _at(mask: Tensor, columns: Tensor) -> Tensor:
    """`mask` [query, document] at `columns` [query, c]; padding reads column 0."""
    return mask.gather(1, columns.clamp(min=0))


def _mark(mask: Tensor, columns: Tensor, where: Tensor, *, value: bool) -> None:
    """Set `mask` [query, document] at `columns` [query, c] where `where` [query, c] is true."""
    query, place = where.nonzero(as_tuple=True)
    mask[query, columns[query, place]] = value
