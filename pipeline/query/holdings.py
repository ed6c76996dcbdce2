"""What a library has opened: read when it is first asked for, and then kept.

Belongs here: the parts that several questions share, and which paper a name means. Not: the answers
(search.py, scores.py, pools.py, …).
"""

from functools import cached_property
from typing import Any

import polars as pl

from pipeline.query.authors import Authors
from pipeline.query.filters import Allowed, Filters, allowed, held_cells
from pipeline.query.lookup import Titles
from pipeline.query.records import PaperRecords
from pipeline.query.vectors import PaperVectors
from pipeline.tables import Cell
from resources.lake import Lake
from resources.workspace import Workspace

MAX_IN_MEMORY = 400_000  # papers; 0.6 GB at 384 dimensions, 70 ms per question on 2 cores


class Holdings:
    """The parts of one data folder, as they were when each was read first."""

    def __init__(self, workspace: Workspace) -> None:
        """Reads nothing yet."""
        self.workspace = workspace

    @property
    def lake(self) -> Lake:
        """The tables."""
        return self.workspace.lake

    @property
    def config_id(self) -> str:
        """The pool rule and encoder in use."""
        return self.workspace.config_id

    @property
    def catalogue(self) -> pl.DataFrame:
        """Every paper, as PaperRecords tells."""
        return self.records.catalogue

    @cached_property
    def records(self) -> PaperRecords:
        """What is said of papers."""
        return PaperRecords(self.lake, self.config_id)

    @cached_property
    def authors(self) -> Authors:
        """Who wrote what."""
        return Authors(self.lake)

    @cached_property
    def titles(self) -> Titles:
        """Papers by name."""
        return Titles(self.catalogue)

    @cached_property
    def searchable(self) -> bool:
        """Whether any paper has a vector."""
        return bool(self.lake.cells("paper_embeddings"))

    @property
    def in_memory(self) -> bool:
        """Whether all vectors are held in memory; beyond MAX_IN_MEMORY the index is asked."""
        return self.catalogue.height <= MAX_IN_MEMORY

    @property
    def waits_for_vectors(self) -> bool:
        """Whether the next search has to read all vectors first."""
        return self.in_memory and "vectors" not in self.__dict__

    @cached_property
    def vectors(self) -> PaperVectors:
        """The vectors of every paper that has one."""
        return PaperVectors.read(self.lake, self.catalogue, self.workspace.encoder_id)

    def find(self, paper: str) -> dict[str, Any]:
        """The catalogue's row of the paper meant.

        Raises InputError if several are, and NotFoundError, with near names, if none is.
        """
        found = self.titles.find(paper)
        if found is None:
            raise self.titles.unknown(paper, superseded=self._superseded(paper))
        return found

    def cells(self, filters: Filters) -> list[Cell] | None:
        """The venue-years of venue, year and domain, or None for all."""
        return held_cells(filters, self.lake.cells("papers"), self.workspace)

    def allowed(self, filters: Filters) -> Allowed:
        """The papers that pass all filters; NotFoundError, saying which left nothing."""
        return allowed(filters, self.records, self.authors, self.workspace)

    def _superseded(self, paper: str) -> str:
        """Where a known id went that no list in force holds; empty if it was never minted."""
        ids = self.lake.read_all("paper_ids", ["paper_id", "venue", "year"])
        rows = ids.filter(pl.col("paper_id") == paper.strip().lower()).rows()
        return f"{rows[0][1]} {rows[0][2]}" if rows else ""
