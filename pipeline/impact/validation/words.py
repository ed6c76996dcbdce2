"""Vectors of texts from their words alone: an encoder that has learnt nothing elsewhere.

Belongs here: TF-IDF in few dimensions (latent semantic analysis; Deerwester et al. 1990). Not: what
is compared by it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NAME = "words"


def word_vectors(texts: Sequence[str], *, dims: int = 256, seed: int) -> NDArray[np.float32]:
    """Unit vectors (n, at most dims) of the texts; of a text without a known word the first axis.

    Words of one text only are left out, those of English grammar too.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from threadpoolctl import threadpool_limits

    split = TfidfVectorizer(
        sublinear_tf=True, min_df=2, max_features=40_000, stop_words="english", dtype=np.float32
    )
    try:
        words = split.fit_transform(texts)
    except ValueError:  # no word is in two texts
        return _unit(np.zeros((len(texts), 1), np.float32))
    few = max(1, min(dims, words.shape[1] - 1, len(texts) - 1))
    # One thread: several add up in another order, and figures would differ from machine to machine.
    # Texts all alike have no variance to explain.
    with threadpool_limits(1), np.errstate(invalid="ignore"):
        reduced = TruncatedSVD(few, n_iter=3, random_state=seed).fit_transform(words)
    return _unit(reduced.astype(np.float32))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[length[:, 0] < 1e-6] = np.eye(1, vectors.shape[1], dtype=np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / length).astype(np.float32)
    return unit
