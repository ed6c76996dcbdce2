"""What a reranker is: pairs of texts in, raw scores out, and who said so.

Belongs here: the contract every teacher keeps. Not: the teachers themselves, nor batching of pairs
(pipeline/labels/scoring.py).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]  # [document]


@dataclass(frozen=True)
class PairGroup:
    """One query and the documents to score against it; shared work is done once per group.

    `last`: texts of this group that no later group holds. A teacher that keeps states of texts
    need not keep theirs.
    """

    query: str
    documents: Sequence[str]
    last: Collection[str] = ()


@dataclass(frozen=True)
class TeacherIdentity:
    """Who scored: scores of two identities are never mixed.

    `revision`: first 8 hex digits of the weights' SHA-256; `template_hash`: of the exact template
    and token limits, "" where there is none; `dtype`: number format of the body.
    """

    name: str
    revision: str
    template_hash: str
    dtype: str

    @property
    def teacher_id(self) -> str:
        """One string of all of it, under which scores are stored."""
        return "/".join(p for p in (self.name, self.revision, self.template_hash, self.dtype) if p)


class Reranker(Protocol):
    """A teacher. Larger scores mean more relevant; the scale is the teacher's own (log-odds of
    Qwen3-Reranker, logits of cross-encoders, mean maximal cosine of late interaction)."""

    @property
    def identity(self) -> TeacherIdentity:
        """Who scores."""
        ...

    def score_groups(self, groups: Iterable[PairGroup]) -> Iterator[Scores]:
        """float32 scores of each group's documents, group by group, in order.

        NaN where the model gave none: the caller quarantines such a pair.
        """
        ...
