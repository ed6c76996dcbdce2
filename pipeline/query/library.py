"""The analyst's door: search, neighbours, impact and accounts of one data folder.

Belongs here: what may be asked, and what the answers are. Not: how they are found, which is in the
modules that the methods name, or how they are printed (pipeline/cli).

A Library is a snapshot: what it has read once it keeps (holdings.py), so that the next question
costs milliseconds. After a refresh, open another.
"""

from datetime import date
from functools import cached_property

import polars as pl

from pipeline.errors import NotFoundError
from pipeline.query.aggregates import read_aggregates, read_rising, read_topic, read_topics
from pipeline.query.explain import Explanation, read_explanation, read_profile
from pipeline.query.filters import Filters, Years
from pipeline.query.history import read_trajectory
from pipeline.query.holdings import Holdings
from pipeline.query.pools import read_pool
from pipeline.query.scores import read_impact, read_scores, read_top
from pipeline.query.search import check_k, search, similar, unscored
from pipeline.query.sql import run_sql
from pipeline.query.sql_script import views_script
from pipeline.query.status import read_status
from pipeline.query.why_moved import Change, read_change
from pipeline.settings import DataDir
from resources.workspace import open_workspace


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
            raise NotFoundError(
                f"expected a data folder at {root}, found none: name another by --data or "
                "CSIMPACT_DATA, or fill this one by `csimpact import`"
            )

    @cached_property
    def _held(self) -> Holdings:
        return Holdings(self._workspace)

    def search(
        self,
        text: str,
        k: int = 10,
        venue: str | None = None,
        year: Years | None = None,
        *,
        domain: str | None = None,
        author: str | None = None,
        min_score: float | None = None,
        rerank: int = 0,
    ) -> pl.DataFrame:
        """The `k` papers nearest in meaning to `text`, best first, with their `score` (cosine).

        Exact: one product with every vector held, filters included (benchmarks/search.py). Where a
        trained prompt serves, it is read with `text`; papers have the same vectors as without.

        Filters are all to be met: `year` is one or (first, last); `author` a name, whose case and
        accents do not matter; `min_score` the least `tncsi_sp`, which leaves out papers without a
        score (`unscored` counts them).

        With `rerank`, the first so many papers are put in the order of the profile's reranker,
        which reads `text` against title and abstract: `score` is then the reranker's, on its own
        scale, and `cosine` stands beside it.

        Raises:
            InputError: no text, `k` below 1, or `rerank` neither 0 nor from `k` to MAX_RERANK.
            NotFoundError: an unknown venue, domain or author, or filters that leave no paper.
            ModelError: the prompt that serves was damaged.
            DamagedError: papers, vectors, counts or scores are not what was written.
        """
        filters = Filters(venue, year, domain, author, min_score)
        return search(self._held, text, k, filters, rerank)

    def similar(
        self,
        paper: str,
        k: int = 10,
        venue: str | None = None,
        year: Years | None = None,
        *,
        domain: str | None = None,
        author: str | None = None,
        min_score: float | None = None,
    ) -> pl.DataFrame:
        """The `k` papers nearest to `paper`'s own vector, itself excluded.

        The columns and filters of `search`, nearest first. No prompt takes part.
        """
        filters = Filters(venue, year, domain, author, min_score)
        return similar(self._held, paper, k, filters)

    def unscored(
        self,
        venue: str | None = None,
        year: Years | None = None,
        *,
        domain: str | None = None,
        author: str | None = None,
    ) -> int:
        """Papers that pass these filters and have no score, which any `min_score` leaves out."""
        return unscored(self._held, Filters(venue, year, domain, author))

    def impact(self, paper: str) -> pl.DataFrame:
        """One row, IMPACT_COLUMNS: citations, score with its interval and companions, status."""
        return read_impact(self._held, paper)

    def explain(self, paper: str) -> Explanation:
        """Why the paper's score is what it is: its pool, where it stands there, and in words."""
        return read_explanation(self._held, paper)

    def why_moved(self, paper: str, since: date, until: date | None = None) -> Change:
        """What moved the paper's score between two days, by default up to now: an exact sum.

        The state of a day is the newest row of `trajectory(paper, pool_days=True)` on or before it.
        Raises InputError if `until` is before `since`.
        """
        return read_change(self._held, paper, since, until)

    def pool(self, paper: str) -> pl.DataFrame:
        """The papers that `paper` was measured against, the most similar first.

        POOL_COLUMNS. Counts come from the source the score was counted from, null where it does
        not know; similarity is the exact cosine of the quantised vectors the pool was chosen by,
        null for a member whose text has since changed and has no vector yet.
        """
        return read_pool(self._held, paper)

    def top(
        self,
        venue: str | None = None,
        year: Years | None = None,
        k: int = 20,
        *,
        domain: str | None = None,
        author: str | None = None,
        min_score: float | None = None,
        as_of: date | None = None,
    ) -> pl.DataFrame:
        """The `k` scored papers of highest `excess_ratio`; the score saturates, it does not.

        Filters as in `search`, `as_of` as in `scores`: `min_score` then is of that day.
        """
        filters = Filters(venue, year, domain, author, min_score)
        return read_top(self._held, filters, k, as_of)

    def scores(
        self,
        venue: str | None = None,
        year: Years | None = None,
        *,
        as_of: date | None = None,
        compat: str | None = None,
    ) -> pl.DataFrame:
        """Rows of `tncsi_sp`, of all papers or those of a venue or of years.

        With `as_of`, what they would have been with the counts known on that day, and the pools
        of now: members of which nothing was known by then have no count. What was published on a
        day stands in its release.

        With `compat`, rows of `tncsi_variants` instead, under the rule of that name: "published"
        follows the code of the metric's authors (docs/impact.md).

        Raises:
            InputError: `compat` is no rule, or `as_of` is asked for with it.
            NotFoundError: no such papers, or `tncsi_variants` was not made yet.
        """
        return read_scores(self._held, Filters(venue, year), as_of, compat)

    def trajectory(self, paper: str, *, pool_days: bool = False) -> pl.DataFrame:
        """The paper's score through time: a row per day on which its count was seen to move.

        TRAJECTORY_COLUMNS of pipeline/impact/history.py, oldest first, and `release`: null where
        the row is derived from the counts known on `day` and the pool of now, else the release
        that published what the row says. With `pool_days`, also the days on which any count of
        its pool moved.
        """
        return read_trajectory(self._held, paper, pool_days=pool_days)

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
        check_k(k)
        return self._held.records.describe(read_topic(self._workspace, topic_id, k), "similarity")

    def rising(self, k: int = 20) -> pl.DataFrame:
        """The `k` papers whose excess_ratio rose most: rows of `rising_papers`, with titles."""
        check_k(k)
        return read_rising(self._workspace, self._held.catalogue, k)

    def profile(self, paper: str) -> pl.DataFrame:
        """The paper's row of `citation_profiles`: references, citations in time, contexts.

        No row where `csimpact overview` has not looked at the paper yet.
        """
        return read_profile(self._held, paper)

    def status(self) -> tuple[dict[str, int], pl.DataFrame]:
        """(totals, one row per venue-year): where every record went, and what is stale and why."""
        return read_status(self._workspace)

    @property
    def prompt(self) -> str | None:
        """The trained prompt that queries are read with; None: queries are plain."""
        return self._workspace.prompts.champion(self._workspace.encoder_id)

    def sql(self, query: str) -> pl.DataFrame:
        """The answer of one reading SQL statement (DuckDB) over the lake's tables and views.

        `SHOW TABLES` tells which there are, `DESCRIBE scores` what columns mean.
        """
        return run_sql(self._workspace, query)

    def sql_script(self) -> str:
        """The same tables and views as a script for a DuckDB of one's own."""
        return views_script(self._workspace)

    @property
    def papers_without_vector(self) -> int:
        """Papers that no search can find yet, because the next refresh will encode them."""
        held = self._held
        return held.catalogue.height - held.vectors.paper_ids.len() if held.in_memory else 0
