"""Which venue-years the pools and scores of others look at, and what stands in them.

Belongs here: windows in terms of cells, read once each. Not: pools or scores themselves.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.retriever import vectors_for
from pipeline.staleness import State, cells_in_window
from pipeline.tables import PAPERS, Cell
from resources.lake import read_frame
from resources.workspace import Workspace

COLUMNS = (
    *("paper_id", "paper_row", "venue", "year"),
    *("publication_date", "in_pools", "text_hash"),
)


def by_year(cells: Collection[Cell]) -> Mapping[int, list[Cell]]:
    """The cells of each year, in the order given."""
    years: dict[int, list[Cell]] = {}
    for cell in cells:
        years.setdefault(cell[1], []).append(cell)
    return years


def window_of(
    workspace: Workspace, cells: Collection[Cell], papers: Mapping[Cell | None, State]
) -> list[Cell]:
    """The cells themselves and all that hold papers within the window of theirs, sorted."""
    half = workspace.rule.half_window_days
    reached = {w for c in cells if c in papers for w in cells_in_window(papers, papers[c], half)}
    return sorted(reached | set(cells))


class CellReader:
    """Papers and vectors of venue-years, each read once while windows hold it."""

    def __init__(self, workspace: Workspace) -> None:
        """Read from the lake of this workspace."""
        self._workspace = workspace
        self._papers: dict[Cell, pl.DataFrame] = {}
        self._vectors: dict[Cell, NDArray[np.float32]] = {}

    def only(self, cells: Collection[Cell]) -> None:
        """Forget all other venue-years."""
        self._papers = {c: self._papers[c] for c in cells if c in self._papers}
        self._vectors = {c: self._vectors[c] for c in cells if c in self._vectors}

    def papers(self, cell: Cell) -> pl.DataFrame:
        """COLUMNS of the papers of a venue-year."""
        if cell not in self._papers:
            frame = read_frame(self._workspace.lake.path("papers", cell), COLUMNS)
            self._papers[cell] = PAPERS.empty().select(COLUMNS) if frame is None else frame
        return self._papers[cell]

    def vectors(self, cell: Cell) -> NDArray[np.float32]:
        """Unit vectors of these papers, row by row."""
        if cell not in self._vectors:
            self._vectors[cell] = vectors_for(self._workspace, self.papers(cell))
        return self._vectors[cell]

    def all_vectors(self, cells: Sequence[Cell]) -> NDArray[np.float32]:
        """Unit vectors of the papers of several venue-years, one after the other."""
        parts = [self.vectors(cell) for cell in cells]
        filled = [part for part in parts if len(part)]
        return np.concatenate(filled) if filled else np.zeros((0, 1), np.float32)
