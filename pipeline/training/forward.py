"""Queries through the adapted encoder, in parts, one core each.

Belongs here: forward with and without gradients. Not: scores and losses (objective.py), the
encoder itself (pipeline/models/query_tower.py).
Method: gradient caching (Gao et al. 2021, arXiv 2101.06983, section 3): the loss is differentiated
with respect to the vectors of the whole batch, then each part's graph with respect to the
parameters; exact for losses that compare queries with one another. Two threads on one product wait
for the slower after every product: on a busy machine parts of a batch took half as long. Parts do
not depend on the number of cores, so neither does the result. Imports torch.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from pipeline.models.adaptation import Adaptation
from pipeline.models.encoding import TokenIds, Vectors, length_batches

PART = 16  # queries; from 8 to 32 it made no difference
ENCODE_TOKENS = 1024  # padded tokens per part without gradients
EncodeQueries = Callable[[Sequence[str]], Vectors]
T = TypeVar("T")


class Tower(Protocol):
    """The frozen encoder's query side, differentiable in the adaptation's tensors."""

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        ...

    def tokenise(
        self, texts: Sequence[str], instruction: str = "", *, prompted: bool = False
    ) -> list[TokenIds]:
        """Token ids of each query behind `instruction`, without padding."""
        ...

    def forward(self, batch: Sequence[TokenIds], adaptation: Adaptation) -> Tensor:
        """Unit vectors [query, dim], the same whatever a query is batched with."""
        ...


class Adapter(Protocol):
    """Trainable tensors and the adaptation that they make; `copy.deepcopy` copies it."""

    @property
    def instruction(self) -> str:
        """Text read before every query."""
        ...

    @property
    def prompted(self) -> bool:
        """Whether a prompt stands in an instruction's place."""
        ...

    def parameters(self) -> Iterable[Tensor]:
        """The leaf tensors that are trained, always in one order."""
        ...

    def adaptation(self) -> Adaptation:
        """What a query's forward pass takes; differentiable in `parameters`."""
        ...


def encode_adapted(tower: Tower, adapter: Adapter, texts: Sequence[str]) -> Vectors:
    """float32 unit vectors [text, dim] of queries under `adapter`, without gradients."""
    ids = tower.tokenise(texts, adapter.instruction, prompted=adapter.prompted)
    vectors = np.empty((len(texts), tower.dim), np.float32)

    def encode(rows: list[int]) -> Vectors:
        with torch.no_grad():  # of this thread
            part = tower.forward([ids[r] for r in rows], adapter.adaptation())
        return part.float().cpu().numpy()

    parts = list(length_batches([len(i) for i in ids], ENCODE_TOKENS))
    for rows, part in zip(parts, on_cores(encode, parts), strict=True):
        vectors[rows] = part
    return vectors


def forward_parts(tower: Tower, adapter: Adapter, ids: Sequence[TokenIds]) -> list[Tensor]:
    """Unit vectors [query, dim] of consecutive parts of `ids`, each with a graph of its own.

    The adaptation is made anew for every part: shared, its graph could be walked only once.
    """
    on_cpu = all(p.device.type == "cpu" for p in adapter.parameters())
    size = PART if on_cpu else len(ids)
    parts = [ids[i : i + size] for i in range(0, len(ids), size)]
    return on_cores(lambda part: tower.forward(part, adapter.adaptation()).float(), parts)


def backward_parts(
    parts: Sequence[Tensor], slope: Tensor, parameters: Sequence[Tensor]
) -> list[Tensor]:
    """Gradient of each parameter, given the loss's by the vectors of all parts [query, dim]."""

    def backward(part: Tensor, part_slope: Tensor) -> tuple[Tensor | None, ...]:
        if not part.requires_grad:
            return (None,) * len(parameters)
        return torch.autograd.grad(part, parameters, part_slope, allow_unused=True)

    gradients = on_cores(backward, parts, torch.split(slope, [len(part) for part in parts]))
    total = [torch.zeros_like(p) for p in parameters]
    for gradient in gradients:
        for sum_so_far, addend in zip(total, gradient, strict=True):
            if addend is not None:
                sum_so_far += addend
    return total


def on_cores(function: Callable[..., T], *items: Sequence[Any]) -> list[T]:
    """`function` of each item, in order, as many at a time as torch has threads, one each."""
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(function, *items))
    finally:
        # Set in a worker, the number becomes the default of every thread started later.
        torch.set_num_threads(threads)
