"""The one shape in which every source hands over queries.

Belongs here: the shape, its checks, and its restriction to a split. Not: any way of mining.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class MinedQueries:
    """Queries with the documents that answer them; documents are rows of the document matrix.

    name: the source. texts: one per query, never blank. papers [query]: row of the paper the query
    is about, −1 for none; whether its own document may answer is told by `positives` alone, so a
    trainer masks the own document only where it is no positive. positives [query, p]: rows, best
    first, padded with −1, at least one each. lesser_texts: per query a text of the same paper that
    should score lower against the positives, or None.
    """

    name: str
    texts: Sequence[str]
    papers: Rows
    positives: Rows
    lesser_texts: Sequence[str] | None = None

    def __post_init__(self) -> None:
        n = len(self.texts)
        if self.papers.shape != (n,) or self.positives.ndim != 2 or len(self.positives) != n:
            raise InputError(
                f"expected papers ({n},) and positives ({n}, p) for {n} queries of {self.name}, "
                f"received {self.papers.shape} and {self.positives.shape}"
            )
        for texts in (self.texts, self.lesser_texts or self.texts):
            if len(texts) != n or any(not text.strip() for text in texts):
                raise InputError(f"expected {n} texts of {self.name}, none blank; drop such papers")
        if not (self.positives >= 0).any(axis=1).all():
            raise InputError(f"expected a positive for each query of {self.name}; drop the others")

    def __len__(self) -> int:
        return len(self.texts)

    def within(self, keep: NDArray[np.bool_]) -> "MinedQueries":
        """The queries about kept papers and about none, with kept positives only.

        `keep` (paper): a split, or all papers but those of benchmarks. An edge from a kept paper
        to one of the test split would tell half of what the reverse edge is tested for.
        """
        kept = np.where((self.positives >= 0) & keep[self.positives], self.positives, -1)
        kept = np.take_along_axis(kept, np.argsort(kept < 0, axis=1, kind="stable"), axis=1)
        about = (self.papers < 0) | keep[self.papers]
        rows = np.flatnonzero(about & (kept >= 0).any(axis=1))
        width = int((kept[rows] >= 0).sum(axis=1).max(initial=0))
        return self._rows(rows, kept[rows, :width])

    def _rows(self, rows: NDArray[np.int64], positives: Rows) -> "MinedQueries":
        lesser = self.lesser_texts
        return MinedQueries(
            self.name,
            [self.texts[i] for i in rows.tolist()],
            self.papers[rows],
            positives,
            None if lesser is None else [lesser[i] for i in rows.tolist()],
        )


def about_themselves(
    name: str, texts: Sequence[str], papers: Sequence[int], lesser: Sequence[str] | None = None
) -> MinedQueries:
    """Queries each answered by the document of the paper it was made from."""
    rows = np.asarray(papers, dtype=np.int32).reshape(-1)
    return MinedQueries(name, texts, rows, rows[:, None].copy(), lesser)
