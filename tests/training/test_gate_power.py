"""How often the gate errs, in simulations small enough for every run and large enough at times."""

import numpy as np
import pytest

from pipeline.training.gate_power import Setting, draw_differences, simulate_gate

SIZES = (500, 300, 200)


def test_differences_have_the_moments_asked_for() -> None:
    """A power table of another gain or spread than it says."""
    setting = Setting(0.02, 0.15, (200_000, 200_000), worst_domain=-0.03)
    differences = draw_differences(setting, np.random.default_rng(0))
    first, second = differences[:, :200_000], differences[:, 200_000:]
    np.testing.assert_allclose(first.mean(axis=1), -0.01, atol=0.002)
    np.testing.assert_allclose(second.mean(axis=1), 0.02, atol=0.002)
    np.testing.assert_allclose(second.std(axis=1), 0.15, atol=0.002)
    assert np.mean(differences == 0) == pytest.approx(0.5, abs=0.01)
    assert np.corrcoef(second)[0, 1] == pytest.approx(0.5, abs=0.02)


def test_gains_pass_and_losses_do_not() -> None:
    """A gate without power, or one that promotes what harms."""
    found = simulate_gate(
        [Setting(0.03, 0.15, SIZES), Setting(-0.01, 0.15, SIZES)], trials=25, seed=0
    )
    assert found["promoted"].to_list() == [pytest.approx(1, abs=0.15), 0]


@pytest.mark.slow
@pytest.mark.parametrize("n_rivals", [1, 2])
def test_false_promotions_stay_within_alpha(n_rivals: int) -> None:
    """More wrong promotions than the rule says: 2.5% for all looks, half of it for the first."""
    # One domain and a wide margin: nothing but the overall test stands in the way.
    null = Setting(0.0, 0.15, (1000,), n_rivals=n_rivals)
    share = simulate_gate([null], trials=1000, seed=1)["better"].item()
    assert share <= 0.0125 + 3 * (0.0125 / 1000) ** 0.5
