"""The papers that one paper was measured against.

Belongs here: who is in a pool, with counts, dates and similarities. Not: how pools are chosen
(pipeline/impact/pools.py), or what is said of one (explain.py).
"""

import numpy as np
import polars as pl

from pipeline.query.holdings import Holdings
from pipeline.query.records import POOL_COLUMNS, cells_of, read_own
from pipeline.query.vectors import PaperVectors
from pipeline.retrieval import quantise


def read_pool(held: Holdings, paper: str) -> pl.DataFrame:
    """As `Library.pool`."""
    found = held.find(paper)
    pools = read_own(held.lake, "topic_pools", held.config_id, found)
    rows = pools["members"].explode(empty_as_null=False, keep_nulls=False)
    members = held.catalogue.filter(pl.col("paper_row").is_in(rows.implode()))
    score = read_own(held.lake, "tncsi_sp", held.config_id, found)
    cells = cells_of(members)
    counts = held.records.counts(cells, score["citation_source"].drop_nulls().to_list())
    dates = held.lake.read_cells("papers", cells, ["paper_id", "publication_date"])
    similarity = _similarities(held.vectors, found["paper_id"], members["paper_id"])
    return (
        members.join(counts, on="paper_id", how="left", maintain_order="left")
        .join(dates, on="paper_id", how="left", maintain_order="left")
        .with_columns(similarity=similarity)
        .sort(["similarity", "paper_id"], descending=[True, False], nulls_last=True)
        .select(POOL_COLUMNS)
    )


def _similarities(vectors: PaperVectors, paper_id: str, members: pl.Series) -> pl.Series:
    """Cosines of the quantised vectors, by which pools are chosen; null without a vector."""
    known = members.is_in(vectors.paper_ids.implode())
    similarity = np.full(members.len(), np.nan)
    if members.len():
        own = quantise.quantise(vectors.of([paper_id]))[0]
        others = quantise.quantise(vectors.of(members.filter(known).to_list()))
        similarity[known.to_numpy()] = quantise.cosine(others @ own).astype(np.float32)
    return pl.Series("similarity", similarity).fill_nan(None)
