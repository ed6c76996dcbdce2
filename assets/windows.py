"""Which venue-years the pools and scores of others look at, and what stands in them.

Belongs here: windows in terms of cells, read once each. Not: pools or scores themselves.
"""

from collections.abc import Collection, Mapping, Sequence
from threading import RLock

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.retriever import vectors_for
from pipeline.staleness import State, cell_windows
from pipeline.tables import Cell
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
    windows = cell_windows(papers, workspace.rule.half_window_days)
    return sorted({w for cell in cells for w in windows.get(cell, ())} | set(cells))


class CellReader:
    """Papers and vectors of venue-years, each read once while windows hold it.

    Threads may share one: one may read ahead while another works on the window before.
    """

    def __init__(self, workspace: Workspace) -> None:
        """Read from the lake of this workspace."""
        self._workspace = workspace
        self._lock = RLock()
        self._papers: dict[Cell, pl.DataFrame] = {}
        self._vectors: dict[Cell, NDArray[np.float32]] = {}

    def only(self, cells: Collection[Cell]) -> None:
        """Forget all other venue-years."""
        with self._lock:
            self._papers = {c: self._papers[c] for c in cells if c in self._papers}
            self._vectors = {c: self._vectors[c] for c in cells if c in self._vectors}

    def papers(self, cells: Sequence[Cell]) -> list[pl.DataFrame]:
        """COLUMNS of the papers of each venue-year, by id."""
        with self._lock:
            if missing := [c for c in cells if c not in self._papers]:
                # Together: opening a small file takes longer than reading it.
                found = self._workspace.lake.read_cells("papers", missing, COLUMNS)
                parts = found.sort("paper_id").partition_by("venue", "year", as_dict=True)
                self._papers |= {c: parts.get(c, found.clear()) for c in missing}
            return [self._papers[cell] for cell in cells]

    def vectors(self, cells: Sequence[Cell]) -> list[NDArray[np.float32]]:
        """Unit vectors of these papers, row by row; all of one width, of empty venue-years too."""
        with self._lock:
            if missing := [c for c in cells if c not in self._vectors]:
                papers = self.papers(missing)
                together = vectors_for(self._workspace, pl.concat(papers))
                ends = np.cumsum([frame.height for frame in papers])
                self._vectors |= dict(zip(missing, np.split(together, ends[:-1]), strict=True))
            found = [self._vectors[cell] for cell in cells]
            # One without papers that was read by itself does not know how wide vectors are.
            width = max((vectors.shape[1] for vectors in found), default=1)
            return [v if v.size else np.zeros((0, width), np.float32) for v in found]
