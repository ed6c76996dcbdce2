"""What is remembered beside pools so that they can be updated: the edge of each, and for whom.

Belongs here: the frame that is stored per venue-year, to and from arrays. Not: what arrivals and
departures do (pool_update.py), files (resources/pool_memory.py). Working memory, no table: how much
of the surroundings a frontier holds depends on what happened before, the pools never do.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.segments import as_lists, flatten
from pipeline.retrieval.neighbours import Frontier, Pools
from pipeline.retrieval.quantise import PRODUCT_PER_COSINE

QUERY = ("paper_id", "paper_row", "publication_date", "text_hash")
"""What a pool belongs to: where one of these moved, it is another query."""


def frontier_rows(papers: pl.DataFrame, frontier: Frontier) -> pl.DataFrame:
    """One row per paper of `papers` (QUERY): whose pool, as of which day and text, and its edge."""
    return papers.select(QUERY).with_columns(
        pl.Series("n_above", frontier.n_above),
        as_lists("rows", frontier.rows, frontier.offsets),
        as_lists("products", frontier.products, frontier.offsets),
    )


def pools_of(table: pl.DataFrame, edges: pl.DataFrame) -> Pools:
    """The arrays behind rows of `topic_pools` and of `frontier_rows`, in the same order."""
    members, offsets = _flat(table["members"])
    rows, edge_offsets = _flat(edges["rows"])
    products, _ = _flat(edges["products"])
    radius = table["pool_radius"].fill_null(0.0).to_numpy()
    return Pools(
        n_window=table["n_window"].to_numpy(),
        k=table["pool_k"].to_numpy(),
        threshold=np.rint(radius * np.float32(PRODUCT_PER_COSINE)).astype(np.int32),
        members=members,
        offsets=offsets,
        frontier=Frontier(edges["n_above"].to_numpy(), rows, products, edge_offsets),
    )


def _flat(lists: pl.Series) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """As `flatten`, of a slice too, whose values would not begin at its first list."""
    values, offsets = flatten(lists)
    return values[offsets[0] : offsets[-1]], offsets - offsets[0]
