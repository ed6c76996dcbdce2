"""What is learnt from: the queries of one source, with what the teacher says of them, as arrays.

Belongs here: the arrays' contract and its check. Not: where queries come from (pipeline/labels) or
the order in which they are read (sampling.py). Cheap to import: no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import TrainingError
from pipeline.training.config import LossName

NEEDS_CANDIDATES = ("bpr", "margin", "margin_mse", "cosent", "listwise_kl", "info_nce")


@dataclass(frozen=True, eq=False)
class QuerySource:
    """Queries of one source; documents are rows of the frozen matrix [document, dim].

    name: of the source, such as `title`.
    weight: passes over its queries per epoch; 0.5 reads half of them.
    loss: name of the loss that its batches take.
    texts: the queries.
    papers: int32 [query], row of the paper that the query is of: no candidate and no negative; −1
        where there is none, or where it is what shall be found.
    domains: of each query.
    candidates: int32 [query, c], rows; −1 where padded.
    scores: float32 [query, c], the teacher's; NaN where padded, or where a candidate is known but
        undecided: it is then neither positive nor negative.
    teacher_vectors: float32 [query, dim], unit: what the teacher would search with, or None.
    scale: the teacher's units per unit of cosine; scores are divided by it.
    """

    name: str
    weight: float
    loss: LossName
    texts: Sequence[str]
    papers: NDArray[np.int32]
    domains: Sequence[str]
    candidates: NDArray[np.int32]
    scores: NDArray[np.float32]
    teacher_vectors: NDArray[np.float32] | None = None
    scale: float = 1.0

    def __len__(self) -> int:
        return len(self.texts)


def check_sources(sources: Sequence[QuerySource], documents: NDArray[np.float32]) -> None:
    """Raise one `TrainingError` that lists everything wrong with `sources`."""
    problems = [p for s in sources for p in _problems(s, *documents.shape)]
    names = [s.name for s in sources]
    if len(set(names)) < len(names):
        problems.append(f"expected one source per name, received {', '.join(names)}; rename one")
    if not any(len(s) and s.weight > 0 for s in sources):
        problems.append("expected queries to learn from, received none; label or mine some first")
    if not np.isfinite(documents).all():
        problems.append("expected finite document vectors, received NaN; encode them anew")
    if problems:
        raise TrainingError("; ".join(problems))


def _problems(source: QuerySource, n: int, dim: int) -> list[str]:
    """Everything wrong with one source for `n` documents of `dim` numbers."""
    q, width = len(source), source.candidates.shape[-1]
    shapes: dict[str, tuple[Any, tuple[int, ...]]] = {
        "papers": (source.papers.shape, (q,)),
        "domains": ((len(source.domains),), (q,)),
        "candidates": (source.candidates.shape, (q, width)),
        "scores": (source.scores.shape, (q, width)),
    }
    if source.teacher_vectors is not None:
        shapes["teacher_vectors"] = (source.teacher_vectors.shape, (q, dim))
    problems = [
        f"expected {name} of source {source.name} in shape {expected}, received {received}"
        for name, (received, expected) in shapes.items()
        if received != expected
    ]
    for name, rows in (("papers", source.papers), ("candidates", source.candidates)):
        if rows.size and (rows.min() < -1 or rows.max() >= n):
            problems.append(
                f"expected {name} of source {source.name} to be rows below {n} or -1, received "
                f"{rows.min()} to {rows.max()}"
            )
    if not (0 <= source.weight < np.inf and 0 < source.scale < np.inf):
        problems.append(
            f"expected a weight of at least 0 and a scale above 0 for source {source.name}, "
            f"received {source.weight} and {source.scale}"
        )
    return problems or _loss_problems(source)


def _loss_problems(source: QuerySource) -> list[str]:
    """What the source's loss needs and does not get."""
    problems = []
    if np.isinf(source.scores).any():
        problems.append(f"expected finite scores in source {source.name}, received infinite ones")
    if source.loss == "corpus_kl" and source.teacher_vectors is None:
        problems.append(
            f"expected teacher vectors for corpus_kl in source {source.name}, received none; use "
            "listwise_kl over its candidates"
        )
    judged = np.isfinite(source.scores) & (source.candidates >= 0)
    if source.loss in NEEDS_CANDIDATES and len(source) and not judged.any():
        problems.append(
            f"expected scored candidates for {source.loss} in source {source.name}, received "
            "none; label them first"
        )
    return problems
