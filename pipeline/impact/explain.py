"""Why a paper has the score it has: the members of its pool, nearest first.

Belongs here: reading one stored pool. Not: making pools (pools.py) or scores (tncsi.py).
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError, NotFoundError
from pipeline.impact.segments import UNKNOWN
from pipeline.retrieval.quantise import cosine, quantise


def explain_pool(
    paper_id: str,
    pools: pl.DataFrame,
    papers: pl.DataFrame,
    vectors: NDArray[np.float32],
    *,
    counts: NDArray[np.int32] | None = None,
) -> pl.DataFrame:
    """Members of one pool: `paper_id, paper_row, similarity, cited_by_count`.

    Sorted by similarity (cosine of quantised vectors, the one the pool was made with), largest
    first, then by `paper_id`. `cited_by_count` is null where unknown or `counts` is not given.

    Args:
        paper_id: whose pool.
        pools: `topic_pools` rows of one configuration, that of the paper among them.
        papers: `paper_id, paper_row` of the paper and of all members.
        vectors: unit vectors (n, d), row by row those of `papers`.
        counts: citations by `paper_row` from the paper's own citation source.

    Raises:
        NotFoundError: no pool of that paper.
        InputError: several configurations, or a member that is not among `papers`.
    """
    pool = pools.filter(pl.col("paper_id") == paper_id)
    if pool.height == 0:
        raise NotFoundError(f"no pool of paper {paper_id}; is its venue-year computed?")
    if pool.height > 1:
        raise InputError(f"expected one configuration, received {pool['config_id'].to_list()}")
    wanted = pl.concat([pool["paper_row"], pool["members"].explode(empty_as_null=False)])
    found = papers.with_row_index("place").filter(pl.col("paper_row").is_in(wanted.implode()))
    if found.height < wanted.len():
        raise InputError(f"expected {wanted.len()} papers of the pool, received {found.height}")
    itself = found.filter(pl.col("paper_id") == paper_id)["place"].to_numpy()
    members = found.filter(pl.col("paper_id") != paper_id)
    product = quantise(vectors[members["place"].to_numpy()]) @ quantise(vectors[itself])[0]
    return (
        members.select("paper_id", "paper_row")
        .with_columns(
            pl.Series("similarity", cosine(product), dtype=pl.Float32),
            _known(members["paper_row"], counts),
        )
        .sort("similarity", "paper_id", descending=[True, False])
    )


def _known(rows: pl.Series, counts: NDArray[np.int32] | None) -> pl.Series:
    cited = np.full(rows.len(), UNKNOWN, np.int32) if counts is None else counts[rows.to_numpy()]
    return pl.Series("cited_by_count", cited, dtype=pl.Int32).replace(UNKNOWN, None)
