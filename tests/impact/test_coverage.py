"""How often the intervals hold, simulated; and the simulation itself."""

import numpy as np
import polars as pl
import pytest

from pipeline.impact.coverage import interval_coverage

AT = (0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.99)


def covered(distribution, n_pool, *, repetitions=20_000, seed=11, **more) -> pl.DataFrame:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    found = interval_coverage(
        distribution, n_pool=n_pool, at=AT, repetitions=repetitions, rng=rng, **more
    )
    assert found.columns == [
        "distribution", "n_pool", "at", "method", "coverage", "repetitions"
    ]  # fmt: skip
    return found


@pytest.mark.parametrize(("n_pool", "repetitions"), [(30, 20_000), (100, 20_000), (400, 8_000)])
def test_exponential_pools_are_covered_to_two_points(n_pool: int, repetitions: int) -> None:
    """An interval that says 95% and means 90, above all for papers close to the least count."""
    # The standard error of the simulation is 0.2 of a point.
    found = covered("exponential", n_pool, repetitions=repetitions)
    exact = found.filter(method="exponential")["coverage"]
    assert exact.min() >= 0.93
    assert exact.max() <= 0.97
    robust = found.filter(method="robust")["coverage"]
    assert robust.min() >= 0.93
    assert robust.max() <= 0.98


@pytest.mark.parametrize("sigma", [1.0, 1.3, 1.5])
def test_the_robust_interval_holds_in_lognormal_pools_as_stated(sigma: float) -> None:
    """The documentation telling of a coverage that a change took away."""
    found = covered("lognormal", 300, repetitions=4000, sigma=sigma, rounded=True)
    above_least = found.filter(pl.col("at") >= 0.5)
    robust = above_least.filter(method="robust")["coverage"]
    assert robust.min() >= 0.91
    assert above_least.filter(method="exponential")["coverage"].max() < 0.9


def test_pools_without_spread_are_left_out() -> None:
    """Division by a scale of 0 where all counts round to one number."""
    found = covered("exponential", 2, repetitions=500, mean=0.3, rounded=True)
    assert found["repetitions"].unique().item() < 500
    assert found["coverage"].is_between(0, 1).all()


def test_equal_seeds_give_equal_tables() -> None:
    """A report that differs every night."""
    assert covered("lognormal", 30, repetitions=300).equals(
        covered("lognormal", 30, repetitions=300)
    )
