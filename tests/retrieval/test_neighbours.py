"""Exact neighbours: against brute force in Python integers, and against themselves."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.retrieval import blocks
from pipeline.retrieval.neighbours import WindowNeighbours
from pipeline.retrieval.quantise import PRODUCT_PER_COSINE, cosine, quantise
from pipeline.retrieval.windows import NO_DAY, Pools, WindowRule

RULE = WindowRule(k_max=6, k_min=2, share=0.25, half_window_days=183)
EPOCH = dt.date(1970, 1, 1)


def days(*dates: str) -> NDArray[np.int32]:
    return np.array([(dt.date.fromisoformat(d) - EPOCH).days for d in dates], np.int32)


def unit(rng: np.random.Generator, n: int, d: int, distinct: int | None = None) -> NDArray:
    vectors = rng.standard_normal((distinct or n, d)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors[rng.integers(0, distinct, n)] if distinct else vectors


def prepare(vectors, day, *, ids=None, tie_rank=None, candidate=None, rule=RULE):
    n = len(vectors)
    return WindowNeighbours(
        vectors,
        day=day,
        member_id=np.arange(n, dtype=np.int32) if ids is None else ids,
        tie_rank=np.arange(n) if tie_rank is None else tie_rank,
        candidate=np.ones(n, bool) if candidate is None else candidate,
        rule=rule,
    )


def of(pools: Pools, i: int) -> list[int]:
    return pools.members[pools.offsets[i] : pools.offsets[i + 1]].tolist()


def brute_force(vectors, day, ids, tie_rank, candidate, rule, query):
    """Members, radius and window of one query, in Python integers."""
    q = [[int(x) for x in row] for row in quantise(vectors)]
    window = [
        i
        for i in range(len(q))
        if candidate[i]
        and i != query
        and NO_DAY not in (day[i], day[query])
        and abs(int(day[i]) - int(day[query])) <= rule.half_window_days
    ]
    k = min(len(window), rule.k_max, max(rule.k_min, len(window) // 4))
    product = {i: sum(a * b for a, b in zip(q[i], q[query], strict=True)) for i in window}
    nearest = sorted(window, key=lambda i: (-product[i], tie_rank[i]))[:k]
    radius = product[nearest[-1]] if nearest else 0
    return sorted(int(ids[i]) for i in nearest), radius, len(window)


@st.composite
def libraries(draw: st.DrawFn):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(1, 60))
    day = rng.integers(0, draw(st.sampled_from([1, 200, 1500])), n).astype(np.int32)
    if draw(st.booleans()):
        day[rng.random(n) < 0.5] = 182  # 2 July, as for year-precision dates
    day[rng.random(n) < 0.1] = NO_DAY
    vectors = unit(rng, n, draw(st.sampled_from([2, 16])), draw(st.sampled_from([None, 3])))
    ids = rng.permutation(3 * n)[:n].astype(np.int32)
    candidate = rng.random(n) < draw(st.sampled_from([1.0, 0.7]))
    return vectors, day, ids, rng.permutation(n), candidate


@settings(max_examples=60, deadline=None)
@given(libraries())
def test_equals_brute_force(library) -> None:
    """Wrong members through masking, ties, self-exclusion, ineligible or undated papers."""
    vectors, day, ids, tie_rank, candidate = library
    pools = prepare(vectors, day, ids=ids, tie_rank=tie_rank, candidate=candidate).pools(
        np.arange(len(day))
    )
    for i in range(len(day)):
        members, radius, n_window = brute_force(vectors, day, ids, tie_rank, candidate, RULE, i)
        assert of(pools, i) == members
        assert (pools.threshold[i], pools.n_window[i]) == (radius, n_window)


@settings(max_examples=40, deadline=None)
@given(libraries(), st.data())
def test_does_not_depend_on_how_the_work_is_cut(library, data) -> None:
    """A backfill of one venue-year, or another block size, giving other pools than a full run."""
    vectors, day, ids, tie_rank, candidate = library
    index = prepare(vectors, day, ids=ids, tie_rank=tie_rank, candidate=candidate)
    whole = index.pools(np.arange(len(day)))
    subset = np.array(data.draw(st.lists(st.integers(0, len(day) - 1), max_size=20)), np.int64)
    for block in (1, 7, 1024):
        part = index.pools(subset, block=block, workers=data.draw(st.sampled_from([1, 3])))
        assert [of(part, i) for i in range(len(subset))] == [of(whole, i) for i in subset]
        np.testing.assert_array_equal(part.threshold, whole.threshold[subset])
        np.testing.assert_array_equal(part.n_window, whole.n_window[subset])


def test_memory_limits_do_not_change_the_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows lost where a block is cut by the memory limit or a run by the cache limit."""
    rng = np.random.default_rng(5)
    vectors, day = unit(rng, 300, 8), rng.integers(0, 900, 300).astype(np.int32)
    whole = prepare(vectors, day).pools(np.arange(300))
    monkeypatch.setattr(blocks, "_BLOCK_FLOATS", 1000)
    monkeypatch.setattr(blocks, "_CHUNK_FLOATS", 150)
    cut = prepare(vectors, day).pools(np.arange(300))
    np.testing.assert_array_equal(cut.members, whole.members)
    np.testing.assert_array_equal(cut.threshold, whole.threshold)


