"""What is said of a paper in every answer: title, venue, year, citations, score.

Belongs here: paper ids to the columns of the contract. Not: which papers answer a question
(library.py). Scores are read for the venue-years asked about only, and kept.
"""

from collections.abc import Collection
from functools import cached_property
from typing import Any

import polars as pl

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

    def describe(self, found: pl.DataFrame, *extra: str) -> pl.DataFrame:
        """`found` in its order, with title, venue, year and impact of each `paper_id`."""
        # Plain rows: a handful of joins over ten rows costs more than the whole search.
        places = [self.place[paper_id] for paper_id in found["paper_id"]]
        papers = self.catalogue[places].select(PAPER_COLUMNS[:4])
        self._read_scores({(venue, year) for venue, year in papers.select("venue", "year").rows()})
        scores = [self._scores.get(paper_id, _UNKNOWN) for paper_id in papers["paper_id"]]
        impact = pl.DataFrame(scores, schema=_SCORE_SCHEMA, orient="row")
        return pl.concat([papers, impact, found.select(extra)], how="horizontal")

    def _read_scores(self, cells: Collection[Cell]) -> None:
        """Fill `_scores` with the papers of `cells`, each cell read once."""
        missing = sorted(set(cells) - self._cells_read)
        if not missing:
            return
        columns = ["paper_id", *_SCORE_SCHEMA]
        scores = self._lake.read_cells("tncsi_sp", missing, [*columns, "config_id"])
        scores = scores.filter(pl.col("config_id") == self._config_id).select(columns)
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
