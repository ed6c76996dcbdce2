"""Rank correlations of resamples against scipy's."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from pipeline.impact.validation.agreement import (
    LEAST,
    resample_weights,
    spearman,
    spearman_of_all,
    stratum_weights,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def drawn_places(weights: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(weights.size), weights)


@pytest.mark.parametrize("distinct", [3, 40, 10_000])
def test_every_resample_has_the_correlation_scipy_gives_it(distinct: int) -> None:
    """Ranks of weighted papers that handle ties otherwise would bend every interval."""
    x = rng().integers(0, distinct, 60).astype(float)
    y = x + rng().normal(0, distinct / 3, 60).round()
    weights = resample_weights(60, rng(), 25)
    expected = [spearmanr(x[drawn_places(w)], y[drawn_places(w)]).statistic for w in weights]
    np.testing.assert_allclose(spearman(x, y, weights), expected, atol=1e-12)


def test_the_first_row_is_the_data_themselves() -> None:
    """The figure would otherwise be that of some resample."""
    weights = resample_weights(9, rng(), 3)
    assert weights[0].tolist() == [1] * 9
    assert weights.sum(axis=1).tolist() == [9] * 4


def test_within_strata_is_the_weighted_mean_of_each() -> None:
    """A correlation that is only the strata's would count as agreement."""
    strata = np.repeat([0, 1, 2], [8, 12, LEAST - 1])
    x, y = rng().normal(size=strata.size), np.random.default_rng(1).normal(size=strata.size)
    each = [spearmanr(x[strata == s], y[strata == s]).statistic for s in (0, 1)]
    expected = np.average(each, weights=[8, 12])
    moved = 1000.0 * strata
    one = spearman(x + moved, y + moved, np.ones((1, strata.size), np.int16), strata)
    assert one[0] == pytest.approx(expected)
    assert spearman(x + moved, y + moved, np.ones((1, strata.size), np.int16))[0] > 0.8


def test_strata_are_drawn_whole() -> None:
    """Papers of a small stratum drawn one by one tie, and lose correlation."""
    strata = np.repeat([5, 9, 11], [4, 6, 7])
    weights = stratum_weights(strata, rng(), 50)
    for stratum in (5, 9, 11):
        assert (np.ptp(weights[:, strata == stratum], axis=1) == 0).all()
    assert (weights[1:, [0, 4, 10]].sum(axis=1) == 3).all()


def test_a_score_without_spread_has_no_correlation() -> None:
    """A division by zero would warn, or pass for a correlation of 0."""
    weights = resample_weights(6, rng(), 4)
    flat = spearman_of_all({"flat": np.ones(6)}, np.arange(6.0), weights)["flat"]
    assert np.isnan(flat).all()


def test_equal_seeds_give_equal_resamples() -> None:
    """A table that changes by itself is remade every night."""
    a, b = (resample_weights(30, np.random.default_rng(3), 9) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    x, y = rng().normal(size=30), rng().normal(size=30) ** 2
    np.testing.assert_array_equal(spearman(x, y, a), spearman(x, y, b))


def test_nobody_and_one_paper() -> None:
    """An empty comparison has no figure, and no traceback."""
    for n in (0, 1):
        weights = resample_weights(n, rng(), 2) if n else np.ones((3, 0), np.int16)
        assert np.isnan(spearman(np.ones(n), np.ones(n), weights)).all()
