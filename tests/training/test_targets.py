"""What a query source may not be, and what sampling and schedule promise."""

from typing import Any

import numpy as np
import pytest

from pipeline.errors import TrainingError
from pipeline.training.negatives import denoise
from pipeline.training.targets import QuerySource, check_sources

DOCUMENTS = np.eye(4, dtype=np.float32)
NAN = float("nan")


def source(**changes: Any) -> QuerySource:
    fields: dict[str, Any] = {
        "name": "title",
        "weight": 1.0,
        "loss": "bpr",
        "texts": ["a", "b"],
        "papers": np.array([0, -1], np.int32),
        "domains": ["cvpr", "acl"],
        "candidates": np.array([[1, 2], [3, -1]], np.int32),
        "scores": np.array([[0.9, 0.1], [0.5, NAN]], np.float32),
    }
    return QuerySource(**fields | changes)


def test_a_sound_source_passes() -> None:
    """A check that refuses what is right would stop every training."""
    check_sources([source(), source(name="cited", loss="info_nce")], DOCUMENTS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"papers": np.array([0], np.int32)}, r"papers of source title in shape \(2,\)"),
        ({"domains": ["acl"]}, "domains of source title"),
        ({"scores": np.zeros((2, 3), np.float32)}, "scores of source title in shape"),
        ({"candidates": np.full((2, 2), 4, np.int32)}, "rows below 4 or -1"),
        ({"papers": np.array([-2, 0], np.int32)}, "rows below 4 or -1"),
        ({"weight": NAN}, "a weight of at least 0"),
        ({"scale": 0.0}, "a scale above 0"),
        ({"loss": "corpus_kl"}, "teacher vectors for corpus_kl"),
        ({"teacher_vectors": np.zeros((2, 3), np.float32)}, "teacher_vectors of source title"),
        ({"scores": np.full((2, 2), NAN, np.float32)}, "scored candidates for bpr"),
        ({"scores": np.full((2, 2), np.inf, np.float32)}, "finite scores"),
        ({"weight": 0.0}, "queries to learn from"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(changes: dict[str, Any], message: str) -> None:
    """Found only inside a step it would be an index error after minutes, or silent nonsense."""
    with pytest.raises(TrainingError, match=message):
        check_sources([source(**changes)], DOCUMENTS)


def test_no_source_or_two_of_one_name_are_refused() -> None:
    """An empty library must say so in one line, and histories must tell sources apart."""
    with pytest.raises(TrainingError, match="queries to learn from"):
        check_sources([], DOCUMENTS)
    with pytest.raises(TrainingError, match="one source per name"):
        check_sources([source(), source()], DOCUMENTS)


def test_all_problems_are_told_at_once() -> None:
    """Errors told one per run cost the user one run each."""
    with pytest.raises(TrainingError) as error:
        check_sources([source(scale=-1.0), source(name="b", loss="corpus_kl")], DOCUMENTS)
    assert "scale" in str(error.value)
    assert "corpus_kl" in str(error.value)


def test_denoise_keeps_what_is_sure() -> None:
    """Undecided candidates taken as negatives are the noise that RocketQA removes."""
    candidates = np.array([[5, 6, 7, 8, -1]], np.int32)
    scores = np.array([[0.95, 0.05, 0.5, NAN, NAN]], np.float32)
    labels = denoise(candidates, scores, positive_from=0.9, negative_below=0.1)
    np.testing.assert_array_equal(labels, [[1.0, 0.0, NAN, NAN, NAN]])
    with pytest.raises(TrainingError, match="positive_from >= negative_below"):
        denoise(candidates, scores, positive_from=0.1, negative_below=0.9)
