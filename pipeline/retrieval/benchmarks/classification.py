"""Classification of papers by a probe on frozen vectors (RuSciBench's layout).

Belongs here: reading labelled texts, and the probe. Layout: `<task>/train-*.parquet` and
`<task>/test-*.parquet`, or train.jsonl and test.jsonl, with columns text and label.
Probe: regularised least squares on one-hot labels, class of the largest answer (Rifkin and Klautau
2004), in closed form. The benchmark's own leaderboards fit a logistic regression, so figures
compare encoders with each other and not with published ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.models.encoding import Vectors
from pipeline.retrieval.benchmarks.records import as_text, read_rows
from pipeline.retrieval.evaluation import ALL, summarise
from pipeline.retrieval.measures import PerQuery

ACCURACY = "accuracy"
RIDGE = 1.0  # on unit vectors, in units of one text's weight


@dataclass(frozen=True)
class Classification:
    """Labelled texts to learn from, and to be classified."""

    name: str
    train_texts: Sequence[str]
    train_labels: Sequence[str]
    test_texts: Sequence[str]
    test_labels: Sequence[str]


def is_classification(path: Path) -> bool:
    """Whether the folder has this layout."""
    return path.is_dir() and all(_parts(path, split) for split in ("train", "test"))


def read_classification(path: Path) -> Classification:
    """The task in a folder such as `grnti_ru`."""
    columns: list[list[str]] = []
    for split in ("train", "test"):
        rows = [row for file in _parts(path, split) for row in read_rows(file, "text", "label")]
        columns += [[as_text(r["text"]) for r in rows], [as_text(r["label"]) for r in rows]]
    return Classification(path.name, *columns)


def read_classifications(path: Path) -> list[Classification]:
    """The task in a folder such as `grnti_ru`, or all tasks of a folder of such folders."""
    folders = [path] if is_classification(path) else sorted(path.glob("*/"))
    tasks = [read_classification(folder) for folder in folders if is_classification(folder)]
    if not tasks:
        raise InputError(
            f"expected train and test files of a classification in {path}, received none; check it"
        )
    return tasks


def classify(
    task: Classification,
    encoders: Mapping[str, Callable[[Sequence[str]], Vectors]],
    *,
    measured_on: date,
    seed: int,
) -> pl.DataFrame:
    """Rows of `retrieval_quality`: the probe's `accuracy` on each encoder's vectors."""
    numbers = {
        name: {
            ACCURACY: probe(
                encode(task.train_texts),
                task.train_labels,
                encode(task.test_texts),
                task.test_labels,
            )
        }
        for name, encode in encoders.items()
    }
    domains = [ALL] * len(task.test_texts)
    return summarise(task.name, domains, numbers, measured_on=measured_on, seed=seed)


def _parts(path: Path, split: str) -> list[Path]:
    return sorted([*path.glob(f"{split}*.parquet"), *path.glob(f"{split}.jsonl")])


def probe(
    train: Vectors, train_labels: Sequence[str], test: Vectors, test_labels: Sequence[str]
) -> PerQuery:
    """1 for each test text whose class the probe finds, else 0: their mean is the accuracy."""
    classes, index = np.unique(np.asarray(train_labels), return_inverse=True)
    if classes.size < 2:
        raise InputError(f"expected at least two classes to tell apart, received {classes.size}")
    inputs = _with_bias(train)
    gram = inputs.T @ inputs + RIDGE * np.eye(inputs.shape[1])
    targets = np.zeros((len(inputs), classes.size))
    targets[np.arange(len(inputs)), index] = 1
    weights = np.linalg.solve(gram, inputs.T @ targets)
    found = classes[(_with_bias(test) @ weights).argmax(axis=1)]
    right: PerQuery = np.equal(found, np.asarray(test_labels)).astype(np.float64)
    return right


def _with_bias(vectors: Vectors) -> NDArray[np.float64]:
    return np.hstack([vectors.astype(np.float64), np.ones((len(vectors), 1))])
