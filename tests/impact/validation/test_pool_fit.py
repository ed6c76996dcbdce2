"""Fits of pools against the dataset's own scores and brute force."""

import numpy as np
import polars as pl

from pipeline.impact.pools import PoolRule
from pipeline.impact.segments import UNKNOWN, as_lists
from pipeline.impact.tncsi import score_pools
from pipeline.impact.validation.pool_fit import fit_pools
from pipeline.retrieval.windows import Frontier, Pools
from pipeline.tables import TOPIC_POOLS

RULE = PoolRule(n_min=2)


def pools_of(members: list[list[int]]) -> Pools:
    k = np.array([len(m) for m in members])
    none = np.zeros(0, np.int32)
    return Pools(
        n_window=k.astype(np.int32),
        k=k.astype(np.int32),
        threshold=np.zeros(k.size, np.int32),
        members=np.array([m for pool in members for m in pool], np.int32),
        offsets=np.concatenate([[0], np.cumsum(k)]),
        frontier=Frontier(none, none, none, np.zeros(1, np.int64)),
    )


MEMBERS = [[1, 2, 3], [0, 2, 3, 4], [], [4], [1, 1, 1]]
COUNTS = np.array([7, 1, 30, UNKNOWN, 4], np.int32)


def test_the_dataset_scores_alike() -> None:
    """Studies of a formula that is not the dataset's would validate nothing."""
    pools = pools_of(MEMBERS)
    table = pl.DataFrame(
        {"paper_id": [f"p{i}" for i in range(5)], "paper_row": range(5), "venue": "v", "year": 1,
         "config_id": "c", "n_window": 9, "pool_k": 3, "pool_radius": 0.5, "pool_digest": "0"},
    ).with_columns(as_lists("members", pools.members, pools.offsets))  # fmt: skip
    scored = score_pools(
        table.select(pl.col(c).cast(t) for c, t in TOPIC_POOLS.schema.items()),
        {"s": COUNTS},
        undated=np.zeros(0, np.int32),
        precedence=("s",),
        rule=RULE,
    )
    fit = fit_pools(pools, COUNTS, COUNTS, n_min=2)
    known = COUNTS != UNKNOWN
    excess = np.where(known, fit.excess, np.nan)
    expected = scored["excess_ratio"].clip(lower_bound=0).fill_null(float("nan")).to_numpy()
    np.testing.assert_allclose(excess, expected)
    assert np.isfinite(excess).tolist() == [True, True, False, False, False]


def test_percentiles_and_logs_by_hand() -> None:
    """Unknown members count neither below nor in the number."""
    pools = pools_of(MEMBERS)
    cited = np.array([7, 30, 1, 1, 1], np.int32)
    found = fit_pools(pools, COUNTS, cited, n_min=1)
    np.testing.assert_allclose(found.percentile, [0.5, (2 + 0.5) / 3, np.nan, 0, 0.5])
    found = fit_pools(pools, COUNTS, cited, n_min=2)
    np.testing.assert_allclose(found.mean_log[0], (np.log(2) + np.log(31)) / 2)
    assert np.isnan(found.mean_log[[2, 3]]).all()
