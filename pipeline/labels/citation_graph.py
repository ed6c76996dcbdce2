"""Who cites whom among the papers of a matrix, by row.

Belongs here: the neighbours of one paper in the citation graph. Not: where edges come from
(pipeline/corpus/citations.py) or what is done with neighbours (candidates.py).
Co-citation: two papers are as close as the number of papers that cite both (Small 1973,
"Co-citation in the scientific literature").
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class CitationGraph:
    """Edges among n papers, each once, none to itself; both ways as offsets into sorted rows."""

    n: int
    _cited: Rows
    _cited_offsets: NDArray[np.int64]
    _citing: Rows
    _citing_offsets: NDArray[np.int64]

    @classmethod
    def from_rows(
        cls, citing: NDArray[np.integer], cited: NDArray[np.integer], n: int
    ) -> "CitationGraph":
        """The graph of edges `citing[i]` → `cited[i]`; repeats and self-citations are dropped."""
        inside = (citing >= 0) & (cited >= 0) & (citing != cited)
        key = np.unique(citing[inside].astype(np.int64) * n + cited[inside])
        citing, cited = key // max(n, 1), key % max(n, 1)
        backwards = np.lexsort((citing, cited))
        places = np.arange(n + 1)
        return cls(
            n,
            cited.astype(np.int32),
            np.searchsorted(citing, places),
            citing[backwards].astype(np.int32),
            np.searchsorted(cited[backwards], places),
        )

    @classmethod
    def from_table(cls, citations: pl.DataFrame, paper_ids: pl.Series) -> "CitationGraph":
        """The graph of `citing_paper_id, cited_paper_id`, row i being paper `paper_ids[i]`.

        Edges of papers that are not in `paper_ids` are left out.
        """
        row = pl.DataFrame({"paper_id": paper_ids, "row": np.arange(len(paper_ids))})
        edges = (
            citations.select("citing_paper_id", "cited_paper_id")
            .join(row, left_on="citing_paper_id", right_on="paper_id")
            .join(row, left_on="cited_paper_id", right_on="paper_id", suffix="_cited")
        )
        citing, cited = edges["row"].to_numpy(), edges["row_cited"].to_numpy()
        return cls.from_rows(citing, cited, len(paper_ids))

    def cited(self, row: int) -> Rows:
        """Papers that paper `row` cites, ascending."""
        return self._cited[self._cited_offsets[row] : self._cited_offsets[row + 1]]

    def citing(self, row: int) -> Rows:
        """Papers that cite paper `row`, ascending."""
        return self._citing[self._citing_offsets[row] : self._citing_offsets[row + 1]]

    def co_cited(self, row: int) -> tuple[Rows, NDArray[np.int64]]:
        """Papers cited together with paper `row`, and by how many papers; the most often first.

        Equal numbers by row.
        """
        together = [self.cited(int(citing)) for citing in self.citing(row)]
        others, count = np.unique(np.concatenate([*together, self._cited[:0]]), return_counts=True)
        others, count = others[others != row], count[others != row]
        order = np.argsort(-count, kind="stable")
        return others[order], count[order]
