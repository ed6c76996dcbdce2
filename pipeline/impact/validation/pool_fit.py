"""Excess, percentile and scale of papers against pools under any rule.

Belongs here: what the studies need of a pool, from its members and counts of one source. Not: the
pass over the members (pool_measures.py), nor the `tncsi_sp` table (tncsi.py).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.exponential import Floats, excess_of
from pipeline.impact.pool_measures import LOG_UNIT, measure_pools
from pipeline.impact.segments import as_lists
from pipeline.retrieval.windows import Pools


@dataclass(frozen=True)
class PoolFit:
    """Of papers and their pools (q); NaN where too few counts are known, or they have no spread.

    `scale`: mean less least count; `excess`: (c − loc) / scale, 0 below loc, which orders papers as
    scores do; `percentile`: mid-rank of c among the counts, over their number; `mean_log`: of
    ln(1 + count). The last two need no spread.
    """

    scale: Floats
    excess: Floats
    percentile: Floats
    mean_log: Floats


def fit_pools(
    pools: Pools, counts: NDArray[np.int32], cited: NDArray[np.int32], *, n_min: int
) -> PoolFit:
    """How papers cited so often (q) stand in each pool.

    Args:
        pools: of the papers.
        counts: by the pools' member ids, UNKNOWN among them.
        cited: counts of the papers, all known.
        n_min: fewest known counts of a pool of which anything is said.
    """
    nobody = np.zeros(cited.size, np.int32)
    members = as_lists("members", pools.members, pools.offsets)
    table = pl.DataFrame([pl.Series("paper_row", nobody), members])
    source = nobody.astype(np.int64)
    found = measure_pools(table, {"counts": counts}, ("counts",), source, cited, None)
    enough, n = found.n >= n_min, np.maximum(found.n, 1)
    scale = np.where(enough & (found.scale > 0), found.scale, np.nan)
    return PoolFit(
        scale,
        np.maximum(excess_of(cited, found.loc, scale), 0),
        np.where(enough, (found.below + found.equal / 2) / n, np.nan),
        np.where(enough, found.logs / LOG_UNIT / n, np.nan),
    )
