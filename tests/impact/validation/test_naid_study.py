"""Comparison with NAID: scores by brute force, and whether a planted topic is found."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from pipeline.impact.pools import PoolRule
from pipeline.impact.segments import UNKNOWN
from pipeline.impact.validation import ceiling
from pipeline.impact.validation.figures import Figure
from pipeline.impact.validation.naid_scores import (
    BY_LIBRARY_TOPIC,
    IN_WINDOW,
    LIBRARY_TOPIC,
    PERCENTILE,
    TOPIC,
    LibraryPart,
    library_scores,
    own_scores,
)
from pipeline.impact.validation.naid_study import naid_agreement
from pipeline.impact.validation.words import word_vectors
from pipeline.retrieval.quantise import quantise

RULE = PoolRule(k_min=20, k_max=40, n_min=5)
TOPICS, PAPERS = 6, 240


def planted(seed: int = 0) -> tuple[pl.DataFrame, NDArray[np.float32], NDArray[np.int64]]:
    """NAID as it would be were its pools topics: vectors by topic, scale by topic."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(TOPICS, size=PAPERS)
    scale = np.array([4.0, 8, 16, 32, 64, 128])[topic]
    cites = np.rint(rng.exponential(scale)).astype(np.int32)
    month = 2020 * 12 + rng.integers(24, size=PAPERS)
    vectors = np.eye(8)[topic] + 0.05 * rng.normal(size=(PAPERS, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    naid = pl.DataFrame(
        {
            "arxiv_id": [f"{i:05d}" for i in range(PAPERS)],
            "publication_date": [dt.date(int(m) // 12, int(m) % 12 + 1, 15) for m in month],
            "month": month.astype(np.int32),
            "cites": cites,
            "tncsi": -np.expm1(-cites / scale),
            "tncsi_sp": -np.expm1(-cites / scale),
        }
    )
    return naid, vectors.astype(np.float32), topic


def figure(figures: list[Figure], system: str, measure: str, part: str = "all") -> Figure:
    (found,) = [f for f in figures if (f.system, f.measure, f.slice) == (system, measure, part)]
    return found


def test_everything_in_the_window_by_brute_force() -> None:
    """A window of another width, or a paper in its own pool, would pass unseen."""
    naid, vectors, _ = planted()
    scores = own_scores(naid, vectors, RULE)
    month, cites = naid["month"].to_numpy(), naid["cites"].to_numpy()
    for paper in (0, 17, 239):
        others = (np.abs(month - month[paper]) <= 6) & (np.arange(PAPERS) != paper)
        pool, own = cites[others], cites[paper]
        excess = (own - pool.min()) / (pool.mean() - pool.min())
        assert scores[IN_WINDOW][paper] == pytest.approx(max(excess, 0))
        rank = ((pool < own).sum() + 0.5 * (pool == own).sum()) / pool.size
        assert scores[PERCENTILE][paper] == pytest.approx(rank)


def test_a_topic_that_matters_is_seen_to_add() -> None:
    """A study that finds no gain where there is one could never answer the question."""
    naid, vectors, _ = planted()
    figures = naid_agreement(naid, own_scores(naid, vectors, RULE), notes={}, seed=0, resamples=200)
    gain = figure(figures, TOPIC, "gain_over_all_in_window")
    assert gain.low is not None
    assert gain.low > 0.05
    assert figure(figures, TOPIC, "spearman").value == pytest.approx(0.95, abs=0.05)
    assert figure(figures, TOPIC, "spearman", "within_month").n == PAPERS
    assert {f.slice for f in figures} == {"all", "2020", "2021", "within_month"}


def test_equal_seeds_give_equal_figures() -> None:
    """The asset compares tables by their digest."""
    naid, vectors, _ = planted()
    scores = own_scores(naid, vectors, RULE)
    one, two = (naid_agreement(naid, scores, notes={}, seed=5, resamples=20) for _ in range(2))
    assert one == two


def test_papers_that_one_system_cannot_score_leave_the_comparison() -> None:
    """Unpaired differences mix who is compared with how."""
    naid, vectors, _ = planted()
    scores = own_scores(naid, vectors, RULE)
    half = scores[TOPIC].copy()
    half[:100] = np.nan
    few = np.where(np.arange(PAPERS) < 10, 1.0, np.nan)
    figures = naid_agreement(
        naid, {**scores, "half": half, "few": few}, notes={}, seed=0, resamples=5
    )
    assert figure(figures, "half", "spearman").n == PAPERS - 100
    assert figure(figures, TOPIC, "spearman").n == PAPERS - 100
    assert figure(figures, "few", "figures").value is None


def test_pools_of_a_library_hold_its_papers_alone() -> None:
    """A paper of NAID in a library's pool would be counted from another source."""
    naid, vectors, topic = planted()
    n = 400
    rng = np.random.default_rng(3)
    of = rng.integers(TOPICS, size=n)
    year = rng.choice([2020, 2021], n)
    counts = np.rint(10 * (of + 1) + rng.random(n)).astype(np.int32)
    counts[::7] = UNKNOWN
    near_topic = np.eye(8)[of] + 0.05 * rng.normal(size=(n, 8))
    near_topic /= np.linalg.norm(near_topic, axis=1, keepdims=True)
    library = LibraryPart(
        pl.DataFrame(
            {
                "paper_id": [f"p{i}" for i in range(n)],
                "publication_date": [dt.date(int(y), 7, 2) for y in year],
                "in_pools": [i % 5 > 0 for i in range(n)],
            }
        ),
        near_topic.astype(np.float32),
        counts,
    )
    in_window = own_scores(naid, vectors, RULE)[IN_WINDOW]
    scores = library_scores(naid, vectors, library, RULE, in_window)
    paper, year_of = 0, naid["publication_date"].dt.year().to_numpy()
    here = (year == year_of[paper]) & (np.arange(n) % 5 > 0)
    k = RULE.pool_size(np.array([here.sum()]))[0]
    products = quantise(library.vectors[here]) @ quantise(vectors[[paper]])[0]
    near = np.argsort(-products, kind="stable")[:k]
    pool = counts[here][near]
    pool = pool[pool != UNKNOWN]
    cited = naid["cites"][paper]
    assert set(of[here][near]) == {topic[paper]}
    expected = max((cited - pool.min()) / (pool.mean() - pool.min()), 0)
    assert scores[LIBRARY_TOPIC][paper] == pytest.approx(expected)
    everything = counts[here][counts[here] != UNKNOWN]
    ratio = (everything.mean() - everything.min()) / (pool.mean() - pool.min())
    assert scores[BY_LIBRARY_TOPIC][paper] == pytest.approx(in_window[paper] * ratio)


def test_the_ceiling_finds_scales_that_vectors_tell_and_no_others() -> None:
    """A ceiling that overfits, or sees nothing, would explain anything."""
    naid, vectors, _ = planted()
    logs = ceiling.implied_log_scale(naid["cites"].to_numpy(), naid["tncsi_sp"].to_numpy())
    scaled = naid["cites"].to_numpy() > 0
    noise = np.random.default_rng(0).normal(size=(PAPERS, 50))
    texts = {"vectors": vectors[scaled].astype(float), "noise": noise[scaled]}
    month = naid["month"].to_numpy()[scaled]
    figures = ceiling.ceiling_figures(logs[scaled], month, texts, seed=0, resamples=200)
    known = figure(figures, "oracle_month_and_vectors", "scale_r2")
    assert known.value is not None
    assert known.value > 0.9
    assert figure(figures, "oracle_month_and_noise", "scale_r2").value < 0.1  # type: ignore[operator]


def test_the_implied_scale_is_the_planted_one() -> None:
    """Scales read back wrongly would bound nothing."""
    cites, scale = np.array([1, 10, 500], np.int32), np.array([3.0, 20.0, 100.0])
    logs = ceiling.implied_log_scale(cites, -np.expm1(-cites / scale))
    np.testing.assert_allclose(np.exp(logs), scale, rtol=1e-6)


def test_words_put_texts_of_one_subject_together() -> None:
    """An encoder beside the library's must be one, of unit vectors, whatever the text."""
    texts = ["neural graph learning", "graph neural nets", "protein folding", "folding of protein"]
    vectors = word_vectors([*texts, "", "singular"], dims=3, seed=0)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    cosine = vectors @ vectors.T
    assert cosine[0, 1] > cosine[0, 2]
    assert cosine[2, 3] > cosine[2, 1]
    assert word_vectors(["a", "b"], seed=0).shape == (2, 1)


def test_papers_without_tncsi_are_left_out_of_it_alone() -> None:
    """An unknown TNCSI that ranks above all others."""
    naid, vectors, _ = planted()
    scores = own_scores(naid, vectors, RULE)
    unknown = pl.when(pl.int_range(pl.len()) % 3 > 0).then("tncsi")
    figures = naid_agreement(naid.with_columns(unknown), scores, notes={}, seed=0, resamples=20)
    whole = naid_agreement(naid, scores, notes={}, seed=0, resamples=20)
    found = figure(figures, TOPIC, "spearman_tncsi")
    assert found.n < figure(figures, TOPIC, "spearman").n
    assert found.value == pytest.approx(figure(whole, TOPIC, "spearman").value, abs=0.05)
    assert figure(figures, TOPIC, "spearman") == figure(whole, TOPIC, "spearman")
