"""Search, neighbours, impact and accounts of one data folder, as polars frames.

Belongs here: which rows an answer is made of. Not: how a paper is found by name (lookup.py),
nearest vectors (vectors.py), accounts (status.py), SQL (sql.py) or how an answer is printed
(pipeline/cli).

A Library is a snapshot: what it has read once it keeps, so that the next question costs
milliseconds. After a refresh, open another.
"""

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError, NotFoundError, StorageError
from pipeline.query.lookup import Titles
from pipeline.query.sql import run_sql
from pipeline.query.status import read_status
from pipeline.query.vectors import PaperVectors, nearest_indexed
from pipeline.retrieval import quantise
from pipeline.settings import DataDir
from pipeline.tables import Cell
from resources.workspace import open_workspace

NOT_SCORED = "not_scored"
"""Status of a paper whose score the next refresh will make; the table has no row for it yet."""

MAX_IN_MEMORY = 400_000  # papers; 0.6 GB at 384 dimensions, 70 ms per question on 2 cores

PAPER_COLUMNS = (
    "paper_id", "title", "venue", "year", "cited_by_count",
    "tncsi_sp", "excess_ratio", "n_pool", "status",
)  # fmt: skip
POOL_COLUMNS = ("paper_id", "title", "year", "cited_by_count", "similarity")
_SCORES = ("paper_id", "venue", "year", *PAPER_COLUMNS[4:])


