"""The shifted exponential against scipy's, and at its edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import expon

from pipeline.impact.exponential import excess_of, scale_of, score_of, status_of
from pipeline.impact.segments import UNKNOWN


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=40), st.integers(0, 10**6))
def test_is_scipys_maximum_likelihood_fit(pool: list[int], cited: int) -> None:
    """A score that is not the published one."""
    loc, scale = expon.fit(np.array(pool))
    n, least, total = (np.array([v]) for v in (len(pool), min(pool), sum(pool)))
    found = scale_of(n, least, total)
    assert found[0] == pytest.approx(scale, rel=1e-12, abs=1e-9)
    score = score_of(excess_of(np.array([cited], np.int32), least, found))[0]
    if min(pool) == max(pool):
        assert found[0] == 0
        assert np.isnan(score)
    else:
        assert score == pytest.approx(expon.cdf(cited, loc, scale), rel=1e-9, abs=1e-15)


def test_the_first_reason_is_told() -> None:
    """A paper without a date said to have too small a pool, which nobody can mend."""
    status = status_of(
        undated=np.array([True, False, False, False, False]),
        cited=np.array([UNKNOWN, UNKNOWN, 5, 5, 5], np.int32),
        n=np.array([0, 0, 2, 3, 3], np.int32),
        scale=np.array([0, 0, 0, 0, 1.0]),
        n_min=3,
    )
    reasons = ["no_date", "no_citation_count", "pool_too_small", "constant_pool", "ok"]
    assert status.to_list() == reasons
