"""Intervals of a score against Monte Carlo, scipy and their limits."""

import numpy as np
import pytest
from scipy import stats

from pipeline.impact.gamma_sum import quantile
from pipeline.impact.intervals import exponential_bounds, robust_bounds

TAILS = (0.025, 0.975)


def one(p: float, a: float, shape: float, *, alone: bool = False) -> float:
    return float(quantile(p, np.array([a]), np.array([shape]), alone=np.array([alone]))[0])


@pytest.mark.parametrize("shape", [1.0, 3.5, 29.0, 299.0, 999.0])
@pytest.mark.parametrize("a", [0.001, 0.01, 0.03, 0.1, 0.3, 0.9, 1.0, 3.0, 40.0])
def test_quantiles_of_the_sum(shape: float, a: float) -> None:
    """A three-moment match alone misses the lower tail by three points where both terms count."""
    rng = np.random.default_rng(7)
    drawn = a * rng.gamma(shape, size=200_000) + rng.exponential(size=200_000)
    for p in TAILS:
        # Four standard errors of the simulation, and a tenth of a point of the method's own.
        assert np.mean(drawn <= one(p, a, shape)) == pytest.approx(p, abs=0.0014 + 0.001)


def test_quantiles_where_the_sum_is_known() -> None:
    """An interpolation that drifts where the answer is in every textbook."""
    for p in TAILS:
        assert one(p, 1.0, 49.0) == pytest.approx(stats.gamma.ppf(p, 50), rel=2e-4)
        assert one(p, 2.0, 49.0, alone=True) == pytest.approx(2 * stats.gamma.ppf(p, 49), rel=1e-6)
        assert one(p, 0.0, 49.0) == pytest.approx(stats.expon.ppf(p), rel=1e-9)
    # Below 0 the whole of P(aG + H > y) is exp(-y) (1 - a)^-m.
    upper = one(0.975, -0.01, 99.0)
    assert np.exp(-upper) * 1.01**-99.0 == pytest.approx(0.025, rel=1e-9)


def bounds(method: str, a: float, n: int, *, spread: float = 1.0, certain: bool = False):
    known = np.array([certain])
    if method == "robust":
        found = robust_bounds(np.array([a]), np.array([n]), np.array([spread]), certain=known)
    else:
        found = exponential_bounds(np.array([a]), np.array([n]), certain=known)
    return float(found[0][0]), float(found[1][0])


def test_width_as_known_for_small_and_large_pools() -> None:
    """An interval ten times too narrow: at 0.63, n = 30 means about ±0.19 and 1000 ±0.035."""
    for n, half in ((30, 0.13), (1000, 0.023)):
        low, high = bounds("exponential", 1.0, n)
        assert (high - low) / 2 == pytest.approx(half, rel=0.1)


@pytest.mark.parametrize("method", ["exponential", "robust"])
def test_the_score_lies_within_its_interval(method: str) -> None:
    """A score of 0 shown with bounds above it; bounds below 0, above 1, or not a number."""
    for a in (-5.0, -0.01, 0.0, 1e-9, 0.001, 0.5, 3.0, 1e6):
        for n in (2, 3, 30, 1000, 100_000):
            for spread in (0.0, 0.3, 1.0, 8.0, 1e4):
                for certain in (False, True):
                    low, high = bounds(method, a, n, spread=spread, certain=certain)
                    score = -np.expm1(-max(a, 0))
                    assert 0 <= low <= score <= high <= 1, (a, n, spread, certain)


def test_a_certain_loc_leaves_only_the_scale_uncertain() -> None:
    """A paper without citations in a pool that has others without: 0, whatever the scale."""
    assert bounds("exponential", 0.0, 100, certain=True) == (0.0, 0.0)
    low, high = bounds("exponential", 1.5, 100, certain=True)
    expected = [-np.expm1(-1.5 * stats.gamma.ppf(p, 100) / 100) for p in TAILS]
    assert [low, high] == pytest.approx(expected, rel=1e-6)


def test_a_wider_spread_widens_the_robust_interval() -> None:
    """A heavy-tailed pool looking as certain as an exponential one."""
    widths = [np.subtract(*bounds("robust", 1.0, 300, spread=s)[::-1]) for s in (0.5, 1, 2, 5)]
    assert widths == sorted(widths)
    assert widths[3] > 3 * widths[1]
