"""Search, neighbours, impact and accounts of one data folder, as polars frames.

Belongs here: which rows an answer is made of. Not: how a paper is found by name (lookup.py),
nearest vectors (vectors.py), a second stage (reranking.py), accounts (status.py), SQL (sql.py) or
how an answer is printed (pipeline/cli).

A Library is a snapshot: what it has read once it keeps, so that the next question costs
milliseconds. After a refresh, open another.
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError, NotFoundError, StorageError
from pipeline.query.aggregates import read_aggregates, read_rising, read_topic, read_topics
from pipeline.query.explain import Explanation, Standing, with_companions
from pipeline.query.history import read_pool_counts, read_scores_as_of, read_trajectory
from pipeline.query.lookup import Titles
from pipeline.query.profiles import read_profile
from pipeline.query.records import PAPER_COLUMNS, POOL_COLUMNS, PaperRecords
from pipeline.query.reranking import check_depth, reranked
from pipeline.query.sql import run_sql
from pipeline.query.status import read_status
from pipeline.query.variants import read_variant
from pipeline.query.vectors import PaperVectors, nearest_indexed
from pipeline.query.why_moved import Change, change
from pipeline.retrieval import quantise
from pipeline.settings import DataDir
from pipeline.tables import Cell
from resources.workspace import open_workspace

MAX_IN_MEMORY = 400_000  # papers; 0.6 GB at 384 dimensions, 70 ms per question on 2 cores


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

    def search(
        self,
        text: str,
        k: int = 10,
        venue: str | None = None,
        year: int | None = None,
        *,
        rerank: int = 0,
    ) -> pl.DataFrame:
        """The `k` papers nearest in meaning to `text`, best first, with their `score` (cosine).

        Exact: one product with every vector held, filters included (benchmarks/search.py). Where a
        trained prompt serves, it is read with `text`; papers have the same vectors as without.

        With `rerank`, the first so many papers are put in the order of the profile's reranker,
        which reads `text` against title and abstract: `score` is then the reranker's, on its own
        scale, and `cosine` stands beside it.

        Raises:
            InputError: no text, `k` below 1, or `rerank` neither 0 nor from `k` to MAX_RERANK.
            ModelError: the prompt that serves was damaged.
            DamagedError: papers, vectors, counts or scores are not what was written.
        """
        _check_k(k)
        if rerank:
            check_depth(rerank, k)
        if not text.strip():
            raise InputError("expected a text to search for, received none")
        cells = self._cells(venue, year)
        if not self._searchable:  # before the encoder is loaded in vain
            raise StorageError("nothing can be searched yet: `csimpact import`, then `refresh`")
        if self._in_memory and "_vectors" not in self.__dict__:
            with ThreadPoolExecutor(1) as beside:  # the first time, both take a second or two
                beside.submit(lambda: self._vectors)
                self._encode(text)
        found = self._nearest(self._encode(text), rerank or k, cells)
        if not rerank:
            return self._records.describe(found, "score")
        found = reranked(self._workspace, text, self._records.describe(found, "score"))
        return found.head(k)

    def similar(self, paper: str, k: int = 10) -> pl.DataFrame:
        """The `k` papers nearest to `paper`'s own vector, of any venue and year, itself excluded.

        The columns of `search`, nearest first. No prompt takes part.
        """
        _check_k(k)
        paper_id = self._find(paper)["paper_id"]
        found = self._nearest(self._vector_of(paper_id), k + 1)
        return self._records.describe(found.filter(pl.col("paper_id") != paper_id).head(k), "score")

    def impact(self, paper: str) -> pl.DataFrame:
        """One row, IMPACT_COLUMNS: citations, score with its interval and companions, status."""
        found = self._find(paper)
        cell, mine = (found["venue"], found["year"]), {"paper_id": found["paper_id"]}
        scores = self._lake.read("tncsi_sp", cell).filter(
            **mine, config_id=self._workspace.config_id
        )
        dates = self._lake.read_cells("papers", [cell], ["paper_id", "publication_date"])
        row = self._records.describe(pl.DataFrame(mine))
        return with_companions(row, scores, dates.filter(**mine))

    def explain(self, paper: str) -> Explanation:
        """Why the paper's score is what it is: its pool, where it stands there, and in words."""
        row = self.impact(paper)
        paper_id = row["paper_id"][0]
        pool, rule = self.pool(paper_id), self._workspace.rule
        return Explanation(
            paper=row,
            pool=pool,
            standing=Standing.of(row["cited_by_count"][0], pool),
            other_rules=self._lake.read("tncsi_variants").filter(paper_id=paper_id),
            profile=self._lake.read("citation_profiles").filter(paper_id=paper_id),
            half_window_days=rule.half_window_days,
            n_min=rule.n_min,
        )

    def why_moved(self, paper: str, since: date, until: date | None = None) -> Change:
        """What moved the paper's score between two days, by default up to now: an exact sum.

        The state of a day is the newest row of `trajectory(paper, pool_days=True)` on or before it.
        Raises InputError if `until` is before `since`.
        """
        found = self._find(paper)
        counts = read_pool_counts(self._workspace, self._records.catalogue, found)
        days = self.trajectory(found["paper_id"], pool_days=True)
        return change(days, since, until, counts)

    def pool(self, paper: str) -> pl.DataFrame:
        """The papers that `paper` was measured against, the most similar first.

        POOL_COLUMNS. Counts come from the source the score was counted from, null where it does
        not know; similarity is the exact cosine of the quantised vectors the pool was chosen by,
        null for a member whose text has since changed and has no vector yet.
        """
        found = self._find(paper)
        cell = (found["venue"], found["year"])
        own = (pl.col("paper_id") == found["paper_id"]) & (
            pl.col("config_id") == self._workspace.config_id
        )
        pools = self._lake.read("topic_pools", cell).filter(own)
        rows = pools["members"].explode(empty_as_null=False, keep_nulls=False)
        members = self._records.catalogue.filter(pl.col("paper_row").is_in(rows.implode()))
        source = self._lake.read("tncsi_sp", cell).filter(own)["citation_source"].drop_nulls()
        cells = _cells_of(members)
        counts = self._records.counts(cells, source.to_list())
        dates = self._lake.read_cells("papers", cells, ["paper_id", "publication_date"])
        return (
            members.join(counts, on="paper_id", how="left", maintain_order="left")
            .join(dates, on="paper_id", how="left", maintain_order="left")
            .with_columns(similarity=self._similarities(found["paper_id"], members["paper_id"]))
            .sort(["similarity", "paper_id"], descending=[True, False], nulls_last=True)
            .select(POOL_COLUMNS)
        )

    def top(
        self,
        venue: str | None = None,
        year: int | None = None,
        k: int = 20,
        *,
        as_of: date | None = None,
    ) -> pl.DataFrame:
        """The `k` scored papers of highest `excess_ratio`; the score saturates, it does not.

        `as_of` as in `scores`.
        """
        _check_k(k)
        scores = self.scores(venue, year, as_of=as_of).drop("venue", "year")
        titles = self._records.catalogue.select(PAPER_COLUMNS[:4])
        known = scores.filter(pl.col("excess_ratio").is_not_null()).join(titles, on="paper_id")
        best = known.sort(["excess_ratio", "paper_id"], descending=[True, False])
        return best.head(k).select(PAPER_COLUMNS)

    def scores(
        self,
        venue: str | None = None,
        year: int | None = None,
        *,
        as_of: date | None = None,
        compat: str | None = None,
    ) -> pl.DataFrame:
        """Rows of `tncsi_sp`, of all papers or those of a venue or year.

        With `as_of`, what they would have been with the counts known on that day, and the pools
        of now: members of which nothing was known by then have no count. What was published on a
        day stands in its release.

        With `compat`, rows of `tncsi_variants` instead, under the rule of that name: "published"
        follows the code of the metric's authors (docs/impact.md).

        Raises:
            InputError: `compat` is no rule, or `as_of` is asked for with it.
            NotFoundError: no such papers, or `tncsi_variants` was not made yet.
        """
        cells = self._cells(venue, year)
        if compat is not None:
            if as_of is not None:
                raise InputError("expected as_of or compat, received both: variants are of now")
            return read_variant(self._workspace, compat, cells)
        if as_of is not None:
            held = cells or self._lake.cells("topic_pools")
            return read_scores_as_of(self._workspace, self._records.catalogue, held, as_of)
        scores = self._lake.read_cells("tncsi_sp", cells or self._lake.cells("tncsi_sp"))
        return scores.filter(config_id=self._workspace.config_id)

    def trajectory(self, paper: str, *, pool_days: bool = False) -> pl.DataFrame:
        """The paper's score through time: a row per day on which its count was seen to move.

        TRAJECTORY_COLUMNS of pipeline/impact/history.py, oldest first, and `release`: null where
        the row is derived from the counts known on `day` and the pool of now, else the release
        that published what the row says. With `pool_days`, also the days on which any count of
        its pool moved.
        """
        found = self._find(paper)
        return read_trajectory(self._workspace, self._records.catalogue, found, pool_days=pool_days)

    def aggregates(
        self, kind: str, period: str | None = None, *, name: str | None = None
    ) -> pl.DataFrame:
        """Impact of groups: rows of `impact_aggregates`, highest mean percentile first.

        Raises NotFoundError before `csimpact overview` made them.

        Args:
            kind: `venue`, `domain`, `topic`, `library`, or `year`: the library in each year.
            period: `all` years together (None means that), one year such as `2016`, or `each` year.
            name: only this venue (slug or alias), domain or topic number.
        """
        return read_aggregates(self._workspace, kind, period, name)

    def topics(self) -> pl.DataFrame:
        """`topic_id, name, n_papers, terms`, the largest first; NotFoundError before they exist."""
        return read_topics(self._workspace)

    def topic(self, topic_id: int, k: int = 20) -> pl.DataFrame:
        """The `k` papers nearest to a topic, with their `similarity` to its centre (cosine)."""
        _check_k(k)
        found = read_topic(self._workspace, topic_id, k)
        return self._records.describe(found, "similarity")

    def rising(self, k: int = 20) -> pl.DataFrame:
        """The `k` papers whose excess_ratio rose most: rows of `rising_papers`, with titles."""
        _check_k(k)
        return read_rising(self._workspace, self._records.catalogue, k)

    def profile(self, paper: str) -> pl.DataFrame:
        """The paper's row of `citation_profiles`: references, citations in time, contexts.

        No row where `csimpact overview` has not looked at the paper yet.
        """
        return read_profile(self._lake, self._find(paper)["paper_id"])

    def status(self) -> tuple[dict[str, int], pl.DataFrame]:
        """(totals, one row per venue-year): where every record went, and what is stale and why."""
        return read_status(self._workspace)

    @property
    def prompt(self) -> str | None:
        """The trained prompt that queries are read with; None: queries are plain."""
        return self._workspace.prompts.champion(self._workspace.encoder_id)

    def sql(self, query: str) -> pl.DataFrame:
        """The answer of one reading SQL statement (DuckDB) over the tables of the lake."""
        return run_sql(self._workspace.lake, query)

    @cached_property
    def _records(self) -> PaperRecords:
        return PaperRecords(self._lake, self._workspace.config_id)

    @cached_property
    def _titles(self) -> Titles:
        return Titles(self._records.catalogue)

    @property
    def papers_without_vector(self) -> int:
        """Papers that no search can find yet, because the next refresh will encode them."""
        return (
            self._records.catalogue.height - self._vectors.paper_ids.len() if self._in_memory else 0
        )

    @cached_property
    def _searchable(self) -> bool:
        return bool(self._lake.cells("paper_embeddings"))

    @property
    def _in_memory(self) -> bool:
        return self._records.catalogue.height <= MAX_IN_MEMORY

    @cached_property
    def _vectors(self) -> PaperVectors:
        return PaperVectors.read(self._lake, self._records.catalogue, self._workspace.encoder_id)

    def _encode(self, text: str) -> NDArray[np.float32]:
        import torch

        encoder, threads = self._workspace.query_encoder, torch.get_num_threads()
        # One short text gains nothing from a second thread, and on a busy machine waits for it
        # at every layer: 6 ms became 390.
        torch.set_num_threads(1)
        try:
            return np.ravel(encoder.encode_queries([text]))
        finally:
            torch.set_num_threads(threads)

    def _nearest(
        self,
        query: NDArray[np.float32],
        k: int,
        cells: Collection[Cell] | None = None,
    ) -> pl.DataFrame:
        """`paper_id` and `score` of the nearest papers of the catalogue."""
        if self._in_memory:
            return self._vectors.nearest(query, k, cells)
        found = nearest_indexed(self._workspace.vectors, query, k, cells)
        # The index may lag behind the papers.
        return found.filter(
            pl.Series([i in self._records.place for i in found["paper_id"]], dtype=pl.Boolean)
        )

    def _vector_of(self, paper_id: str) -> NDArray[np.float32]:
        if self._in_memory:
            return np.ravel(self._vectors.of([paper_id]))
        vector = self._workspace.vectors.vector_of(paper_id)
        if vector is None:
            raise NotFoundError(f"{paper_id} has no vector yet: run `csimpact refresh`")
        return vector

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
