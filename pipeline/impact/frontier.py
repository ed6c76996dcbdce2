"""What is remembered beside pools so that they can be updated: the edge of each, and for whom.

Belongs here: the frame that is stored per venue-year, to and from arrays. Not: what arrivals and
departures do (pool_update.py), files (resources/pool_memory.py). Working memory, no table: how much
of the surroundings a frontier holds depends on what happened before, the pools never do.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.segments import as_lists, flatten
from pipeline.retrieval.quantise import PRODUCT_PER_COSINE
from pipeline.retrieval.windows import Frontier, Pools, offsets_of

QUERY = ("paper_id", "paper_row", "publication_date", "text_hash")
"""What a pool belongs to: where one of these moved, it is another query."""


def frontier_rows(papers: pl.DataFrame, frontier: Frontier) -> pl.DataFrame:
    """One row per paper of `papers` (QUERY): whose pool, as of which day and text, and its edge."""
    edge = [
        pl.Series("n_above", frontier.n_above),
        as_lists("rows", frontier.rows, frontier.offsets),
        as_lists("products", frontier.products, frontier.offsets),
    ]
    return pl.DataFrame([*(papers[name] for name in QUERY), *edge])


def pools_of(table: pl.DataFrame, edges: pl.DataFrame) -> Pools:
    """The arrays behind rows of `topic_pools` and of `frontier_rows`, in the same order."""
    members, offsets = flatten(table["members"])
    rows, edge_offsets = flatten(edges["rows"])
    radius = table["pool_radius"].fill_null(0.0).to_numpy()
    return Pools(
        n_window=table["n_window"].to_numpy(),
        k=table["pool_k"].to_numpy(),
        threshold=np.rint(radius * np.float32(PRODUCT_PER_COSINE)).astype(np.int32),
        members=members,
        offsets=offsets,
        frontier=Frontier(
            edges["n_above"].to_numpy(), rows, flatten(edges["products"])[0], edge_offsets
        ),
    )


def picked(parts: Sequence[Pools], places: NDArray[np.int64]) -> Pools:
    """Pools at `places` of these, counted through all of them one after the other."""
    if len(parts) == 1 and np.array_equal(places, np.arange(parts[0].k.size)):
        return parts[0]
    edges = [p.frontier for p in parts]
    members, offsets = _lists([(p.members, p.offsets) for p in parts], places)
    rows, edge_offsets = _lists([(e.rows, e.offsets) for e in edges], places)
    products, _ = _lists([(e.products, e.offsets) for e in edges], places)
    return Pools(
        n_window=np.concatenate([p.n_window for p in parts])[places],
        k=np.concatenate([p.k for p in parts])[places],
        threshold=np.concatenate([p.threshold for p in parts])[places],
        members=members,
        offsets=offsets,
        frontier=Frontier(
            np.concatenate([e.n_above for e in edges])[places], rows, products, edge_offsets
        ),
    )


def run_of(pools: Pools, start: int, stop: int) -> Pools:
    """The pools from `start` to before `stop`; nothing is copied."""
    edge, some = pools.frontier, slice(start, stop)
    members, offsets = _run(pools.members, pools.offsets, start, stop)
    rows, edge_offsets = _run(edge.rows, edge.offsets, start, stop)
    products, _ = _run(edge.products, edge.offsets, start, stop)
    return Pools(
        n_window=pools.n_window[some],
        k=pools.k[some],
        threshold=pools.threshold[some],
        members=members,
        offsets=offsets,
        frontier=Frontier(edge.n_above[some], rows, products, edge_offsets),
    )


def _run(
    values: NDArray[np.int32], offsets: NDArray[np.int64], start: int, stop: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    mine = offsets[start : stop + 1]
    return values[mine[0] : mine[-1]], mine - mine[0]


def _lists(
    parts: Sequence[tuple[NDArray[np.int32], NDArray[np.int64]]], places: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    # Most of the places follow one another: each such run is copied as a whole.
    first = np.cumsum([0, *(offsets.size - 1 for _, offsets in parts)])
    part = np.searchsorted(first, places, side="right") - 1
    breaks = np.flatnonzero((np.diff(places) != 1) | (np.diff(part) != 0)) + 1
    found, lengths = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    for begin, end in itertools.pairwise([0, *breaks.tolist(), places.size]):
        if begin < end:
            start = int(places[begin] - first[part[begin]])
            flat, limits = parts[part[begin]]
            values, offsets = _run(flat, limits, start, start + end - begin)
            found.append(values)
            lengths.append(np.diff(offsets))
    return np.concatenate(found), offsets_of(np.concatenate(lengths))
