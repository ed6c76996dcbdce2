"""Labelled texts and the probe."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.errors import InputError
from pipeline.retrieval.benchmarks.classification import probe, read_classification


def test_reads_both_splits(tmp_path: Path) -> None:
    """Test texts among the training ones; labels that are numbers here and words there."""
    for split, labels in {"train": [3, 5], "test": [5]}.items():
        rows = {"text": [f"{split} {i}" for i in labels], "label": labels}
        pl.DataFrame(rows).write_parquet(tmp_path / f"{split}-00000-of-00001.parquet")
    task = read_classification(tmp_path)
    assert task.train_texts == ["train 3", "train 5"]
    assert (task.train_labels, task.test_labels) == (["3", "5"], ["5"])
    with pytest.raises(InputError, match="received none"):
        read_classification(tmp_path / "nothing")


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