class Library:
    """The papers of a data folder, by default that of `CSIMPACT_DATA`.

    `paper` arguments take a paper id, an unambiguous beginning of one (6 characters or more), or
    an exact title, whose case, accents and punctuation do not matter.

    Example:
        >>> Library().search("graph neural networks", k=5, year=2023)
    """

    def __init__(self, data: DataDir | None = None) -> None:
        """Opens, and reads nothing yet; raises NotFoundError if there is no such folder."""
        self._workspace = open_workspace(data)
        root = self._workspace.data.root
        if not root.is_dir():
            raise NotFoundError(f"expected a data folder at {root}, found none: name it by --data")
        self._lake = self._workspace.lake
        self._impact_of_cell: dict[Cell, pl.DataFrame] = {}

    def search(
        self, text: str, k: int = 10, venue: str | None = None, year: int | None = None
    ) -> pl.DataFrame:
        """The `k` papers nearest in meaning to `text`, best first, with their `score` (cosine).

        Exact: one product with every vector held. Measured over 72,000 papers in EXPERIMENTS.md.
        """
        _check_k(k)
        if not text.strip():
            raise InputError("expected a text to search for, received none")
        cells = self._cells(venue, year)
        if not self._lake.cells("paper_embeddings"):  # before the encoder is loaded in vain
            raise StorageError("nothing can be searched yet: `csimpact import`, then `refresh`")
        with ThreadPoolExecutor(1) as beside:  # the first time both take a second or two
            vectors = beside.submit(lambda: self._vectors if self._in_memory else None)
            query = self._encode(text)
            held = vectors.result()
        return self._described(self._nearest(query, k, cells, held), "score")

    def similar(self, paper: str, k: int = 10) -> pl.DataFrame:
        """The `k` papers nearest to `paper`'s own vector, of any venue and year, itself excluded.

        The columns of `search`, nearest first.
        """
        _check_k(k)
        paper_id = self._find(paper)["paper_id"]
        held = self._vectors if self._in_memory else None
        own = held.of([paper_id])[0] if held else self._workspace.vectors.vector_of(paper_id)
        if own is None:
            raise NotFoundError(f"{paper_id} has no vector yet: run `csimpact refresh`")
        found = self._nearest(own, k + 1, None, held)
        return self._described(found.filter(pl.col("paper_id") != paper_id).head(k), "score")

    def impact(self, paper: str) -> pl.DataFrame:
        """One row: the paper's citations, score, pool size and status."""
        return self._described(pl.DataFrame({"paper_id": [self._find(paper)["paper_id"]]}))

    def pool(self, paper: str) -> pl.DataFrame:
        """The papers that `paper` was measured against, the most similar first.

        `paper_id, title, year, cited_by_count, similarity`. Counts come from the source the
        score was counted from, null where it does not know; similarity is the exact cosine of
        the quantised vectors the pool was chosen by, null for a member whose text has since
        changed and has no vector yet.
        """
        found = self._find(paper)
        cell = (found["venue"], found["year"])
        own = (pl.col("paper_id") == found["paper_id"]) & (
            pl.col("config_id") == self._workspace.config_id
        )
        pools = self._lake.read("topic_pools", cell).filter(own)
        rows = pools["members"].explode(empty_as_null=False, keep_nulls=False)
        members = self._catalogue.filter(pl.col("paper_row").is_in(rows.implode()))
        source = self._lake.read("tncsi_sp", cell).filter(own)["citation_source"].drop_nulls()
        counts = self._counts(_cells_of(members), source.to_list())
        return (
            members.join(counts, on="paper_id", how="left")
            .with_columns(similarity=self._similarities(found["paper_id"], members["paper_id"]))
            .sort(["similarity", "paper_id"], descending=[True, False], nulls_last=True)
            .select(POOL_COLUMNS)
        )

    def top(self, venue: str | None = None, year: int | None = None, k: int = 20) -> pl.DataFrame:
        """The `k` scored papers of highest `excess_ratio`; the score saturates, it does not."""
        _check_k(k)
        cells = self._cells(venue, year)
        scores = self._scores(self._lake.cells("tncsi_sp") if cells is None else cells)
        best = scores.filter(pl.col("excess_ratio").is_not_null()).sort(
            ["excess_ratio", "paper_id"], descending=[True, False]
        )
        return self._described(best.select("paper_id").head(k))

    def status(self) -> tuple[dict[str, int], pl.DataFrame]:
        """(totals, one row per venue-year): where every record went, and what is stale and why."""
        return read_status(self._workspace)

    def sql(self, query: str) -> pl.DataFrame:
        """The answer of one reading SQL statement (DuckDB) over the tables of the lake."""
        return run_sql(self._workspace.lake, query)

    @cached_property
    def _catalogue(self) -> pl.DataFrame:
        """Every paper: paper_id, paper_row, title, venue, year, text_hash."""
        columns = ["paper_id", "paper_row", "title", "venue", "year", "text_hash"]
        return self._lake.read_all("papers", columns)

    @cached_property
    def _titles(self) -> Titles:
        return Titles(self._catalogue)

    @property
    def papers_without_vector(self) -> int:
        """Papers that no search can find yet, because the next refresh will encode them."""
        return self._catalogue.height - self._vectors.paper_ids.len() if self._in_memory else 0

    @property
    def _in_memory(self) -> bool:
        return self._catalogue.height <= MAX_IN_MEMORY

    @cached_property
    def _vectors(self) -> PaperVectors:
        return PaperVectors.read(self._lake, self._catalogue, self._workspace.encoder_id)

    def _encode(self, text: str) -> NDArray[np.float32]:
        import torch

        encoder, threads = self._workspace.encoder, torch.get_num_threads()
        # One short text gains nothing from a second thread, and on a busy machine waits for it
        # at every layer: 6 ms became 390.
        torch.set_num_threads(1)
        try:
            return encoder.encode_queries([text])[0]
        finally:
            torch.set_num_threads(threads)

    def _nearest(
        self,
        query: NDArray[np.float32],
        k: int,
        cells: Collection[Cell] | None,
        held: PaperVectors | None,
    ) -> pl.DataFrame:
        """`paper_id` and `score` of the nearest papers, by the index where none are held."""
        if held is not None:
            return held.nearest(query, k, cells)
        return nearest_indexed(self._workspace.vectors, query, k, cells)

    def _find(self, paper: str) -> dict[str, Any]:
        found = self._titles.find(paper)
        if found is None:
            raise self._titles.unknown(paper, superseded=self._superseded(paper))
        return found

    def _superseded(self, paper: str) -> str:
        """Where a known id went that no list in force holds; empty if it was never minted."""
        ids = self._lake.read_all("paper_ids", ["paper_id", "venue", "year"])
        rows = ids.filter(pl.col("paper_id") == paper.strip().lower()).rows()
        return f"{rows[0][1]} {rows[0][2]}" if rows else ""

    def _cells(self, venue: str | None, year: int | None) -> list[Cell] | None:
        """The venue-years meant, or None for all; raises NotFoundError if none is held."""
        if venue is None and year is None:
            return None
        slug = self._workspace.venues.resolve(venue) if venue is not None else None
        held = self._lake.cells("papers")
        cells = [c for c in held if slug in (None, c[0]) and year in (None, c[1])]
        if not cells:
            years = sorted({y for v, y in held if slug in (None, v)})
            span = f"{years[0]} to {years[-1]}" if years else "none"
            asked = " ".join(str(part) for part in (slug, year) if part is not None)
            raise NotFoundError(f"no papers of {asked}; years held: {span}")
        return cells

    def _described(self, found: pl.DataFrame, *extra: str) -> pl.DataFrame:
        """`found` in its order, with title, venue, year and impact of each `paper_id`."""
        known = found.join(self._catalogue, on="paper_id", how="inner", maintain_order="left")
        scores = self._scores(_cells_of(known)).drop("venue", "year")
        joined = known.join(scores, on="paper_id", how="left", maintain_order="left")
        status = pl.col("status").fill_null(NOT_SCORED)
        return joined.with_columns(status).select(*PAPER_COLUMNS, *extra)

    def _scores(self, cells: Iterable[Cell]) -> pl.DataFrame:
        """Scores and counts of the papers of `cells`, read once per cell."""
        wanted = list(cells)
        if missing := [cell for cell in wanted if cell not in self._impact_of_cell]:
            read = self._read_scores(missing).partition_by("venue", "year", as_dict=True)
            for cell in missing:
                self._impact_of_cell[cell] = read.get(cell, pl.DataFrame())
        held = [f for cell in wanted if (f := self._impact_of_cell[cell]).height]
        return pl.concat(held) if held else self._read_scores([])

    def _read_scores(self, cells: Collection[Cell]) -> pl.DataFrame:
        scores = self._lake.read_cells("tncsi_sp", cells, [*_SCORES, "config_id"])
        scores = scores.filter(pl.col("config_id") == self._workspace.config_id).select(_SCORES)
        # A count may be known before its score is: show it, under the status `not_scored`.
        counts = self._counts(cells).join(scores, on="paper_id", how="anti")
        return pl.concat([scores, counts], how="diagonal")

    def _counts(self, cells: Collection[Cell], sources: Collection[str] = ()) -> pl.DataFrame:
        columns = ["paper_id", "venue", "year", "cited_by_count", "citation_source"]
        counts = self._lake.read_cells("citation_counts", cells, columns)
        if sources:
            counts = counts.filter(pl.col("citation_source").is_in(list(sources)))
        return counts.sort("citation_source").unique("paper_id", keep="first").select(columns[:4])

    def _similarities(self, paper_id: str, members: pl.Series) -> pl.Series:
        vectors = self._vectors
        known = members.is_in(vectors.paper_ids.implode())
        own = quantise.quantise(vectors.of([paper_id]))[0] if members.len() else None
        similarity = np.full(members.len(), np.nan, np.float32)
        if own is not None:
            others = quantise.quantise(vectors.of(members.filter(known).to_list()))
            similarity[known.to_numpy()] = quantise.cosine(others @ own)
        return pl.Series("similarity", similarity.astype(np.float64)).fill_nan(None)


def _cells_of(papers: pl.DataFrame) -> list[Cell]:
    return [
        (str(v), int(y))
        for v, y in papers.select("venue", "year").unique().sort("venue", "year").rows()
    ]


def _check_k(k: int) -> None:
    if k < 1:
        raise InputError(f"expected a number of papers of 1 or more, received {k}")
