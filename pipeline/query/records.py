"""What is said of a paper in every answer: title, venue, year, citations, score.

Belongs here: paper ids to the columns of the contract, and rows of the pool rule in use. Not: which
papers answer a question (search.py, scores.py, …). Scores are read for the venue-years asked about
only, and kept.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.tables import TNCSI_SP, Cell
from resources.lake import Lake

NOT_SCORED = "not_scored"
"""Status of a paper whose score the next refresh will make; the table has no row for it yet."""

PAPER_COLUMNS = (
    "paper_id", "title", "venue", "year", "cited_by_count",
    "tncsi_sp", "excess_ratio", "n_pool", "status",
)  # fmt: skip
POOL_COLUMNS = (
    "paper_id", "title", "venue", "year", "publication_date", "cited_by_count", "similarity",
)  # fmt: skip
_SCORE_SCHEMA = {name: TNCSI_SP.columns[name].dtype for name in PAPER_COLUMNS[4:]}
_UNKNOWN = (None, None, None, None, NOT_SCORED)

Row = Mapping[str, Any]
"""A row by its columns' names, such as one of the catalogue."""


def cells_of(papers: pl.DataFrame) -> list[Cell]:
    """The venue-years in which rows with `venue` and `year` are, sorted."""
    return papers.select("venue", "year").unique().sort("venue", "year").rows()


def read_in_use(
    lake: Lake,
    table: str,
    config_id: str,
    cells: Collection[Cell] | None = None,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Rows of `tncsi_sp` or `topic_pools` under one pool rule and encoder, of `cells` or of all."""
    held = lake.known_cells(table) if cells is None else cells
    rows = lake.read_cells(table, held, columns and [*columns, "config_id"])
    rows = rows.filter(pl.col("config_id") == config_id)
    return rows.select(columns) if columns else rows


def read_own(lake: Lake, table: str, config_id: str, paper: Row) -> pl.DataFrame:
    """The row of one paper of the catalogue in such a table, or none.

    A file of an older version is read as it is, without the columns that it lacks.
    """
    rows = lake.read(table, (paper["venue"], paper["year"]))
    return rows.filter(paper_id=paper["paper_id"], config_id=config_id)


class PaperRecords:
    """The papers of a lake with the scores of one `config_id`."""

    def __init__(self, lake: Lake, config_id: str) -> None:
        self._lake, self._config_id = lake, config_id
        self._scores: dict[str, tuple[Any, ...]] = {}  # paper_id -> as _SCORE_SCHEMA
        self._cells_read: set[Cell] = set()

    @cached_property
    def catalogue(self) -> pl.DataFrame:
        """Every paper: paper_id, paper_row, title, venue, year, text_hash."""
        columns = ["paper_id", "paper_row", "title", "venue", "year", "text_hash"]
        return self._lake.read_all("papers", columns)

    @cached_property
    def place(self) -> dict[str, int]:
        """Row of each paper in the catalogue."""
        return {paper_id: row for row, paper_id in enumerate(self.catalogue["paper_id"])}

    @cached_property
    def cells(self) -> list[Cell]:
        """Venue-years that hold papers."""
        return self._lake.cells("papers")

    @cached_property
    def _cell_of_row(self) -> tuple[dict[Cell, int], NDArray[np.int64]]:
        """Numbers of the venue-years, and that of every paper of the catalogue."""
        # Numbers of venues, then of venue-years: texts would take a hundred times as long.
        venues = self.catalogue["venue"].cast(pl.Categorical).to_physical().to_numpy()
        places = venues.astype(np.int64) * 10_000 + self.catalogue["year"].to_numpy()
        _, firsts, numbers = np.unique(places, return_index=True, return_inverse=True)
        held = self.catalogue[firsts.tolist()].select("venue", "year").rows()
        return {(v, y): number for number, (v, y) in enumerate(held)}, numbers

    def within(self, cells: Collection[Cell]) -> NDArray[np.bool_]:
        """Whether each paper of the catalogue is of one of `cells`."""
        number_of, numbers = self._cell_of_row
        wanted = np.zeros(len(number_of), bool)
        wanted[[number_of[cell] for cell in cells if cell in number_of]] = True
        return wanted[numbers]

    def among(self, paper_ids: Iterable[str]) -> NDArray[np.bool_]:
        """Whether each paper of the catalogue is one of `paper_ids`."""
        wanted = np.zeros(self.catalogue.height, bool)
        wanted[[self.place[i] for i in paper_ids if i in self.place]] = True
        return wanted

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """`tncsi_sp` of every paper of the catalogue, in its order; NaN where there is none."""
        columns = ["paper_id", "tncsi_sp"]
        mine = read_in_use(self._lake, "tncsi_sp", self._config_id, columns=columns)
        rows = self.catalogue.select("paper_id").join(
            mine, on="paper_id", how="left", maintain_order="left"
        )
        return rows["tncsi_sp"].fill_null(np.nan).to_numpy()

    def describe(self, found: pl.DataFrame, *extra: str) -> pl.DataFrame:
        """`found` in its order, with title, venue, year and impact of each `paper_id`."""
        # Plain rows: a handful of joins over ten rows costs more than the whole search.
        places = [self.place[paper_id] for paper_id in found["paper_id"]]
        papers = self.catalogue[places].select(PAPER_COLUMNS[:4])
        self._read_scores(cells_of(papers))
        scores = [self._scores.get(paper_id, _UNKNOWN) for paper_id in papers["paper_id"]]
        impact = pl.DataFrame(scores, schema=_SCORE_SCHEMA, orient="row")
        return pl.concat([papers, impact, found.select(extra)], how="horizontal")

    def _read_scores(self, cells: Collection[Cell]) -> None:
        """Fill `_scores` with the papers of `cells`, each cell read once."""
        missing = sorted(set(cells) - self._cells_read)
        if not missing:
            return
        columns = ["paper_id", *_SCORE_SCHEMA]
        scores = read_in_use(self._lake, "tncsi_sp", self._config_id, missing, columns)
        # A count may be known before its score is: show it, under the status `not_scored`.
        counts = self.counts(missing).join(scores, on="paper_id", how="anti")
        unscored = counts.with_columns(status=pl.lit(NOT_SCORED))
        for paper_id, *row in pl.concat([scores, unscored], how="diagonal").iter_rows():
            self._scores[paper_id] = tuple(row)
        self._cells_read.update(missing)

    def counts(self, cells: Collection[Cell], sources: Collection[str] = ()) -> pl.DataFrame:
        """One `cited_by_count` per `paper_id` of `cells`, from `sources` if any are named."""
        columns = ["paper_id", "cited_by_count", "citation_source"]
        counts = self._lake.read_cells("citation_counts", cells, columns)
        if sources:
            counts = counts.filter(pl.col("citation_source").is_in(list(sources)))
        return counts.sort("citation_source").unique("paper_id", keep="first").select(columns[:2])
