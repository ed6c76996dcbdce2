"""Papers that a benchmark judges, to be kept out of training.

Belongs here: telling which papers of the library are documents or queries of a benchmark. Not:
reading benchmarks (pipeline/retrieval/benchmarks), splits (splits.py).
Method: equal normalised title, or document vectors above a cosine; then the paper's whole cluster,
so that a preprint does not bring back what its published version was kept out for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.labels.near_duplicates import similar_across, title_keys


@dataclass(frozen=True)
class BenchmarkTexts:
    """What a benchmark would be leaked by.

    titles: of its documents and queries, in any order. vectors: of its documents [document, dim],
    from the encoder of the library's; None where it was not encoded, and then titles decide alone.
    """

    titles: Sequence[str]
    vectors: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Exclusion:
    """`rows`: papers not to train on, ascending. `counts`: one row per benchmark."""

    rows: NDArray[np.int32]
    counts: pl.DataFrame


_COUNTS = {
    "benchmark": pl.String,
    "n_titles": pl.Int64,
    "same_title": pl.Int64,
    "similar_vector": pl.Int64,
    "papers": pl.Int64,
}


def benchmark_papers(
    titles: Sequence[str],
    vectors: NDArray[np.float32],
    cluster: NDArray[np.int32],
    benchmarks: Mapping[str, BenchmarkTexts],
    *,
    cosine: float,
) -> Exclusion:
    """The library's papers that any benchmark knows, with their clusters.

    Counts per benchmark: titles it has, papers of equal title, papers of similar vector, and
    papers kept out in all (`papers`, clusters included; a paper may count for several).

    Raises:
        InputError: titles, vectors and clusters disagree in length, or widths of vectors differ.
    """
    if not len(titles) == len(vectors) == len(cluster):
        raise InputError(
            f"expected as many vectors and clusters as titles, {len(titles)}, received "
            f"{len(vectors)} and {len(cluster)}"
        )
    keys = np.array(title_keys(titles), dtype=object)
    out, counts = np.zeros(len(titles), np.bool_), []
    for name, texts in benchmarks.items():
        by_title = _known_titles(keys, texts.titles)
        by_vector = np.zeros_like(by_title)
        if texts.vectors is not None:
            by_vector[similar_across(vectors, texts.vectors, cosine)[:, 0]] = True
        all_of_it = np.isin(cluster, cluster[by_title | by_vector])
        counted = (int(m.sum()) for m in (by_title, by_vector, all_of_it))
        counts.append((name, len(texts.titles), *counted))
        out |= all_of_it
    return Exclusion(
        np.flatnonzero(out).astype(np.int32), pl.DataFrame(counts, schema=_COUNTS, orient="row")
    )


def _known_titles(keys: NDArray[np.object_], titles: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each key is that of a title; a title without letters or digits is nobody's."""
    known = set(title_keys(titles)) - {""}
    return np.fromiter((key in known for key in keys), np.bool_, len(keys))
