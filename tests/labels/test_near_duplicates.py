"""Pairs of near-duplicates against the full product of all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.labels import near_duplicates
from pipeline.labels.near_duplicates import (
    same_title_pairs,
    similar_across,
    similar_pairs,
    title_keys,
)


def unit(rng: np.random.Generator, n: int, dim: int, *, topics: int) -> NDArray[np.float32]:
    """Unit vectors around a few centres, so that cosines cover the whole range up to 1."""
    centres = rng.normal(size=(topics, dim))
    spread = rng.uniform(0.02, 0.6, size=(n, 1))
    vectors = centres[rng.integers(topics, size=n)] + spread * rng.normal(size=(n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 150),
    dim=st.sampled_from([3, 64, 65, 200]),
    cosine=st.sampled_from([0.3, 0.9, 0.97]),
)
def test_equals_the_full_product(seed: int, n: int, dim: int, cosine: float) -> None:
    """A bound that is not one, or an axis lost, drops pairs, and a test paper is trained on."""
    vectors = unit(np.random.default_rng(seed), n, dim, topics=4)
    product = vectors @ vectors.T
    found = np.zeros((n, n), bool)
    found[tuple(similar_pairs(vectors, cosine).T)] = True
    # Rounding moves a cosine by 2e-4 or so; within it either answer is right.
    assert found[np.triu(product > cosine + 1e-3, 1)].all()
    assert not found[product < cosine - 1e-3].any()
    assert not np.tril(found).any()


def test_tiles_and_axes_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs across the border of two tiles, and pairs that hang by the axes chosen."""
    vectors = unit(np.random.default_rng(1), 700, 96, topics=9)
    expected = similar_pairs(vectors, 0.9)
    assert len(expected) > 1000
    monkeypatch.setattr(near_duplicates, "_ROWS", 37)
    monkeypatch.setattr(near_duplicates, "_COLUMNS", 101)
    monkeypatch.setattr(near_duplicates, "_GATHERED", 53)
    monkeypatch.setattr(near_duplicates, "_AXES", 5)
    np.testing.assert_array_equal(similar_pairs(vectors, 0.9), expected)


def test_across_equals_within_for_the_same_vectors() -> None:
    """Benchmark documents are a second set: rows and columns must not be exchanged or skipped."""
    vectors = unit(np.random.default_rng(2), 300, 40, topics=5)
    within = {tuple(pair) for pair in similar_pairs(vectors, 0.9).tolist()}
    across = {tuple(pair) for pair in similar_across(vectors, vectors, 0.9).tolist()}
    assert across == within | {(j, i) for i, j in within} | {(i, i) for i in range(300)}


@pytest.mark.parametrize("cosine", [0.0, 1.0, float("nan")])
def test_a_cosine_that_ties_all_or_nothing_is_refused(cosine: float) -> None:
    """At 1.0 rounding would part a vector from its copy, and nothing would say so."""
    with pytest.raises(InputError, match="expected 0 < cosine"):
        similar_pairs(np.eye(3, dtype=np.float32), cosine)


def test_vectors_of_two_encoders_are_refused() -> None:
    with pytest.raises(InputError, match="one encoder"):
        similar_across(np.eye(3, dtype=np.float32), np.eye(4, dtype=np.float32), 0.9)


def test_titles_match_but_for_spelling_of_case_accents_and_spaces() -> None:
    """Sources write one title in three ways; a title of signs only must match nothing."""
    titles = ["On-line Naïve Bayes", "Other", "Online  naive BAYES.", "???", "!!!", "other"]
    assert title_keys(titles) == ["onlinenaivebayes", "other", "onlinenaivebayes", "", "", "other"]
    assert same_title_pairs(titles).tolist() == [[0, 2], [1, 5]]
    assert same_title_pairs([]).shape == (0, 2)
