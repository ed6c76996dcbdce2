"""From a batch of queries to its loss and gradient, against frozen vectors of documents.

Belongs here: assembling what a loss compares. Not: formulas (losses/), optimisation (loop.py), the
forward pass (forward.py). A step touches no document's text: documents are a constant matrix
[document, dim], so every one of them can be a negative at the price of one small product. Imports
torch.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.training.config import TrainingConfig
from pipeline.training.forward import (
    Adapter,
    Tower,
    backward_parts,
    encode_adapted,
    forward_parts,
)
from pipeline.training.losses.registry import LOSSES, Target
from pipeline.training.sampling import Batch, SourceShape
from pipeline.training.targets import QuerySource

Comparison = tuple[Tensor, Tensor, Tensor]
"""(student, teacher, keep), each [query, c] or [query, document]."""


class Objective:
    """The losses of all sources against one frozen matrix of documents, for one adapter."""

    def __init__(
        self,
        tower: Tower,
        adapter: Adapter,
        documents: NDArray[np.float32],
        sources: Sequence[QuerySource],
        config: TrainingConfig,
    ) -> None:
        """Tokenises every query once; the anchor holds on to the vectors of `adapter` as it is."""
        self._tower, self._adapter = tower, adapter
        self._sources, self._config = sources, config
        self._parameters = list(adapter.parameters())
        self._device = self._parameters[0].device
        self._documents = self._tensor(np.ascontiguousarray(documents, np.float32))
        self._ids = [
            tower.tokenise(source.texts, adapter.instruction, prompted=adapter.prompted)
            for source in sources
        ]
        self._anchors = [
            self._tensor(encode_adapted(tower, adapter, source.texts))
            for source in sources
            if config.anchor_weight
        ]
        self.shapes = [
            SourceShape(source.weight, source.domains, [len(i) for i in ids])
            for source, ids in zip(sources, self._ids, strict=True)
        ]

    def loss_and_gradient(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """The scalar loss of a batch and its gradient by each of the adapter's parameters."""
        ids = [self._ids[batch.source][r] for r in batch.rows]
        parts = forward_parts(self._tower, self._adapter, ids)
        vectors = torch.cat([part.detach() for part in parts]).requires_grad_()
        loss = self.loss(batch, vectors)
        (slope,) = torch.autograd.grad(loss, vectors)
        return loss.detach(), backward_parts(parts, slope, self._parameters)

    def loss(self, batch: Batch, vectors: Tensor) -> Tensor:
        """Scalar loss of unit vectors [query, dim]: the source's, and the anchor if weighted."""
        source = self._sources[batch.source]
        assemble: dict[Target, Callable[..., Comparison]] = {
            "candidate_scores": self._against_candidates,
            "corpus_scores": self._against_corpus,
            "corpus_positives": self._against_positives,
        }
        loss = LOSSES[source.loss]
        value = loss.compute(*assemble[loss.target](source, batch.rows, vectors), self._config)
        if self._anchors:
            drift = 1 - (vectors * self._anchors[batch.source][batch.rows]).sum(1)  # [query]
            value = value + self._config.anchor_weight * drift.mean()
        return value

    def _against_candidates(
        self, source: QuerySource, rows: NDArray[np.int64], vectors: Tensor
    ) -> Comparison:
        """Scores [query, c]; only the candidates' vectors are read."""
        candidates = self._tensor(source.candidates[rows].astype(np.int64))
        teacher = self._tensor(source.scores[rows]) / source.scale
        own = self._tensor(source.papers[rows].astype(np.int64))[:, None]
        keep = (candidates >= 0) & (candidates != own) & teacher.isfinite()
        # Padding reads document 0; `keep` drops it.
        student = torch.einsum("qd,qcd->qc", vectors, self._documents[candidates.clamp(min=0)])
        return student, teacher, keep

    def _against_corpus(
        self, source: QuerySource, rows: NDArray[np.int64], vectors: Tensor
    ) -> Comparison:
        """Scores [query, document]: the teacher's are its vectors' cosines."""
        assert source.teacher_vectors is not None  # check_sources
        teacher = self._tensor(source.teacher_vectors[rows]) @ self._documents.T
        return vectors @ self._documents.T, teacher, self._not_own(source, rows)

    def _against_positives(
        self, source: QuerySource, rows: NDArray[np.int64], vectors: Tensor
    ) -> Comparison:
        """Scores, positives and what is kept, [query, document].

        Positive: the teacher's best candidates. Kept: all documents but the own paper, undecided
        candidates, and those that the teacher puts within `teacher_gap` of the best.
        """
        keep = self._not_own(source, rows)
        candidates = self._tensor(source.candidates[rows].astype(np.int64))
        scores = self._tensor(source.scores[rows]) / source.scale
        usable = (candidates >= 0) & keep.gather(1, candidates.clamp(min=0))
        scores = scores.masked_fill(~usable, torch.nan)
        best = scores.nan_to_num(nan=-torch.inf).amax(1, keepdim=True)
        sure_negative = scores < best - self._config.teacher_gap  # NaN: no
        positive = torch.zeros_like(keep)
        _mark(positive, candidates, scores == best, value=True)
        _mark(keep, candidates, (candidates >= 0) & (scores != best) & ~sure_negative, value=False)
        return vectors @ self._documents.T, positive, keep

    def _not_own(self, source: QuerySource, rows: NDArray[np.int64]) -> Tensor:
        """[query, document], false at the query's own paper."""
        keep = np.ones((len(rows), len(self._documents)), np.bool_)
        own = source.papers[rows]
        keep[np.flatnonzero(own >= 0), own[own >= 0]] = False
        return self._tensor(keep)

    def _tensor(self, array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(array).to(self._device)


def _mark(mask: Tensor, columns: Tensor, where: Tensor, *, value: bool) -> None:
    """Set `mask` [query, document] at `columns` [query, c] where `where` [query, c] is true."""
    query, place = where.nonzero(as_tuple=True)
    mask[query, columns[query, place]] = value
