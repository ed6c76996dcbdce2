"""Exact sums: what moved a score, by numbers small enough to reckon by hand, and by any numbers."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.impact.explain import (
    MEASURES,
    Fit,
    decompose,
    excess_ratio,
    pool_moves,
    split_pool,
    tncsi_sp,
)
from pipeline.impact.pools import PoolRule
from pipeline.impact.tncsi import score_pools
from pipeline.tables import TOPIC_POOLS

counts = st.integers(0, 10**6)
pools = st.dictionaries(st.sampled_from("abcdefghij"), counts, min_size=2).filter(
    lambda pool: len(set(pool.values())) > 1
)


def test_the_three_parts_by_hand() -> None:
    """A part measured against the other state's pool has the right size and the wrong sense."""
    parts = decompose(excess_ratio, 4, Fit(0, 2.0), 10, Fit(0, 4.0))
    assert (parts.before, parts.after, parts.total) == (2.0, 2.5, 0.5)
    assert (parts.own, parts.pool, parts.both) == (3.0, -1.0, -1.5)  # 10/2 − 2, 4/4 − 2, the rest


@given(counts, pools, counts, pools, st.sampled_from(sorted(MEASURES)))
def test_parts_add_up_and_say_the_same_backwards(
    c0: int, pool0: dict[str, int], c1: int, pool1: dict[str, int], name: str
) -> None:
    """A sum that leaves a rest explains the change by something nobody is told of."""
    measure, fits = MEASURES[name], (Fit.of(pool0), Fit.of(pool1))
    there = decompose(measure, c0, fits[0], c1, fits[1])
    sizes = [abs(x) for x in (there.total, there.own, there.pool, there.both)]
    # `both` is left after two subtractions: the first rounds a number of up to twice the largest
    # part, by at most half an ulp of it, the second by half an ulp of the largest part.
    rounding = 1.5 * math.ulp(max(sizes))
    assert abs(math.fsum([there.own, there.pool, there.both, -there.total])) <= rounding
    back = decompose(measure, c1, fits[1], c0, fits[0])
    least = max(sizes) * 1e-12
    assert back.total == -there.total
    assert back.both == pytest.approx(there.both, rel=0, abs=least)
    assert back.own == pytest.approx(-(there.own + there.both), rel=0, abs=least)
    assert back.pool == pytest.approx(-(there.pool + there.both), rel=0, abs=least)


@given(counts, pools, counts, pools, st.sampled_from(sorted(MEASURES)))
def test_the_pool_s_part_splits_into_counts_and_members(
    c0: int, pool0: dict[str, int], c1: int, pool1: dict[str, int], name: str
) -> None:
    """Counts that moved, blamed on members that came, or the reverse."""
    measure, fits = MEASURES[name], (Fit.of(pool0), Fit.of(pool1))
    parts, moves = decompose(measure, c0, fits[0], c1, fits[1]), pool_moves(pool0, pool1)
    cut = split_pool(measure, c0, fits[0], parts, moves)
    if cut is None:
        assert moves.between is None
        return
    assert abs(math.fsum([*cut, -parts.pool])) <= math.ulp(max(map(abs, (*cut, parts.pool))))
    if not moves.n_moved:
        assert cut[0] == 0
    if not moves.n_entered + moves.n_left:
        assert cut[1] == 0


def test_what_alone_moved_has_the_whole_change() -> None:
    """An interaction told of where one thing stood still sends people looking for it."""
    own = decompose(tncsi_sp, 4, Fit(1, 2.0), 9, Fit(1, 2.0))
    pool = decompose(tncsi_sp, 4, Fit(1, 2.0), 4, Fit(0, 3.0))
    assert (own.own, own.pool, own.both) == (own.total, 0, 0)
    assert (pool.own, pool.pool, pool.both) == (0, pool.total, 0)


def test_members_that_moved_came_and_went() -> None:
    """A member whose count becomes known is new to the fit, whoever else stays."""
    moves = pool_moves({"a": 0, "b": 4, "gone": 8}, {"a": 0, "b": 6, "new": 3})
    assert (moves.n_moved, moves.n_entered, moves.n_left) == (1, 1, 1)
    assert moves.between == Fit(0, (0 + 6 + 8) / 3)
    assert pool_moves({"a": 1, "b": 2}, {"a": 2, "c": 9}).between is None  # a and b both 2


def test_a_pool_without_spread_is_refused() -> None:
    """A division by 0 would explain a score that nobody ever published."""
    for pool in ({"a": 3, "b": 3}, {"a": 0}):
        with pytest.raises(InputError, match="expected a pool whose counts differ"):
            Fit.of(pool)
    with pytest.raises(InputError, match="at least one known count"):
        Fit.of({})


@given(counts, st.lists(counts, min_size=2, max_size=40).filter(lambda pool: len(set(pool)) > 1))
def test_measures_are_those_that_are_published(cited: int, pool: list[int]) -> None:
    """An explanation of another number than the table's."""
    members = list(range(1, len(pool) + 1))
    row = ("p", 0, "cvpr", 2016, "rule", len(pool), len(pool), 0.5, members, "")
    scores = score_pools(
        pl.DataFrame([row], schema=TOPIC_POOLS.schema, orient="row"),
        {"openalex": np.array([cited, *pool], np.int32)},
        undated=np.array([], np.int32),
        precedence=["openalex"],
        rule=PoolRule(n_min=2),
    ).row(0, named=True)
    fit = Fit.of({str(i): count for i, count in enumerate(pool)})
    assert fit == Fit(scores["pool_loc"], scores["pool_scale"])
    assert excess_ratio(cited, fit) == scores["excess_ratio"]
    assert tncsi_sp(cited, fit) == pytest.approx(scores["tncsi_sp"], rel=1e-14, abs=0)
