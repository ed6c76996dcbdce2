"""TNCSI_SP against scipy's exponential fit, by hand, and at its edges."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import expon

from pipeline.errors import InputError
from pipeline.impact import segments
from pipeline.impact.pools import PoolRule
from pipeline.impact.segments import UNKNOWN, as_lists, flatten, segment_sums
from pipeline.impact.tncsi import dense_counts, score_pools
from pipeline.tables import CITATION_COUNTS, TNCSI_SP, TOPIC_POOLS, violations

RULE = PoolRule(n_min=3)
NOBODY = np.empty(0, np.int32)


def pool_rows(members: dict[int, list[int]], n_window: int | None = None) -> pl.DataFrame:
    """topic_pools rows of the papers {paper_row: members}."""
    k = [len(m) for m in members.values()]
    return pl.DataFrame(
        {
            "paper_id": [f"p{row}" for row in members],
            "paper_row": list(members),
            "venue": ["v"] * len(k),
            "year": [2020] * len(k),
            "config_id": ["c"] * len(k),
            "n_window": [2 * n if n_window is None else n_window for n in k],
            "pool_k": k,
            "pool_radius": [0.5] * len(k),
            "members": list(members.values()),
            "pool_digest": ["0" * 16] * len(k),
        },
        schema=TOPIC_POOLS.schema,
    )


def score(pools: pl.DataFrame, counts, *, undated=NOBODY, precedence=None, rule=RULE):
    dense = {source: np.array(c, np.int32) for source, c in counts.items()}
    scores = score_pools(
        pools, dense, undated=undated, precedence=precedence or list(counts), rule=rule
    )
    assert violations(TNCSI_SP, scores) == []
    return scores


def test_by_hand() -> None:
    """Mean of the pool minus its minimum, not the standard deviation, is the scale."""
    got = score(pool_rows({0: [1, 2, 3]}, n_window=12), {"s": [8, 2, 4, 9]}).row(0, named=True)
    assert got["pool_loc"] == 2
    assert got["pool_scale"] == 3.0
    assert got["excess_ratio"] == 2.0
    assert got["tncsi_sp"] == pytest.approx(1 - np.exp(-2.0), rel=1e-15)
    assert (got["n_pool"], got["pool_k"], got["pool_share"]) == (3, 3, 0.25)
    assert (got["status"], got["citation_source"], got["cited_by_count"]) == ("ok", "s", 8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2_000_000), min_size=4, max_size=80), st.integers(0, 3_000_000))
def test_equals_scipys_exponential_fit(pool: list[int], own: int) -> None:
    """A formula that drifts from the maximum-likelihood fit it claims to be."""
    row = score(pool_rows({0: list(range(1, len(pool) + 1))}), {"s": [own, *pool]}).row(
        0, named=True
    )
    loc, scale = expon.fit(np.array(pool, np.float64))
    if len(set(pool)) == 1:
        assert row["status"] == "constant_pool"
        return
    assert row["pool_loc"] == loc
    assert row["pool_scale"] == pytest.approx(scale, rel=1e-12, abs=1e-9)
    assert row["tncsi_sp"] == pytest.approx(expon.cdf(own, loc, row["pool_scale"]), rel=1e-12)


def test_statuses_and_their_precedence() -> None:
    """-1 or NaN for what cannot be computed; two reasons giving the less telling one."""
    pools = pool_rows({0: [], 1: [2, 3, 4], 2: [3, 4], 3: [5, 6, 7], 4: [2, 3, 5], 8: []})
    counts = {"s": [5, -1, 1, 2, 3, 7, 7, 7, -1]}
    got = score(pools, counts, undated=np.array([0, 8], np.int32))
    assert got["status"].to_list() == [
        "no_date", "no_citation_count", "pool_too_small", "constant_pool", "ok", "no_date"
    ]  # fmt: skip
    assert got["tncsi_sp"].is_null().to_list() == [True, True, True, True, False, True]
    assert got["excess_ratio"].is_null().to_list() == [True, True, True, True, False, True]
    assert got["cited_by_count"].to_list() == [5, None, 1, 2, 3, None]
    assert got["citation_source"].to_list() == ["s", None, "s", "s", "s", None]
    assert got["n_pool"].to_list() == [0, 3, 2, 3, 3, 0]
    assert got["pool_loc"].to_list() == [None, 1, 2, 7, 1, None]
    assert got["pool_scale"].to_list() == [None, 1.0, 0.5, 0.0, pytest.approx(7 / 3), None]
    assert got["pool_share"].to_list() == [None, 0.5, 0.5, 0.5, 0.5, None]


def test_below_the_smallest_count_the_score_is_zero_and_the_excess_negative() -> None:
    """A negative score, or all papers below loc sorting alike."""
    got = score(pool_rows({0: [2, 3, 4], 1: [2, 3, 4]}), {"s": [0, 1, 2, 3, 4]})
    assert got["tncsi_sp"].to_list() == [0.0, 0.0]
    assert got["excess_ratio"].to_list() == [-2.0, -1.0]


def test_the_excess_does_not_saturate() -> None:
    """The most cited papers tied at 1, and those near 0 lost to rounding."""
    counts = [10**6, 2 * 10**6, 1, *range(10_000, 0, -1), 0]
    everyone = list(range(3, len(counts)))
    got = score(pool_rows({0: everyone, 1: everyone, 2: everyone}), {"s": counts})
    assert got["tncsi_sp"].to_list()[:2] == [1.0, 1.0]
    assert got["excess_ratio"][1] > got["excess_ratio"][0] > 100
    assert got["tncsi_sp"][2] == pytest.approx(2e-4 * (1 - 1e-4), rel=1e-7)


def test_sources_are_never_mixed() -> None:
    """A Google Scholar count judged against OpenAlex counts, which are several times smaller."""
    scholar = [100, -1, 10, 20, -1, 60]
    openalex = [1, 4, 1, 2, 3, 7]
    pools = pool_rows({0: [2, 3, 4, 5], 1: [2, 3, 4, 5]})
    got = score(
        pools, {"openalex": openalex, "scholar": scholar}, precedence=["scholar", "openalex"]
    )
    assert got["citation_source"].to_list() == ["scholar", "openalex"]
    assert got["cited_by_count"].to_list() == [100, 4]
    assert got["n_pool"].to_list() == [3, 4]
    assert got["pool_loc"].to_list() == [10, 1]
    assert got["pool_scale"].to_list() == [20.0, 2.25]
    with pytest.raises(InputError, match="scholar"):
        score(pools, {"scholar": scholar}, precedence=["openalex"])


def test_sums_beyond_32_bits() -> None:
    """A pool of a thousand papers with millions of citations overflowing into a negative mean."""
    largest = 2**31 - 1
    got = score(pool_rows({0: list(range(1, 2001))}), {"s": [largest, 0] + [largest] * 1999})
    assert got["pool_scale"][0] == largest * 1999 / 2000
    assert got["excess_ratio"][0] == pytest.approx(2000 / 1999, rel=1e-15)


def test_an_empty_cell_or_an_unknown_source_still_gives_rows() -> None:
    """The first night, before any counts, failing."""
    assert score(pool_rows({}), {"s": []}).height == 0
    got = score(pool_rows({0: [1, 2, 3]}), {}, precedence=["s"])
    assert got["status"].to_list() == ["no_citation_count"]


def test_counts_that_do_not_reach_every_member_are_refused() -> None:
    """Counts of one venue loaded where the pool crosses venues."""
    with pytest.raises(InputError, match="up to row 9, received 3 rows"):
        score(pool_rows({0: [1, 9]}), {"s": [1, 2, 3]})
    with pytest.raises(InputError, match="up to row 5, received 3 rows"):
        score(pool_rows({5: [1]}), {"s": [1, 2, 3]})


def test_dense_counts_leave_unknown_apart_from_zero() -> None:
    """A paper without a count treated as a paper without citations."""
    table = pl.DataFrame(
        {
            "paper_id": ["a", "b", "a"], "paper_row": [0, 2, 0], "venue": ["v"] * 3,
            "year": [2020] * 3, "citation_source": ["s", "s", "t"], "cited_by_count": [0, 7, 3],
            "observed_on": [None] * 3,
        },
        schema=CITATION_COUNTS.schema,
    )  # fmt: skip
    dense = dense_counts(table, 4)
    assert dense["s"].tolist() == [0, UNKNOWN, 7, UNKNOWN]
    assert dense["t"].tolist() == [3, UNKNOWN, UNKNOWN, UNKNOWN]
    assert dense_counts(table[:0], 4) == {}
    with pytest.raises(InputError, match="below 2"):
        dense_counts(table, 2)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), max_size=9), max_size=30), st.integers(1, 20))
def test_sums_do_not_depend_on_chunks(lists: list[list[int]], chunk: int) -> None:
    """Empty pools or chunk ends taking a neighbour's hashes."""
    flat, offsets = flatten(pl.Series(lists, dtype=pl.List(pl.Int32)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "_CHUNK", chunk)
        hashes = segment_sums(flat, offsets, np.full(10, 2**63 + 1, np.uint64))
    assert hashes.tolist() == [len(one) * (2**63 + 1) % 2**64 for one in lists]


def test_list_columns_survive_slices_and_chunks() -> None:
    """Cells read from several files, or sliced, whose offsets start elsewhere."""
    column = as_lists("members", np.arange(6, dtype=np.int32), np.array([0, 2, 2, 6]))
    assert column.to_list() == [[0, 1], [], [2, 3, 4, 5]]
    several = pl.concat([column[1:], column[:1]])
    flat, offsets = flatten(several)
    assert [flat[a:b].tolist() for a, b in itertools.pairwise(offsets)] == [
        [], [2, 3, 4, 5], [0, 1]
    ]  # fmt: skip
