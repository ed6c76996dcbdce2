"""Labelled texts and the probe."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.retrieval.benchmarks.classification import (
    Classification,
    classify,
    probe,
    read_classifications,
)
from pipeline.tables import RETRIEVAL_QUALITY, violations


def test_reads_both_splits(tmp_path: Path) -> None:
    """Test texts among the training ones; labels that are numbers here and words there."""
    for split, labels in {"train": [3, 5], "test": [5]}.items():
        rows = {"text": [f"{split} {i}" for i in labels], "label": labels}
        pl.DataFrame(rows).write_parquet(tmp_path / f"{split}-00000-of-00001.parquet")
    (task,) = read_classifications(tmp_path)
    assert read_classifications(tmp_path.parent)[0].name == tmp_path.name
    assert task.train_texts == ["train 3", "train 5"]
    assert (task.train_labels, task.test_labels) == (["3", "5"], ["5"])
    with pytest.raises(InputError, match="received none"):
        read_classifications(tmp_path / "nothing")


def test_the_probe_tells_clusters_apart() -> None:
    """A probe without a bias, or one that scores what it has learnt from."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 16))
    labels = rng.integers(0, 4, size=600)
    vectors = centres[labels] + 0.5 * rng.normal(size=(600, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    names = [f"class {label}" for label in labels]
    right = probe(vectors[:400], names[:400], vectors[400:], names[400:])
    assert right.shape == (200,)
    assert right.mean() > 0.95
    shuffled = rng.permutation(names[:400]).tolist()
    assert probe(vectors[:400], shuffled, vectors[400:], names[400:]).mean() < 0.5
    with pytest.raises(InputError, match="two classes"):
        probe(vectors[:3], ["a"] * 3, vectors[:1], ["a"])


def test_accuracy_as_rows() -> None:
    """A measure that does not fit the table; train and test vectors taken for each other."""
    task = Classification("toy", ["a", "a", "b"], ["x", "x", "y"], ["b", "a", "a"], ["y", "x", "y"])

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([[1, 0] if text == "a" else [0, 1] for text in texts], np.float32)

    frame = classify(task, {"words": encode}, measured_on=date(2026, 1, 1), seed=0)
    assert violations(RETRIEVAL_QUALITY, frame) == []
    row = frame.row(0, named=True)
    assert (row["benchmark"], row["measure"], row["n_queries"]) == ("toy", "accuracy", 3)
    assert row["value"] == pytest.approx(2 / 3)


def test_the_probe_equals_ridge_regression() -> None:
    """A closed form solved for something else than it says."""
    sklearn = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(1)
    train, test = (rng.normal(size=(n, 8)).astype(np.float32) for n in (90, 60))
    labels = rng.integers(0, 3, size=90)
    reference = sklearn.Ridge(alpha=1.0, fit_intercept=False)
    with_bias = [np.hstack([v, np.ones((len(v), 1))]) for v in (train, test)]
    found = reference.fit(with_bias[0], np.eye(3)[labels]).predict(with_bias[1]).argmax(axis=1)
    right = probe(train, [str(i) for i in labels], test, [str(i) for i in found])
    assert right.all()
