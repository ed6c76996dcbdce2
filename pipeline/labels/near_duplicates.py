"""Pairs of papers that are one work twice: by title, or by vector above a cosine.

Belongs here: finding the pairs, exactly. Not: what follows from them (splits.py, exclusion.py).

Method. A full product of n vectors costs n²·dim; nearly all of it says "not alike". An orthonormal
map to a few axes splits every vector into head and tail, and by Cauchy–Schwarz
a·b ≤ head(a)·head(b) + |tail(a)|·|tail(b)|, which is a product of width 65 instead of 384. Pairs
that the bound cannot rule out are multiplied in full, as quantised vectors
(pipeline/retrieval/quantise.py), so that the answer depends neither on blocks nor on the axes.
The axes are the leading eigenvectors of the second moment: they make the tails short.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.corpus.similarity import squashed
from pipeline.corpus.text import normalise_title
from pipeline.errors import InputError
from pipeline.retrieval.quantise import PRODUCT_PER_COSINE, quantise

Pairs = NDArray[np.int32]  # [pair, 2]

_AXES = 64
_SAMPLE = 20_000  # vectors that the axes are fitted to
_ROWS, _COLUMNS = 1024, 8192  # a tile of bounds: 32 MB
_GATHERED = 1 << 15  # pairs multiplied in full at a time: 100 MB
_SLACK = 1e-4  # float error of a bound, which is otherwise of the very products it stands for
_MAX_COSINE = 0.999  # beyond, the rounding of a vector may part it from its own copy


def title_keys(titles: Sequence[str]) -> list[str]:
    """What equal titles share whatever their case, accents, punctuation and spaces; may be ""."""
    return [squashed(normalise_title(title)) for title in titles]


def same_title_pairs(titles: Sequence[str]) -> Pairs:
    """Pairs (i, j), i < j, that tie all papers of one title into a star; empty titles tie none."""
    rows = pl.DataFrame({"key": title_keys(titles)}, schema={"key": pl.String})
    rows = rows.with_row_index("row").filter(pl.col("key") != "")
    tied = rows.with_columns(first=pl.col("row").min().over("key"))
    tied = tied.filter(pl.col("first") < pl.col("row")).select("first", "row")
    return tied.to_numpy().astype(np.int32).reshape(-1, 2)


def similar_pairs(vectors: NDArray[np.float32], cosine: float) -> Pairs:
    """All pairs (i, j), i < j, of rows whose cosine is at least `cosine`, ascending."""
    return _join(vectors, vectors, cosine, within=True)


def similar_across(
    vectors: NDArray[np.float32], others: NDArray[np.float32], cosine: float
) -> Pairs:
    """All pairs (row of `vectors`, row of `others`) of at least that cosine, ascending."""
    return _join(vectors, others, cosine, within=False)


def _join(
    left: NDArray[np.float32], right: NDArray[np.float32], cosine: float, *, within: bool
) -> Pairs:
    if not 0 < cosine <= _MAX_COSINE:
        raise InputError(f"expected 0 < cosine <= {_MAX_COSINE}, received {cosine}; say 0.9")
    if left.shape[1] != right.shape[1]:
        raise InputError(
            f"expected vectors of one width, received {left.shape[1]} and {right.shape[1]}; "
            "encode both with one encoder"
        )
    exact_left = quantise(left)
    exact_right = exact_left if within else quantise(right)
    axes = _axes(left)
    folded = _folded(exact_left, axes)
    least = (cosine - _SLACK) * PRODUCT_PER_COSINE
    bounds = _survivors(
        folded, folded if within else _folded(exact_right, axes), least, within=within
    )
    found = [
        pairs[_products(exact_left, exact_right, pairs) >= cosine * PRODUCT_PER_COSINE]
        for some in bounds
        for pairs in np.array_split(some, len(some) // _GATHERED + 1)
    ]
    pairs = np.concatenate([np.empty((0, 2), np.int32), *found])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _axes(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Orthonormal columns [dim, dim], the leading ones last; any would do, these rule out most."""
    sample = vectors[:: max(1, len(vectors) // _SAMPLE)].astype(np.float64)
    return np.linalg.eigh(sample.T @ sample)[1].astype(np.float32)


def _folded(vectors: NDArray[np.float32], axes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Head and length of the tail [n, axis + 1], so that products bound those of `vectors`."""
    # The tail from its own axes: |v|² − |head|² would lose the digits of a short one.
    tail = np.linalg.norm(vectors @ axes[:, :-_AXES], axis=1)
    return np.hstack([vectors @ axes[:, -_AXES:], tail[:, None]])


def _survivors(
    left: NDArray[np.float32], right: NDArray[np.float32], least: float, *, within: bool
) -> Iterator[Pairs]:
    """Per tile, the pairs whose bound reaches `least`; of pairs within one set, each once."""
    buffer = np.empty(_ROWS * _COLUMNS, np.float32)
    for top in range(0, len(left), _ROWS):
        rows = left[top : top + _ROWS]
        for first in range(top if within else 0, len(right), _COLUMNS):
            columns = right[first : first + _COLUMNS]
            bound = buffer[: len(rows) * len(columns)].reshape(len(rows), len(columns))
            np.matmul(rows, columns.T, out=bound)
            i, j = np.divmod(np.flatnonzero(bound >= least), len(columns))
            pairs = np.stack([i + top, j + first], axis=1).astype(np.int32)
            yield pairs[pairs[:, 0] < pairs[:, 1]] if within else pairs


def _products(
    left: NDArray[np.float32], right: NDArray[np.float32], pairs: Pairs
) -> NDArray[np.float32]:
    """Exact integer products of the quantised vectors of each pair, shape (pair,)."""
    product: NDArray[np.float32] = np.einsum("pd,pd->p", left[pairs[:, 0]], right[pairs[:, 1]])
    return product
