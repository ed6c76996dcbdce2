"""Scores are uniform where the model is right, and are seen not to be where it is wrong."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import kstest

from pipeline.impact.validation.calibration import (
    Plant,
    ks_from_uniform,
    library_calibration,
    pit_histogram,
    planted_calibration,
)
from pipeline.impact.validation.figures import Figure


def figures_of(distribution: str, seed: int = 0) -> dict[tuple[str, str], Figure]:
    plant = Plant(distribution, topics=30, papers=50, n_pool=150)
    rng = np.random.default_rng(seed)
    found = planted_calibration(plant, name=distribution, rng=rng, resamples=20)
    return {(f.system, f.measure): f for f in found}


def ks(figures: dict[tuple[str, str], Figure], system: str) -> float:
    value = figures[system, "ks_uniform"].value
    assert value is not None
    return value


def test_the_right_model_is_uniform_and_the_wrong_one_is_not() -> None:
    """A calibration that is passed by every score tells nothing."""
    chance = 1.63 / np.sqrt(1500)  # 1% point
    exponential, lognormal = figures_of("exponential"), figures_of("lognormal")
    assert ks(exponential, "tncsi_sp, topic pools") < chance
    assert ks(exponential, "lognormal_cdf, topic pools") > chance
    assert ks(lognormal, "lognormal_cdf, topic pools") < chance
    assert ks(lognormal, "tncsi_sp, topic pools") > 3 * chance
    for figures in (exponential, lognormal):
        assert ks(figures, "pool_percentile, topic pools") < chance


def test_pools_of_everything_lose_the_planted_quality() -> None:
    """What topical pools are for: without them a topic's citedness passes for quality."""
    figures = figures_of("exponential")
    topical, everything = (
        figures[f"tncsi_sp, {kind}", "spearman_planted"]
        for kind in ("topic pools", "pools of everything")
    )
    assert topical.value is not None
    assert topical.value > 0.99
    assert everything.high is not None
    assert everything.high < 0.95


def test_bars_are_densities_with_intervals() -> None:
    """The report draws them; shares in their place would be ten times too low."""
    density, low, high = pit_histogram(np.array([0.0, 0.05, 0.5, 1.0]))
    assert density.tolist() == [5, 0, 0, 0, 0, 2.5, 0, 0, 0, 2.5]
    assert (low <= density).all()
    assert (density <= high).all()
    bars = [f for (_, m), f in figures_of("exponential").items() if m.startswith("pit_bin")]
    by_system = pl.DataFrame([(b.system, b.value) for b in bars], orient="row")
    means = by_system.group_by("column_0").mean()["column_1"]
    np.testing.assert_allclose(means, 1)


@pytest.mark.parametrize("n", [1, 7, 500])
def test_the_distance_is_scipys(n: int) -> None:
    """One-sided differences miss half of the distances."""
    values = np.random.default_rng(n).beta(2, 1, n)
    assert ks_from_uniform(values) == pytest.approx(kstest(values, "uniform").statistic)


def test_a_library_without_companions_tells_of_what_it_has() -> None:
    """Scores of before the companions have no percentile, and nobody's are all null."""
    scores = pl.DataFrame(
        {"tncsi_sp": [0.1, 0.9, None], "pool_percentile": [None] * 3},
        schema={"tncsi_sp": pl.Float64, "pool_percentile": pl.Float64},
    )
    assert {f.system for f in library_calibration(scores)} == {"tncsi_sp"}
    assert library_calibration(scores.clear()) == []
