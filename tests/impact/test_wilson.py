"""Wilson's interval against scipy's."""

import numpy as np
import pytest
from scipy import stats

from pipeline.impact.wilson import wilson


@pytest.mark.parametrize("n", [1, 2, 31, 500])
def test_is_scipys(n: int) -> None:
    """At no hits or all, where the plain interval has no width, as well as between."""
    hits = np.arange(n + 1)
    low, high = wilson(hits, n)
    expected = [tuple(stats.binomtest(int(h), n).proportion_ci(method="wilson")) for h in hits]
    np.testing.assert_allclose(np.stack([low, high], axis=1), expected, atol=1e-12)
    assert (low[0], high[-1]) == (0, 1)


def test_by_hand() -> None:
    """A reference that is wrong in the same way; bounds of nothing that are no numbers."""
    low, high = wilson(np.array([0, 5, 0]), np.array([10, 10, 0]))
    assert high[0] == pytest.approx(0.2775, abs=1e-4)  # Wilson (1927)
    assert low[1] + high[1] == pytest.approx(1)
    assert (low[2], high[2]) == (0, 1)
