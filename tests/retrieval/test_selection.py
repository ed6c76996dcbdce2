"""The best columns of every row against a full sort."""

import numpy as np
import pytest

from pipeline.retrieval.selection import EXCLUDED, best_keys, keys_of, products_of, ranks_of


@pytest.mark.parametrize(("n", "k"), [(1, 1), (50, 7), (1023, 100), (1024, 100), (5000, 500)])
@pytest.mark.parametrize("order", ["random", "ascending", "tied"])
def test_equals_a_full_sort(n: int, k: int, order: str) -> None:
    """A sampled bound that is trusted rather than counted; ties above or below the bound."""
    rng = np.random.default_rng(n)
    values = np.round(rng.normal(size=(9, n)) * 2**20).astype(np.float32)
    if order == "ascending":
        values.sort(axis=1)
    if order == "tied":
        values = np.round(values / 2**20)
    rank = rng.permutation(n).astype(np.int64)
    expected = np.sort(keys_of(values, rank), axis=1)[:, :k]
    for first in {0, k // 3, k}:
        found = best_keys(values, rank, first, k)
        np.testing.assert_array_equal(np.sort(found[:, :first]), expected[:, :first])
        np.testing.assert_array_equal(found[:, first:], expected[:, first:])


def test_columns_that_mislead_the_sample() -> None:
    """All large values hidden in, or kept out of, the sampled columns."""
    values = np.zeros((3, 8000), np.float32)
    values[0, ::8] = np.arange(1, 1001)  # the sample sees nothing but large values
    values[1, 1::8] = np.arange(1, 1001)  # the sample sees none
    values[2, :] = EXCLUDED
    rank = np.arange(8000, dtype=np.int64)[::-1]
    assert products_of(best_keys(values, rank, 0, 800)[:, -1]).tolist() == [201, 201, EXCLUDED]
    assert products_of(best_keys(values[:, :7999], rank[1:], 0, 999)[:, -1]).tolist()[:2] == [2, 2]
    assert ranks_of(best_keys(values, rank, 0, 800)[2]).tolist() == list(range(800))


def test_a_key_gives_back_product_and_rank() -> None:
    """Negative products rounded the wrong way, or ranks that run over into products."""
    products = np.array([-(2**24), -1, 0, 1, 2**24 - 1])
    rank = np.array([0, 2**32 - 1, 2**32 - 1, 0, 7])
    keys = keys_of(products, rank)
    assert products_of(keys).tolist() == products.tolist()
    assert ranks_of(keys).tolist() == rank.tolist()
    assert np.argsort(keys).tolist() == [4, 3, 2, 1, 0]
