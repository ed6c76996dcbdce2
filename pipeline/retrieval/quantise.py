"""Unit vectors as integers whose float32 products are exact.

Belongs here: quantisation and the proof of its exactness. Not: windows, top-k, pools.

Why. A float32 product of float vectors depends on the shape of the batch it was computed in,
because the order of summation does; then "the K nearest" would depend on how work was cut, and an
incremental run could not equal a rebuild. So every vector v is stored as q = round(SCALE · v), a
vector of integers held in float32. For two of them, any partial sum of their product, over any
subset of the d coordinates and in any order, is an integer of magnitude at most |q||p|
(Cauchy–Schwarz), and |q| ≤ SCALE · |v| + ½·sqrt(d). As long as that bound stays below 2^24, every
intermediate result is an integer that float32 holds exactly, with or without fused multiply-add:
the product is exact whatever the summation order, batch shape, library or machine.

SCALE² is 2^23, so that a product divided by 2^23 is the cosine, exact in float32 as well: a stored
radius can be turned back into the integer it came from. The price is a rounding noise of about
0.4 / SCALE = 1.4e-4 in the cosine (EXPERIMENTS.md).
"""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError

PRODUCT_PER_COSINE = 2**23
SCALE = math.sqrt(PRODUCT_PER_COSINE)
MAX_NORM = 1.001
MAX_DIMENSIONS = 65_536
# The proof above for what is let in, with room for the float32 error of the length itself.
assert (SCALE * 1.01 + 0.501 * math.sqrt(MAX_DIMENSIONS)) ** 2 < 2**24

VERSION = "q23"
"""Names the quantisation in identifiers: results of another scale are other results."""


def quantise(
    vectors: NDArray[np.float32], *, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Integers in float32, shape (n, d): round-half-even of SCALE · `vectors`.

    Each vector is quantised by itself, so the result does not depend on its neighbours in the
    batch. `out` may be `vectors` to save memory.

    Raises:
        InputError: not a float32 matrix, or a vector is not finite or longer than 1.001.
    """
    _check(vectors)
    scaled = np.multiply(vectors, np.float32(SCALE), out=out)
    return np.rint(scaled, out=scaled)


def cosine(product: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine similarities of exact products of quantised vectors, same shape, exact too."""
    return np.asarray(product / np.float32(PRODUCT_PER_COSINE), dtype=np.float32)


def _check(vectors: NDArray[np.float32]) -> None:
    if vectors.ndim != 2 or vectors.dtype != np.float32:
        raise InputError(
            f"expected a float32 matrix of one vector per row, received {vectors.dtype} of shape "
            f"{vectors.shape}"
        )
    if vectors.shape[1] > MAX_DIMENSIONS:
        raise InputError(f"expected at most {MAX_DIMENSIONS} dimensions: {vectors.shape[1]}")
    # NaN and infinity fail the comparison as well, without a matrix-sized temporary.
    norm2 = np.einsum("nd,nd->n", vectors, vectors)
    bad = np.flatnonzero(~(norm2 <= MAX_NORM**2))
    if bad.size:
        raise InputError(
            f"expected finite vectors of length 1 (at most {MAX_NORM}), received {bad.size} others,"
            f" the first in row {bad[0]} of length {math.sqrt(norm2[bad[0]]):.6g}; "
            "normalise the vectors, or encode those texts again"
        )
