"""Why a score is what it is: the paper, its pool, and where it stands there.

Belongs here: what is known of one score of today. Not: the words for it (explain_words.py), the
change of a score (why_moved.py), pictures (pipeline/report/pool) or how it is printed
(pipeline/cli).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from pipeline.query.explain_words import told_in_words
from pipeline.query.holdings import Holdings
from pipeline.query.pools import read_pool
from pipeline.query.scores import read_impact
from pipeline.query.standing import Standing


@dataclass(frozen=True)
class Explanation:
    """Everything that says why one score is what it is.

    Attributes:
        paper: one row, IMPACT_COLUMNS.
        pool: POOL_COLUMNS of the members, the most similar first; a null `cited_by_count` is a
            count that the source of the score does not know.
        standing: where the paper stands among the known counts; None if the pool has none.
        other_rules: rows of `tncsi_variants` of the paper, none if that table was never made.
        profile: the row of `citation_profiles` of the paper, or none.
        half_window_days: how far from the paper's date members may lie.
        n_min: the fewest known counts for a score.
    """

    paper: pl.DataFrame
    pool: pl.DataFrame
    standing: Standing | None
    other_rules: pl.DataFrame
    profile: pl.DataFrame
    half_window_days: int
    n_min: int

    @property
    def row(self) -> dict[str, Any]:
        """The paper as a mapping."""
        return self.paper.row(0, named=True)

    @property
    def window(self) -> tuple[date, date] | None:
        """First and last day on which members may have been published; None without a date."""
        day = self.row["publication_date"]
        reach = timedelta(days=self.half_window_days)
        return None if day is None else (day - reach, day + reach)

    @property
    def text(self) -> list[str]:
        """The explanation in plain words, a sentence or two per line."""
        return [*told_in_words(self)]

    def plot(self, image_format: str = "png") -> bytes:
        """The pool as a picture, `png` or `svg`. Raises InputError for another format."""
        from pipeline.report.pool.plot import pool_plot

        return pool_plot(self.row, self.pool, window=self.window, image_format=image_format)


def read_explanation(held: Holdings, paper: str) -> Explanation:
    """As `Library.explain`."""
    row = read_impact(held, paper)
    paper_id = row["paper_id"][0]
    pool, rule = read_pool(held, paper_id), held.workspace.rule
    return Explanation(
        paper=row,
        pool=pool,
        standing=Standing.of(row["cited_by_count"][0], pool),
        other_rules=held.lake.read("tncsi_variants").filter(paper_id=paper_id),
        profile=read_profile(held, paper_id),
        half_window_days=rule.half_window_days,
        n_min=rule.n_min,
    )


def read_profile(held: Holdings, paper: str) -> pl.DataFrame:
    """As `Library.profile`."""
    return held.lake.read("citation_profiles").filter(paper_id=held.find(paper)["paper_id"])
