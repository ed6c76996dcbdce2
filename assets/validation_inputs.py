"""What the validation studies read: the library in one order, a sample of it, NAID's papers.

Belongs here: reading and encoding. Not: the studies (pipeline/impact/validation), the asset
(impact_validation.py).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.retriever import vectors_for
from assets.tncsi_sp import precedence_of
from assets.windows import by_year
from pipeline.corpus.text import document_text
from pipeline.impact.pool_measures import Counts
from pipeline.impact.pools import PoolRule
from pipeline.impact.segments import UNKNOWN
from pipeline.impact.tncsi import POOL_COLUMNS, dense_counts
from pipeline.impact.validation.naid import FILE, parse_naid
from pipeline.impact.validation.naid_scores import LibraryPart
from resources.workspace import Workspace

_PAPER_COLUMNS = (
    "paper_id", "paper_row", "venue", "year", "publication_date", "date_precision", "in_pools",
    "title", "abstract", "text_hash",
)  # fmt: skip


@dataclass(frozen=True)
class ValidationLibrary:
    """Papers by id, with their vectors and counts; read when asked for, once."""

    workspace: Workspace

    @cached_property
    def papers(self) -> pl.DataFrame:
        """Columns that pools, scores and encoders look at."""
        return self.workspace.lake.read_all("papers", _PAPER_COLUMNS).sort("paper_id")

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """Unit vectors [paper, dim]; raises NotFoundError if a paper has none yet."""
        return np.ascontiguousarray(vectors_for(self.workspace, self.papers), np.float32)

    @cached_property
    def _counted(self) -> pl.DataFrame:
        columns = ["paper_row", "citation_source", "cited_by_count"]
        return self.workspace.lake.read_all("citation_counts", columns)

    @cached_property
    def counts(self) -> Counts:
        """Citations by source and `paper_row`, for every row that there is."""
        return dense_counts(self._counted, 1 + max(self.papers["paper_row"].to_list(), default=-1))

    @cached_property
    def precedence(self) -> tuple[str, ...]:
        """Sources, the most trusted first."""
        return precedence_of(self._counted)

    def texts(self) -> list[str]:
        """Title + abstract of each paper, as it was encoded."""
        return [document_text(t, a) for t, a in self.papers.select("title", "abstract").iter_rows()]

    def sample(self, n: int, *, seed: int) -> NDArray[np.int64]:
        """Places in `papers` of at most `n` scored papers, ascending."""
        scores = self.workspace.lake.read_all("tncsi_sp", ["paper_id", "config_id", "status"])
        scored = scores.filter(config_id=self.workspace.config_id, status="ok")["paper_id"]
        able = np.flatnonzero(self.papers["paper_id"].is_in(scored.implode()).to_numpy())
        rng = np.random.default_rng(seed)
        return np.sort(rng.choice(able, min(n, able.size), replace=False))

    def pools(self, places: NDArray[np.int64]) -> pl.DataFrame:
        """`topic_pools` rows of these papers, read a year at a time."""
        asked, lake = self.papers[places], self.workspace.lake
        cells = [(str(v), int(y)) for v, y in asked.select("venue", "year").unique().rows()]
        parts = [
            lake.read_cells("topic_pools", sorted(some), POOL_COLUMNS).filter(
                pl.col("paper_id").is_in(asked["paper_id"].implode()),
                pl.col("config_id") == self.workspace.config_id,
            )
            for some in by_year(cells).values()
        ]
        return pl.concat(parts).sort("paper_id") if parts else pl.DataFrame()

    def around(self, papers: pl.DataFrame, rule: PoolRule) -> tuple[str, LibraryPart]:
        """The source that counts most of them, and those within the windows of `papers`."""
        half = pl.duration(days=rule.half_window_days)
        first, last = papers.select(
            pl.col("publication_date").min() - half,
            pl.col("publication_date").max().alias("last") + half,
        ).row(0)
        near = self.papers["publication_date"].is_between(first, last).fill_null(False)
        rows = self.papers["paper_row"].filter(near).to_numpy()
        known = {
            source: int((counts[rows] != UNKNOWN).sum()) for source, counts in self.counts.items()
        }
        source = max(known, key=lambda name: known[name], default="")
        counts = self.counts[source][rows] if source else np.full(rows.size, UNKNOWN, np.int32)
        return source, LibraryPart(self.papers.filter(near), self.vectors[near.to_numpy()], counts)


def naid_file(workspace: Workspace) -> Path:
    """Where NAID's file is looked for."""
    return workspace.data.benchmarks / FILE


def read_naid(workspace: Workspace) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    """NAID's papers and their vectors by the library's encoder; InputError if it is no such file.

    Raises ModelError without the encoder's weights.
    """
    naid = parse_naid(naid_file(workspace).read_bytes())
    texts = [document_text(t, a) for t, a in naid.select("title", "abstract").iter_rows()]
    return naid, workspace.encoder.encode_documents(texts)
