"""Papers of benchmarks are found by title, by vector, and with their whole cluster."""

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.labels.exclusion import BenchmarkTexts, benchmark_papers

TITLES = ["Sorting in place", "Heaps", "Heaps, revisited", "Tries", "...", "Graphs"]
VECTORS = np.eye(6, 8, dtype=np.float32)
ALONE = np.arange(6, dtype=np.int32)


def test_leaks_by_title_by_vector_and_by_cluster() -> None:
    """A benchmark document under another title, or its preprint, is trained on and then tested."""
    cluster = np.array([0, 1, 1, 3, 4, 5], np.int32)  # the two on heaps are one work
    near_tries = np.float32([[0, 0, 0, 0.98, 0, 0, 0.199, 0]])
    found = benchmark_papers(
        TITLES,
        VECTORS,
        cluster,
        {
            "cacm": BenchmarkTexts(["HEAPS", "SORTING in-place!", "???"]),
            "other": BenchmarkTexts(["Digital search trees", "heaps"], near_tries),
            "none": BenchmarkTexts([]),
        },
        cosine=0.9,
    )
    assert found.rows.tolist() == [0, 1, 2, 3]
    assert found.counts.rows() == [
        ("cacm", 3, 2, 0, 3),
        ("other", 2, 1, 1, 3),
        ("none", 0, 0, 0, 0),
    ]


def test_no_benchmark_excludes_nothing() -> None:
    found = benchmark_papers(TITLES, VECTORS, ALONE, {}, cosine=0.9)
    assert found.rows.tolist() == []
    assert found.counts.columns == [
        "benchmark",
        "n_titles",
        "same_title",
        "similar_vector",
        "papers",
    ]


def test_arrays_of_another_library_are_refused() -> None:
    """Rows of one library masked in another would let the leak through unseen."""
    with pytest.raises(InputError, match="as many vectors and clusters"):
        benchmark_papers(TITLES, VECTORS[:5], ALONE, {}, cosine=0.9)
