"""Papers nearest in meaning to a text or to a paper.

Belongs here: from a question to the papers found. Not: comparing vectors (vectors.py), a second
stage (reranking.py), or which papers filters leave (filters.py).
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError, NotFoundError, StorageError
from pipeline.query.filters import Allowed, Filters
from pipeline.query.holdings import Holdings
from pipeline.query.reranking import check_depth, reranked
from pipeline.query.vectors import nearest_indexed
from resources.workspace import Workspace


def check_k(k: int) -> None:
    """Raises InputError unless at least one paper is asked for."""
    if k < 1:
        raise InputError(f"expected a number of papers of 1 or more, received {k}")


def search(held: Holdings, text: str, k: int, filters: Filters, rerank: int) -> pl.DataFrame:
    """As `Library.search`."""
    check_k(k)
    if rerank:
        check_depth(rerank, k)
    if not text.strip():
        raise InputError("expected a text to search for, received none")
    those = held.allowed(filters)
    if not held.searchable:  # before the encoder is loaded in vain
        raise StorageError("nothing can be searched yet: `csimpact import`, then `refresh`")
    if held.waits_for_vectors:
        with ThreadPoolExecutor(1) as beside:  # the first time, both take a second or two
            beside.submit(lambda: held.vectors)
            encode(held.workspace, text)
    found = _nearest(held, encode(held.workspace, text), rerank or k, those)
    described = held.records.describe(found, "score")
    return reranked(held.workspace, text, described).head(k) if rerank else described


def similar(held: Holdings, paper: str, k: int, filters: Filters) -> pl.DataFrame:
    """As `Library.similar`."""
    check_k(k)
    paper_id = held.find(paper)["paper_id"]
    those = held.allowed(filters)
    found = _nearest(held, _vector_of(held, paper_id), k + 1, those)
    return held.records.describe(found.filter(pl.col("paper_id") != paper_id).head(k), "score")


def unscored(held: Holdings, filters: Filters) -> int:
    """As `Library.unscored`."""
    rows = held.allowed(filters).rows
    unknown = np.isnan(held.records.scores)
    return int(unknown.sum() if rows is None else (unknown & rows).sum())


def encode(workspace: Workspace, text: str) -> NDArray[np.float32]:
    """The unit vector [dim] of a query, by the prompt that serves if one does."""
    import torch

    encoder, threads = workspace.query_encoder, torch.get_num_threads()
    # One short text gains nothing from a second thread, and on a busy machine waits for it
    # at every layer: 6 ms became 390.
    torch.set_num_threads(1)
    try:
        return np.ravel(encoder.encode_queries([text]))
    finally:
        torch.set_num_threads(threads)


def _nearest(held: Holdings, query: NDArray[np.float32], k: int, those: Allowed) -> pl.DataFrame:
    """`paper_id` and `score` of the nearest papers of the catalogue."""
    if held.in_memory:
        return held.vectors.nearest(query, k, those.rows)
    found = nearest_indexed(held.workspace.vectors, query, k, held.catalogue, those)
    # The index may lag behind the papers.
    known = [paper_id in held.records.place for paper_id in found["paper_id"]]
    return found.filter(pl.Series(known, dtype=pl.Boolean))


def _vector_of(held: Holdings, paper_id: str) -> NDArray[np.float32]:
    if held.in_memory:
        return np.ravel(held.vectors.of([paper_id]))
    vector = held.workspace.vectors.vector_of(paper_id)
    if vector is None:
        raise NotFoundError(f"{paper_id} has no vector yet: run `csimpact refresh`")
    return vector
