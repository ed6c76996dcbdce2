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
from pipeline.tables import Cell
from resources.lake import Lake
from resources.vector_store import VectorStore


class PaperVectors:
    """Unit vectors [paper, dim] with the venue-year of each paper."""

    def __init__(self, papers: pl.DataFrame, vectors: NDArray[np.float32]) -> None:
        """`papers`: paper_id, venue, year, row by row the papers of `vectors`."""
        self._papers, self._vectors = papers, vectors
        self.paper_ids = papers["paper_id"]

    @classmethod
    def read(cls, lake: Lake, catalogue: pl.DataFrame, encoder_id: str) -> "PaperVectors":
        """The vectors of every paper that has one; raises StorageError if none has."""
        stored = lake.read_all("paper_embeddings", ["text_hash", "encoder_id", "vector"])
        stored = stored.filter(pl.col("encoder_id") == encoder_id)
        if not stored.height:
            raise StorageError("no paper has a vector yet: run `csimpact import`, then `refresh`")
        place = stored.select("text_hash").with_row_index("place").unique("text_hash")
        papers = catalogue.join(place, on="text_hash", how="inner", maintain_order="left")
        flat = stored["vector"].explode(empty_as_null=False, keep_nulls=False).to_numpy()
        vectors = flat.reshape(stored.height, -1)[papers["place"].to_numpy()]
        return cls(papers.select("paper_id", "venue", "year"), vectors)

    def nearest(
        self, query: NDArray[np.float32], k: int, cells: Collection[Cell] | None = None
    ) -> pl.DataFrame:
        """`paper_id` and `score` (cosine) of the `k` nearest papers of `cells`, best first."""
        scores = self._vectors @ query
        if cells is not None:
            scores[~self._within(cells)] = -np.inf
        k = min(k, int(np.count_nonzero(scores > -np.inf)))
        best = np.argpartition(scores, -k)[-k:] if k else np.zeros(0, np.int64)
        return _ranked([self.paper_ids[int(row)] for row in best], scores[best])

    def _within(self, cells: Collection[Cell]) -> NDArray[np.bool_]:
        schema = {"venue": pl.String, "year": pl.Int32}
        wanted = pl.DataFrame(list(cells), schema=schema, orient="row")
        rows = self._papers.with_row_index("row").join(wanted, on=["venue", "year"], how="semi")
        within = np.zeros(self._papers.height, bool)
        within[rows["row"].to_numpy()] = True
        return within

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
    cells: Collection[Cell] | None = None,
) -> pl.DataFrame:
    """`paper_id` and `score` of the `k` nearest papers of `cells`, from the LanceDB index."""
    where = None
    if cells is not None:
        # Venue and year are asked for one by one, so cells are always all pairs of both.
        venues = ", ".join(f"'{venue}'" for venue in sorted({v for v, _ in cells}))
        years = ", ".join(str(year) for year in sorted({y for _, y in cells}))
        where = f"venue IN ({venues}) AND year IN ({years})"
    found = store.search(query, k, where=where)
    return _ranked(found["paper_id"].to_list(), found["score"].to_numpy())


def _ranked(paper_ids: Sequence[str], scores: NDArray[np.float32]) -> pl.DataFrame:
    # 6 decimals: beyond them a float32 product depends on the machine.
    rounded = scores.astype(np.float64).round(6).tolist()
    best = sorted(zip(paper_ids, rounded, strict=True), key=lambda found: (-found[1], found[0]))
    return pl.DataFrame(best, schema={"paper_id": pl.String, "score": pl.Float64}, orient="row")
