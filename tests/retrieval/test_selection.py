"""The K-th largest value against a full sort."""

import numpy as np
import pytest

from pipeline.retrieval.selection import kth_largest


@pytest.mark.parametrize(("n", "k"), [(1, 1), (50, 7), (1023, 100), (1024, 100), (5000, 500)])
@pytest.mark.parametrize("order", ["random", "ascending", "tied"])
def test_equals_a_full_sort(n: int, k: int, order: str) -> None:
    """A sampled bound that is trusted rather than counted; ties above or below the bound."""
    values = np.random.default_rng(n).normal(size=(9, n)).astype(np.float32)
    if order == "ascending":
        values.sort(axis=1)
    if order == "tied":
        values = np.round(values)
    expected = -np.sort(-values, axis=1)[:, k - 1]
    np.testing.assert_array_equal(kth_largest(values, k), expected)


def test_columns_that_mislead_the_sample() -> None:
    """All large values hidden in, or kept out of, the sampled columns."""
    values = np.zeros((3, 8000), np.float32)
    values[0, ::8] = np.arange(1, 1001)  # the sample sees nothing but large values
    values[1, 1::8] = np.arange(1, 1001)  # the sample sees none
    values[2, :] = -np.inf
    assert kth_largest(values, 800).tolist() == [201, 201, -np.inf]
    assert kth_largest(values[:, :7999], 999).tolist() == [2, 2, -np.inf]