def test_ties_go_to_the_lowest_rank_not_the_lowest_row() -> None:
    """Tied papers chosen by position, so that a re-import reorders pools."""
    vectors = np.tile(np.array([[0.6, 0.8]], np.float32), (200, 1))
    rank = np.random.default_rng(2).permutation(200)
    pools = prepare(vectors, days(*["2020-07-02"] * 200), tie_rank=rank).pools(np.arange(200))
    lowest = np.argsort(rank)
    for i in range(200):
        assert of(pools, i) == sorted(lowest[lowest != i][:6].tolist())


def test_window_ends_are_inclusive_symmetric_and_leap_years_count() -> None:
    """One paper sees another that does not see it; 2020 treated as 365 days long."""
    # 2020-01-01 + 183 days is 2 July in a leap year; 2021-01-01 + 182 in a common one.
    dates = days("2020-01-01", "2020-07-02", "2021-01-01", "2021-07-02", "2021-07-04")
    pools = prepare(unit(np.random.default_rng(0), 5, 4), dates).pools(np.arange(5))
    assert [of(pools, i) for i in range(5)] == [[1], [0, 2], [1, 3], [2, 4], [3]]


def test_papers_outside_pools_have_one_but_are_in_none() -> None:
    """Workshop papers entering pools, or being counted as their own window."""
    candidate = np.array([True, True, False])
    index = prepare(
        unit(np.random.default_rng(0), 3, 4), days(*["2020-07-02"] * 3), candidate=candidate
    )
    pools = index.pools(np.arange(3))
    assert [of(pools, i) for i in range(3)] == [[1], [0], [0, 1]]
    assert pools.n_window.tolist() == [1, 1, 2]


def test_undated_and_lonely_papers_have_empty_pools() -> None:
    """A missing date silently meaning the whole library, or a window of one paper failing."""
    day = np.array([NO_DAY, 0, NO_DAY, 5000], np.int32)
    pools = prepare(unit(np.random.default_rng(0), 4, 4), day).pools(np.arange(4))
    assert pools.members.size == 0
    assert pools.n_window.tolist() == pools.k.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("n", [0, 3])
def test_no_papers_or_no_queries(n: int) -> None:
    """The first run of an empty library or an empty cell failing."""
    index = prepare(np.ones((n, 1), np.float32), np.zeros(n, np.int32))
    pools = index.pools(np.empty(0, np.int64))
    assert pools.members.size == 0
    assert pools.offsets.tolist() == [0]


def test_pool_size_is_floored_exactly_and_bounded() -> None:
    """floor(0.29 × 100) = 28 in floating point; a pool larger than its window."""
    n = np.array([0, 5, 999, 1000, 1019, 50_000])
    assert WindowRule().pool_size(n).tolist() == [0, 5, 100, 100, 101, 1000]
    exact = WindowRule(k_min=1, share=0.29)
    assert exact.pool_size(np.array([100])).tolist() == [29]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 1024), st.sampled_from([1.0, 1.0009]))
def test_products_are_exact_for_any_shape(seed: int, d: int, length: float) -> None:
    """Products that depend on batch shape, so that incremental differs from rebuild."""
    rng = np.random.default_rng(seed)
    vectors = unit(rng, 5, d) * np.float32(length)
    q = quantise(vectors)
    expected = q.astype(np.int64) @ q.astype(np.int64).T
    np.testing.assert_array_equal(q @ q.T, expected)
    np.testing.assert_array_equal(np.concatenate([q[i : i + 1] @ q.T for i in range(5)]), expected)
    assert abs(expected).max() < 2**24


def test_exact_at_the_largest_products() -> None:
    """Partial sums beyond 2^24: constant vectors round all coordinates the same way."""
    for d in (1, 384, 4096, 65_536):
        q = quantise(np.full((2, d), 1.0009 / np.sqrt(d), np.float32))
        exact = int(q[0, 0]) ** 2 * d
        assert exact < 2**24
        assert (q @ q.T)[0, 1] == np.cumsum(q[0] * q[1], dtype=np.float32)[-1] == exact


def test_a_stored_radius_gives_back_its_integer() -> None:
    """A float32 radius that cannot decide whether a new paper enters the pool."""
    product = np.arange(2**23 - 1000, 2**23 + 20_000, dtype=np.float32)
    assert (cosine(product) * PRODUCT_PER_COSINE == product).all()


def test_refuses_what_would_be_inexact() -> None:
    """NaN or unnormalised vectors silently giving wrong neighbours."""
    vectors = np.eye(3, dtype=np.float32)
    vectors[1] *= 2
    with pytest.raises(InputError, match=r"received 1 others.*row 1 of length 2"):
        quantise(vectors)
    vectors[1, 0] = np.nan
    with pytest.raises(InputError, match="row 1 of length nan"):
        quantise(vectors)
    with pytest.raises(InputError, match="float32 matrix"):
        quantise(np.eye(2))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="repeated"):
        prepare(np.eye(2, dtype=np.float32), days("2020-01-01", "2020-01-01"), ids=np.zeros(2, int))
    with pytest.raises(InputError, match="3 values of day"):
        prepare(np.eye(3, dtype=np.float32), days("2020-01-01"))
