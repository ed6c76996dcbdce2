"""Splits: nothing leaks across, and what is added moves nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.errors import InputError
from pipeline.labels.splits import (
    SPLITS,
    SplitRule,
    Splits,
    _components,
    cluster_papers,
    split_papers,
)

EVEN = SplitRule(train=0.4, dev=0.3, test=0.3)


def library(seed: int, n: int) -> tuple[list[str], list[str], np.ndarray]:
    """(ids, titles, vectors) in which a third of the papers resembles an earlier one."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 16)).astype(np.float32)
    titles = [f"Paper {rng.integers(10**6)}" for _ in range(n)]
    for row in range(1, n):
        twin, kind = rng.integers(row), rng.integers(6)
        if kind == 0:
            vectors[row] = vectors[twin] + 0.05 * rng.normal(size=16)
        if kind == 1:
            titles[row] = titles[twin].upper() + "!"
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [f"p{seed}-{row}" for row in range(n)], titles, vectors


def split(ids: list[str], titles: list[str], vectors: np.ndarray, minted: np.ndarray) -> Splits:
    cluster = cluster_papers(titles, vectors, minted, cosine=EVEN.cosine)
    return split_papers(ids, cluster, EVEN)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 80))
def test_no_near_duplicates_on_two_sides(seed: int, n: int) -> None:
    """The preprint in train and its published version in test: memory passes for retrieval."""
    ids, titles, vectors = library(seed, n)
    splits = split(ids, titles, vectors, np.arange(n, dtype=np.int32))
    apart = splits.split[:, None] != splits.split
    assert not (apart & (vectors @ vectors.T > EVEN.cosine + 1e-3)).any()
    keys = np.array([title.lower().rstrip("!") for title in titles])
    assert not (apart & (keys[:, None] == keys)).any()


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 80), new=st.integers(1, 40))
def test_added_papers_move_only_clusters_they_tie_together(seed: int, n: int, new: int) -> None:
    """If next month's papers reshuffle the splits, today's champion has seen tomorrow's test."""
    ids, titles, vectors = library(seed, n + new)
    minted = np.arange(n + new, dtype=np.int32)
    before = split(ids[:n], titles[:n], vectors[:n], minted[:n])
    after = split(ids, titles, vectors, minted)
    moved = np.flatnonzero(before.split != after.split[:n])
    for row in moved:  # its cluster now begins with a paper of another, earlier cluster
        assert after.cluster[row] < before.cluster[row]


def test_the_order_of_rows_does_not_matter() -> None:
    """Lake files are read in any order; the split of a paper hangs on ids and minting alone."""
    ids, titles, vectors = library(3, 60)
    minted = np.arange(60, dtype=np.int32)
    expected = dict(zip(ids, split(ids, titles, vectors, minted).split.tolist(), strict=True))
    order = np.random.default_rng(0).permutation(60)
    shuffled = split(
        [ids[i] for i in order], [titles[i] for i in order], vectors[order], order.astype(np.int32)
    )
    assert dict(zip([ids[i] for i in order], shuffled.split.tolist(), strict=True)) == expected


def test_shares_hold_and_the_report_adds_up() -> None:
    """A hash that is not uniform starves the test split and the gate loses its power."""
    n = 20_000
    splits = split_papers([f"p{i}" for i in range(n)], np.arange(n, dtype=np.int32), SplitRule())
    report = splits.report()
    assert report["name"].to_list() == list(SPLITS)
    assert report["papers"].sum() == n
    # Four standard deviations of a binomial share are 0.011 and 0.0085.
    np.testing.assert_allclose(report["share"], [0.8, 0.1, 0.1], atol=0.011)
    assert [int(splits.mask(name).sum()) for name in SPLITS] == report["papers"].to_list()


def test_an_empty_split_is_reported_as_empty() -> None:
    """A row that silently is not there reads as "not asked for"."""
    report = split_papers(["p"], np.zeros(1, np.int32), SplitRule()).report()
    assert sorted(report["papers"].to_list()) == [0, 0, 1]


def test_pairs_from_elsewhere_tie_too() -> None:
    """A doubt that waits for a person is a leak until it is decided."""
    titles, vectors = ["A", "B", "C"], np.eye(3, dtype=np.float32)
    minted, doubts = np.array([2, 0, 1], np.int32), np.array([[0, 2]], np.int32)
    alone = cluster_papers(titles, vectors, minted, cosine=0.9)
    tied = cluster_papers(titles, vectors, minted, cosine=0.9, also=doubts)
    assert alone.tolist() == [0, 1, 2]
    assert tied.tolist() == [2, 1, 2]  # named by C, minted before A


def test_components_follow_chains() -> None:
    """One round of label passing leaves the ends of a long chain apart."""
    n = 1000
    order = np.random.default_rng(0).permutation(n).astype(np.int32)
    chain = np.stack([order[:-1], order[1:]], axis=1)
    assert (_components(n, chain) == 0).all()
    assert _components(4, np.array([[2, 3]], np.int32)).tolist() == [0, 1, 2, 2]
    assert _components(2, np.empty((0, 2), np.int32)).tolist() == [0, 1]


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 60), edges=st.integers(0, 60))
def test_components_equal_scipy(seed: int, n: int, edges: int) -> None:
    """Own union of sets; a missed union is a leak."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = np.random.default_rng(seed).integers(n, size=(edges, 2)).astype(np.int32)
    graph = coo_array((np.ones(edges), pairs.T), shape=(n, n))
    expected = connected_components(graph, directed=False)[1]
    received = _components(n, pairs)
    assert len({*zip(expected.tolist(), received.tolist(), strict=True)}) == len(set(expected))
    assert len(set(received.tolist())) == len(set(expected.tolist()))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"sum to 1, received 0\.9"):
        SplitRule(train=0.7)
    with pytest.raises(InputError, match="train, dev, test"):
        split_papers(["p"], np.zeros(1, np.int32), SplitRule()).mask("valid")
    eye = np.eye(2, dtype=np.float32)
    with pytest.raises(InputError, match="repeated"):
        cluster_papers(["A", "B"], eye, np.zeros(2, np.int32), cosine=0.9)
    with pytest.raises(InputError, match="expected 3 vectors"):
        cluster_papers(["A", "B", "C"], eye, np.arange(3, dtype=np.int32), cosine=0.9)
    with pytest.raises(InputError, match="one cluster per paper"):
        split_papers(["p", "q"], np.zeros(1, np.int32), SplitRule())
