"""Measures against ir_measures, scipy and sums done by hand."""

import math

import ir_measures
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import RR, R, nDCG

from pipeline.errors import InputError
from pipeline.retrieval.judgments import Judgments
from pipeline.retrieval.measures import kendall_tau, ndcg, recall, reciprocal_rank
from pipeline.retrieval.ranking import order_candidates, rank_documents


def test_by_hand() -> None:
    """A discount off by one rank, or an ideal taken from the ranking rather than the judgments."""
    judged = Judgments.from_pairs([0, 0, 0, 1], [4, 5, 6, 9], [3, 1, 2, 1], 3)
    ranking = np.array([[5, 7, 4], [1, 2, 3], [4, 5, 6]], np.int32)
    gains = judged.gains_of(ranking)
    assert gains.tolist() == [[1, 0, 3], [0, 0, 0], [0, 0, 0]]
    best = 3 + 2 / math.log2(3) + 1 / 2
    expected = [(1 + 3 / 2) / best, 0, 0]
    np.testing.assert_allclose(ndcg(gains, judged.ideal_gains(3), 3), expected)
    np.testing.assert_allclose(recall(gains, judged.n_relevant(), 3), [2 / 3, 0, 0])
    np.testing.assert_allclose(reciprocal_rank(gains[:, ::-1], 1), [1, 0, 0])
    np.testing.assert_allclose(reciprocal_rank(gains[:, 1:], 2), [1 / 2, 0, 0])


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("seed", range(3))
def test_equals_ir_measures(k: int, seed: int) -> None:
    """Any departure from trec_eval: negative gains, unretrieved judged documents, short lists."""
    rng = np.random.default_rng(seed)
    n_queries, n_documents = 7, 40
    scores = rng.normal(size=(n_queries, n_documents))
    gains = rng.choice([-1, 0, 0, 0, 1, 2, 3], size=(n_queries, n_documents))
    gains[0] = 0  # nothing relevant: in the mean with 0
    judged = rng.random(scores.shape) < 0.4
    query, document = np.nonzero(judged)
    judgments = Judgments.from_pairs(query, document, gains[judged], n_queries)
    depth = 2 if seed == 2 else 10
    ranking = np.argsort(-scores, axis=1)[:, :depth].astype(np.int32)
    qrels = [
        ir_measures.Qrel(str(q), str(d), int(gains[q, d]))
        for q, d in zip(query, document, strict=True)
    ]
    run = [
        ir_measures.ScoredDoc(str(q), str(d), float(scores[q, d]))
        for q in range(n_queries)
        for d in ranking[q]
    ]
    found = judgments.gains_of(ranking)
    ours = {
        nDCG @ k: ndcg(found, judgments.ideal_gains(k), k),
        R @ k: recall(found, judgments.n_relevant(), k),
        RR @ k: reciprocal_rank(found, k),
    }
    for row in ir_measures.iter_calc(list(ours), qrels, run):
        assert ours[row.measure][int(row.query_id)] == pytest.approx(row.value), row


tied = st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=2, max_size=12)


@given(tied)
def test_tau_equals_scipy(pairs: list[tuple[int, int]]) -> None:
    """Ties counted on the wrong side; a constant system or teacher dividing by zero."""
    ours, theirs = np.array(pairs, float).T
    padding = np.full((1, 3), np.nan)
    tau = kendall_tau(np.hstack([ours[None], padding]), np.hstack([theirs[None], np.ones((1, 3))]))[
        0
    ]
    if np.ptp(theirs) == 0:
        assert math.isnan(tau)
    elif np.ptp(ours) == 0:
        assert tau == 0
    else:
        assert tau == pytest.approx(scipy.stats.kendalltau(ours, theirs).statistic)


def test_tau_in_blocks() -> None:
    """Queries lost or repeated between blocks of the pairwise comparison."""
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 250, 150))
    tau = kendall_tau(ours, theirs)
    expected = [scipy.stats.kendalltau(a, b).statistic for a, b in zip(ours, theirs, strict=True)]
    np.testing.assert_allclose(tau, expected, atol=1e-12)


@pytest.mark.parametrize("n_documents", [5, 900, 3000])
def test_rankings_equal_a_full_sort(n_documents: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, the excluded row, ties at the last rank, more ranks asked than documents."""
    monkeypatch.setattr("pipeline.retrieval.ranking._BLOCK_FLOATS", 4 * n_documents)
    rng = np.random.default_rng(n_documents)
    # Small integers: products are exact and many are tied.
    documents = rng.integers(-2, 3, size=(n_documents, 6)).astype(np.float32)
    queries = rng.integers(-2, 3, size=(11, 6)).astype(np.float32)
    excluded = rng.integers(-1, n_documents, size=11).astype(np.int32)
    ranking = rank_documents(queries, documents, 20, excluded=excluded)
    for i, query in enumerate(queries):
        scores = documents @ query
        expected = np.lexsort((np.arange(n_documents), -scores))
        expected = expected[expected != excluded[i]][:20]
        assert ranking[i, : expected.size].tolist() == expected.tolist()
        assert (ranking[i, expected.size :] == -1).all()


def test_gains_of_a_ranking_leave_out_the_query_itself() -> None:
    """A paper that finds itself first, and counts as an answer."""
    vectors = np.eye(3, dtype=np.float32)
    judged = Judgments.from_pairs([0, 0], [0, 1], [1, 1], 1)
    own = np.array([0], np.int32)
    gains = judged.gains_of(rank_documents(vectors[:1], vectors, 3, excluded=own))
    assert gains.tolist() == [[1, 0, 0]]
    assert judged.without(own).n_relevant().tolist() == [1]


def test_candidates_in_order() -> None:
    """Padding ranked before documents; a NaN score ranked first."""
    candidates = np.array([[3, 1, 2, -1, 7]], np.int32)
    scores = np.array([[0.5, 0.5, 0.9, 5.0, np.nan]])
    assert order_candidates(candidates, scores).tolist() == [[2, 1, 3, 7, -1]]


def test_vectors_that_cannot_be_ranked() -> None:
    """A diverged prompt whose NaN vectors crash the ranking, or rank at random; two encoders."""
    vectors = np.eye(3, dtype=np.float32)
    diverged = vectors.copy()
    diverged[1, 1] = np.nan
    with pytest.raises(InputError, match="1 of 3 with NaN"):
        rank_documents(diverged, vectors, 2)
    with pytest.raises(InputError, match="one encoder"):
        rank_documents(vectors[:, :2], vectors, 2)
    assert rank_documents(vectors, vectors[:0], 2).shape == (3, 0)
    assert rank_documents(vectors[:0], vectors, 2).shape == (0, 2)


@pytest.mark.parametrize(
    ("pairs", "match"),
    [
        (([0, 0], [1, 1], [1.0, 2.0]), "1 judged again"),
        (([0], [-1], [1.0]), "documents from -1"),
        (([2], [0], [1.0]), r"query rows 0\.\.1"),
        (([0], [0], [math.nan]), "finite gains"),
        (([0], [0, 1], [1.0]), "received 1, 2 and 1"),
    ],
)
def test_judgments_that_cannot_be_used(
    pairs: tuple[list[int], list[int], list[float]], match: str
) -> None:
    """A pair counted twice; rows of another split taken modulo the matrix."""
    with pytest.raises(InputError, match=match):
        Judgments.from_pairs(*pairs, 2)
