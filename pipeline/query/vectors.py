"""Exact nearest papers among vectors held in memory; the LanceDB index beyond that.

Belongs here: a query vector to paper ids with scores. Not: encoding, or what a paper is.

Why not always the index. Over 72,000 papers the product with every vector takes 14 ms, as long as
the index does, and misses nothing, filters included (the index: recall@10 of 0.993); reading the
vectors from the lake takes half of the time that importing LanceDB does. Measured by
`benchmarks/search.py` on 2 busy cores.
"""

from collections.abc import Collection, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import NotFoundError, StorageError
from pipeline.query.filters import Allowed
from pipeline.tables import Cell
from resources.lake import Lake
from resources.vector_store import VectorStore

EXACT_AMONG = 20_000  # papers: a list of ids that LanceDB still reads fast
WIDER = 4


class PaperVectors:
    """Unit vectors [paper, dim], each with the row of its paper in the catalogue."""

    def __init__(self, papers: pl.DataFrame, vectors: NDArray[np.float32]) -> None:
        """`papers`: paper_id, row (of the catalogue), row by row the papers of `vectors`."""
        self._papers, self._vectors = papers, vectors
        self.paper_ids = papers["paper_id"]
        self._rows = papers["row"].to_numpy()

    @classmethod
    def read(cls, lake: Lake, catalogue: pl.DataFrame, encoder_id: str) -> "PaperVectors":
        """The vectors of every paper that has one; raises StorageError if none has."""
        stored = lake.read_all("paper_embeddings", ["text_hash", "encoder_id", "vector"])
        stored = stored.filter(pl.col("encoder_id") == encoder_id)
        if not stored.height:
            raise StorageError("no paper has a vector yet: run `csimpact import`, then `refresh`")
        place = stored.select("text_hash").with_row_index("place").unique("text_hash")
        papers = catalogue.with_row_index("row").join(
            place, on="text_hash", how="inner", maintain_order="left"
        )
        flat = stored["vector"].explode(empty_as_null=False, keep_nulls=False).to_numpy()
        vectors = flat.reshape(stored.height, -1)[papers["place"].to_numpy()]
        return cls(papers.select("paper_id", "row"), vectors)

    def nearest(
        self, query: NDArray[np.float32], k: int, among: NDArray[np.bool_] | None = None
    ) -> pl.DataFrame:
        """`paper_id` and `score` (cosine) of the `k` nearest papers, best first.

        `among` [paper of the catalogue]: those that may be found; None: all.
        """
        scores = self._vectors @ query
        rows = np.arange(scores.size) if among is None else np.flatnonzero(among[self._rows])
        k = min(k, rows.size)
        best = rows[np.argpartition(scores[rows], -k)[-k:]] if k else rows
        return _ranked([self.paper_ids[int(row)] for row in best], scores[best])

    def of(self, paper_ids: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of papers, in their order; raises NotFoundError for one without."""
        asked = pl.DataFrame({"paper_id": paper_ids}, schema={"paper_id": pl.String})
        held = self._papers.select("paper_id").with_row_index("row")
        rows = asked.join(held, on="paper_id", how="left", maintain_order="left")
        if lacking := rows.filter(pl.col("row").is_null())["paper_id"].to_list():
            raise NotFoundError(f"{lacking[0]} has no vector yet: run `csimpact refresh`")
        return np.take(self._vectors, rows["row"].to_numpy(), axis=0)


def nearest_indexed(
    store: VectorStore,
    query: NDArray[np.float32],
    k: int,
    catalogue: pl.DataFrame,
    those: Allowed,
) -> pl.DataFrame:
    """`paper_id` and `score` of the `k` nearest papers of `those`, from the LanceDB table.

    Few papers are all compared, since an index that probes a part of its partitions would lose some
    of them; among many, more and more of the nearest are asked for until `k` may stay.
    """
    if those.rows is None:
        return _as_ranked(store.search(query, k))
    ids = catalogue["paper_id"].filter(pl.Series(those.rows))
    where = _cells_clause(those.cells)
    if ids.len() <= EXACT_AMONG:
        where = where if those.by_cell else _ids_clause(ids)
        return _as_ranked(store.search(query, k, where=where, exact=True))
    wanted, exact = k, False
    while True:
        found = store.search(query, wanted, where=where, exact=exact)
        kept = found.filter(pl.col("paper_id").is_in(ids.implode())).head(k)
        if kept.height == k or (exact and found.height < wanted):
            return _as_ranked(kept)
        # Fewer than were asked for: the probed partitions have no more.
        exact = exact or found.height < wanted
        wanted *= WIDER


def _cells_clause(cells: Collection[Cell] | None) -> str | None:
    if cells is None:
        return None
    years: dict[str, list[str]] = {}
    for venue, year in cells:
        years.setdefault(venue, []).append(str(year))
    return " OR ".join(f"(venue = '{v}' AND year IN ({', '.join(y)}))" for v, y in years.items())


def _ids_clause(ids: pl.Series) -> str:
    return "paper_id IN (" + ", ".join(f"'{paper_id}'" for paper_id in ids) + ")"


def _as_ranked(found: pl.DataFrame) -> pl.DataFrame:
    return _ranked(found["paper_id"].to_list(), found["score"].to_numpy())


def _ranked(paper_ids: Sequence[str], scores: NDArray[np.float32]) -> pl.DataFrame:
    # 6 decimals: beyond them a float32 product depends on the machine.
    rounded = scores.astype(np.float64).round(6).tolist()
    best = sorted(zip(paper_ids, rounded, strict=True), key=lambda found: (-found[1], found[0]))
    return pl.DataFrame(best, schema={"paper_id": pl.String, "score": pl.Float64}, orient="row")
