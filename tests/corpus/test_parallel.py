"""Work in processes: all of it, in order, whatever becomes of the processes."""

import os

import pytest

from pipeline.corpus.parallel import N_ALONE, in_order

HERE = os.getpid()


def double(number: int) -> int:
    return 2 * number


def die_elsewhere(place: tuple[int, int]) -> int:
    home, number = place
    if os.getpid() != home and number == N_ALONE + 3:
        os._exit(9)  # as a process that the system kills for its memory
    return number


def fail(number: int) -> int:
    if number == N_ALONE + 3:
        raise ValueError("three")
    return number


def test_results_keep_the_order_of_the_items() -> None:
    """Batches in another order would change which of two rows of one id is the later."""
    for n in (0, N_ALONE, N_ALONE + 1, N_ALONE + 40):
        assert list(in_order(double, range(n))) == [2 * i for i in range(n)]


def test_work_survives_its_workers() -> None:
    """A killed worker must cost neither the items it held nor the ones that waited."""
    items = [(HERE, i) for i in range(N_ALONE + 20)]
    assert list(in_order(die_elsewhere, items)) == list(range(N_ALONE + 20))


def test_an_error_of_the_work_surfaces_in_its_place() -> None:
    """An error lost in a worker would be a batch lost without a word."""
    results = in_order(fail, range(N_ALONE + 20))
    assert [next(results) for _ in range(N_ALONE + 3)] == list(range(N_ALONE + 3))
    with pytest.raises(ValueError, match="three"):
        next(results)
