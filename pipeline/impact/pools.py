"""Topic pools: what each paper's citations are compared with.

Belongs here: the rule of a pool, and the `topic_pools` table from papers and vectors. Not: the
search itself (pipeline/retrieval/neighbours.py), counts and scores (tncsi.py).

A pool is the K nearest papers by document vector, published within ±183 days, itself excluded,
whether or not their citations are known. The authors of TNCSI_SP (arXiv 2402.12928, 2408.03934)
search topic papers by keyword and snap windows to months; neighbours of embeddings and exact days
replace both, so that windows are symmetric and pools can be recomputed one by one.
"""

from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from pipeline.errors import InputError
from pipeline.impact.segments import as_lists, segment_sums
from pipeline.retrieval import quantise
from pipeline.retrieval.neighbours import WindowNeighbours
from pipeline.retrieval.windows import NO_DAY, REACH, Pools, Reach, WindowRule


class PoolRule(WindowRule):
    """Which papers make up a pool, and how many known counts a score needs."""

    n_min: int = Field(30, gt=0, description="fewest known counts for a score, papers")

    def config_id(self, encoder_id: str) -> str:
        """Names rule, quantisation and encoder: rows of different ids are never compared."""
        return (
            f"k{self.k_min}-{self.k_max}_s{self.share:g}_d{self.half_window_days}_n{self.n_min}"
            f"_{quantise.VERSION}@{encoder_id}"
        )


class PoolBuilder:
    """All papers prepared once; `build` then gives the pools of any of them.

    Building one venue-year after the other keeps the memory of a large library at that of its
    vectors: a million pools of a thousand members would be 4 GB.
    """

    def __init__(
        self,
        papers: pl.DataFrame,
        vectors: NDArray[np.float32],
        *,
        rule: PoolRule,
        config_id: str,
        reach: Reach = REACH,
    ) -> None:
        """Prepare `papers` and their unit `vectors` (n, d), row by row the same papers.

        Args:
            papers: `paper_id, paper_row, venue, year, publication_date, in_pools`. To rebuild
                single cells, papers within `half_window_days` of them are enough.
            vectors: float32, of length 1.
            rule: window and pool size.
            config_id: written to every row.
            reach: how much of the surroundings of each pool's edge `search` reports.

        Raises:
            InputError: papers and vectors differ in number, ids repeat, or vectors are not unit.
        """
        if papers.height != len(vectors):
            raise InputError(
                f"expected one vector per paper, received {len(vectors)} for {papers.height} papers"
            )
        self._papers, self._config_id = papers, config_id
        self._neighbours = WindowNeighbours(
            vectors,
            day=days_of(papers),
            member_id=papers["paper_row"].to_numpy(),
            tie_rank=papers["paper_id"].rank("ordinal").to_numpy(),
            candidate=papers["in_pools"].to_numpy(),
            rule=rule,
            reach=reach,
        )

    def build(self, queries: NDArray[np.bool_] | None = None) -> pl.DataFrame:
        """`topic_pools` rows of the papers where `queries` (n) holds, in their order.

        Without `queries`, of all papers. A row does not depend on which others are asked for.
        Undated papers get an empty pool with an empty window.
        """
        n = self._papers.height
        asked = np.arange(n) if queries is None else np.flatnonzero(queries)
        id_hash = hash_by_row(self._papers)
        return pool_rows(self._papers[asked], self.search(asked), id_hash, self._config_id)

    def search(self, places: NDArray[np.int64]) -> Pools:
        """Pools and frontiers of the papers in these places of `papers`, in the order asked."""
        return self._neighbours.pools(places)


def pool_rows(
    papers: pl.DataFrame, pools: Pools, id_hash: NDArray[np.uint64], config_id: str
) -> pl.DataFrame:
    """`topic_pools` rows of `papers`, whose pools these are; `id_hash` by row of every member."""
    same = [papers[name] for name in ("paper_id", "paper_row", "venue", "year")]
    found = [
        pl.repeat(config_id, papers.height, eager=True).alias("config_id"),
        pl.Series("n_window", pools.n_window),
        pl.Series("pool_k", pools.k),
        _radius(pools),
        as_lists("members", pools.members, pools.offsets),
        _digests(pools, id_hash),
    ]
    return pl.DataFrame([*same, *found])


def days_of(papers: pl.DataFrame) -> NDArray[np.int32]:
    """Publication days since 1970, NO_DAY where unknown, shape (n,)."""
    return papers["publication_date"].to_physical().fill_null(NO_DAY).to_numpy()


def hash_by_row(papers: pl.DataFrame) -> NDArray[np.uint64]:
    """`hash_ids` of every paper at its `paper_row`; 0 at rows of no paper."""
    rows = papers["paper_row"].to_numpy()
    by_row = np.zeros(int(rows.max()) + 1 if rows.size else 0, np.uint64)
    by_row[rows] = hash_ids(papers["paper_id"])
    return by_row


def hash_ids(paper_ids: pl.Series) -> NDArray[np.uint64]:
    """64 bits of BLAKE2b of each id, shape (n,)."""
    digests = b"".join(blake2b(i.encode(), digest_size=8).digest() for i in paper_ids)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def _radius(pools: Pools) -> pl.Series:
    cosine = quantise.cosine(pools.threshold.astype(np.float32))
    radius = pl.Series("pool_radius", cosine)
    # Not by a mask of pyarrow's, which imports pandas.
    return radius.set(pl.Series(pools.k == 0), None) if (pools.k == 0).any() else radius


def _digests(pools: Pools, id_hash: NDArray[np.uint64]) -> pl.Series:
    """The sum of the members' hashes and of their number, modulo 2^64, as 16 hex digits.

    A sum does not depend on order, hence not on row numbers.
    """
    total = segment_sums(pools.members, pools.offsets, id_hash) + pools.k.astype(np.uint64)
    text = total.astype(">u8").tobytes().hex()
    return pl.Series(
        "pool_digest", [text[i : i + 16] for i in range(0, len(text), 16)], dtype=pl.String
    )
