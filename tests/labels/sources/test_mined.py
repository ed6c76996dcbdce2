"""The shape of mined queries, and what is left of them inside one split."""

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.labels.sources.mined import MinedQueries, about_themselves


def rows(*lists: list[int]) -> np.ndarray:
    return np.array(lists, np.int32)


def test_within_keeps_neither_queries_nor_answers_of_other_splits() -> None:
    """An edge train -> test as a label tells the answer of the reverse query in the test split."""
    queries = MinedQueries(
        "cited",
        ["a", "b", "c", "d"],
        np.array([0, 1, 2, -1], np.int32),
        rows([5, 1, 2], [0, -1, -1], [5, -1, -1], [5, 0, -1]),
        ["A", "B", "C", "D"],
    )
    keep = np.array([True, False, True, True, True, False])
    kept = queries.within(keep)
    assert list(kept.texts) == ["a", "d"]  # b is of another split, c has no answer left
    assert kept.papers.tolist() == [0, -1]
    assert kept.positives.tolist() == [[2], [0]]
    assert list(kept.lesser_texts or []) == ["A", "D"]
    assert kept.positives.dtype == np.int32


def test_nothing_kept_is_an_empty_source() -> None:
    """A domain without papers in the dev split must not stop a training."""
    nothing = about_themselves("spans", ["a"], [0]).within(np.zeros(1, bool))
    assert len(nothing) == 0
    assert nothing.positives.shape == (0, 0)
    assert len(nothing.within(np.ones(1, bool))) == 0


def test_blank_texts_and_missing_answers_are_refused() -> None:
    """A blank query has the vector of the special tokens, and trains the prompt towards it."""
    with pytest.raises(InputError, match="none blank"):
        about_themselves("spans", ["a", " \n"], [0, 1])
    with pytest.raises(InputError, match="none blank"):
        about_themselves("prop", ["a"], [0], [""])
    with pytest.raises(InputError, match="a positive for each query"):
        MinedQueries("cited", ["a"], np.zeros(1, np.int32), rows([-1, -1]))
    with pytest.raises(InputError, match=r"papers \(2,\)"):
        MinedQueries("cited", ["a", "b"], np.zeros(1, np.int32), rows([1], [2]))


def plane(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane: their order by cosine is their order by angle."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
