"""Intervals and tests against scipy, and against cases done by hand."""

import numpy as np
import pytest
import scipy.stats

from pipeline.errors import InputError
from pipeline.retrieval.significance import bootstrap_intervals, holm, randomisation_test


@pytest.mark.parametrize("skewed", [False, True])
def test_intervals_equal_scipy(skewed: bool) -> None:
    """A correction for bias or skewness with the wrong sign; a two-sided level taken for one."""
    rng = np.random.default_rng(1)
    values = rng.exponential(size=80) if skewed else rng.normal(size=80)
    ours = bootstrap_intervals(values[None], resamples=20_000, seed=0)[0]
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(5)
    ).confidence_interval
    assert ours.mean == values.mean()
    assert ours.low == pytest.approx(theirs.low, abs=0.012)
    assert ours.high == pytest.approx(theirs.high, abs=0.012)


def test_systems_share_their_resamples() -> None:
    """Systems resampled apart: two equal ones would get two intervals; seeds without effect."""
    values = np.random.default_rng(0).normal(size=(1, 50))
    first, second = bootstrap_intervals(np.repeat(values, 2, axis=0), resamples=500, seed=3)
    assert first == second
    assert bootstrap_intervals(values, resamples=500, seed=4)[0] != first


def test_blocks_change_nothing_but_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last block of resamples lost, or drawn twice."""
    differences = np.random.default_rng(0).normal(0.1, 1, size=40)
    p = randomisation_test(differences, resamples=1001, seed=0)
    monkeypatch.setattr("pipeline.retrieval.significance._DRAWS", 40 * 7)
    assert randomisation_test(differences, resamples=1001, seed=0) == pytest.approx(p, abs=0.04)
    assert len(bootstrap_intervals(differences[None], resamples=1001, seed=0)) == 1


def test_no_spread_is_no_interval() -> None:
    """Division by zero where a challenger equals its rival query by query."""
    zero, same = bootstrap_intervals(np.array([[0.0] * 9, [0.3] * 9]), resamples=200, seed=0)
    assert (zero.low, zero.high) == (0, 0)
    assert same.low == pytest.approx(0.3)
    assert same.high == pytest.approx(0.3)


@pytest.mark.parametrize("shift", [0.0, 0.2, -0.3])
def test_randomisation_equals_scipy(shift: float) -> None:
    """A one-sided p-value of the wrong side, or without the observed signs among the draws."""
    differences = np.random.default_rng(2).normal(shift, 1, size=70)
    theirs = scipy.stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        alternative="greater",
        n_resamples=20_000,
        rng=np.random.default_rng(9),
    ).pvalue
    ours = randomisation_test(differences, resamples=20_000, seed=0)
    assert ours == pytest.approx(theirs, abs=0.012)


def test_randomisation_by_hand() -> None:
    """Three gains: only one of the eight sign patterns reaches the observed sum."""
    p = randomisation_test(np.array([0.1, 0.2, 0.3]), resamples=40_000, seed=0)
    assert p == pytest.approx(1 / 8, abs=0.01)
    assert randomisation_test(np.zeros(5), resamples=100, seed=0) == 1


def test_holm_by_hand() -> None:
    """Corrections in sorted rather than given order, or not monotone."""
    adjusted = holm(np.array([0.04, 0.01, 0.03]))
    np.testing.assert_allclose(adjusted, [0.06, 0.03, 0.06])
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]


def test_a_nan_is_refused() -> None:
    """A query without an answer that drops out of the mean, or makes every bound NaN."""
    with pytest.raises(InputError, match="1 NaN"):
        randomisation_test(np.array([0.1, np.nan]), seed=0)
    with pytest.raises(InputError, match="at least one query"):
        bootstrap_intervals(np.empty((2, 0)), seed=0)
