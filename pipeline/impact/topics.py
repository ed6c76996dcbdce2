"""Topics: clusters of document vectors, and which of them a paper is nearest to.

Belongs here: finding clusters, assigning papers to them, and when to find them anew. Not: what a
cluster is called (topic_names.py), or where vectors lie.

Method. Spherical k-means: Lloyd's algorithm (scikit-learn) on unit vectors, centroids normalised at
the end, so that nearest means highest cosine. The number of topics grows with the root of the
library. A fit depends on seed and machine and is kept; an assignment, given the centroids, does
not: products of quantised vectors are exact integers (pipeline/retrieval/quantise.py), the highest
wins, and of equal ones the lower topic number, however the papers are cut.
"""

import math
import warnings
from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import InputError
from pipeline.impact.topic_names import name_topics
from pipeline.retrieval.quantise import cosine, quantise
from pipeline.tables import TOPICS

TERMS_IN_NAME = 3
_BLOCK = 8_192  # papers assigned at a time: 12 MB of vectors at 384 dimensions


class TopicRule(BaseModel):
    """How many topics, found from how many papers, and when they are found anew."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fewest: int = Field(5, gt=0, description="topics of the smallest library")
    most: int = Field(200, gt=0, description="topics of the largest library")
    divisor: float = Field(10, gt=0, description="topics are the root of papers / this")
    sample: int = Field(100_000, gt=0, description="most papers that clusters are found from")
    starts: int = Field(1, gt=0, description="k-means++ starts, of which the tightest is kept")
    rounds: int = Field(100, gt=0, description="most rounds of Lloyd's algorithm per start")
    growth: float = Field(0.1, gt=0, description="change of the library that asks for a new fit")

    def n_topics(self, n_papers: int) -> int:
        """Topics of a library of so many papers; none of none, and never more than papers."""
        rooted = round(math.sqrt(n_papers / self.divisor))
        return min(n_papers, max(self.fewest, min(self.most, rooted)))


RULE = TopicRule()


def fit_topics(
    vectors: NDArray[np.float32],
    titles: Sequence[str],
    *,
    encoder_id: str,
    fitted_on: date,
    rule: TopicRule = RULE,
    seed: int = 0,
) -> pl.DataFrame:
    """`topics` rows of a library: the largest topic is number 0.

    Args:
        vectors: unit document vectors, float32 (n, d).
        titles: of the n papers, from which topics are named.
        encoder_id: of the vectors.
        fitted_on: the day.
        rule: number of topics and effort.
        seed: of the sample and the starts.

    Raises:
        InputError: vectors and titles differ in number, or a vector is not of length 1.
    """
    if len(vectors) != len(titles):
        raise InputError(f"expected a title per vector: {len(vectors)}, received {len(titles)}")
    if not len(vectors):
        return TOPICS.empty()
    found = _centroids(vectors, rule, seed)
    nearest, _ = assign_topics(vectors, found)
    sizes = np.bincount(nearest, minlength=len(found))
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]  # equal vectors may leave a centroid without papers
    number = np.full(len(found), -1, np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    terms = name_topics(titles, number[nearest], len(order))
    return pl.DataFrame(
        {
            "topic_id": range(len(order)),
            "name": _names(terms),
            "terms": terms,
            "n_papers": sizes[order],
            "n_fitted": sizes[order],
            "centroid": found[order].tolist(),
            "encoder_id": encoder_id,
            "fitted_on": fitted_on,
        },
        schema=TOPICS.schema,
        strict=False,
    )


def assign_topics(
    vectors: NDArray[np.float32], centroids: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Number and cosine of the nearest centroid of each paper, shapes (n,): exact, see above.

    Args:
        vectors: unit document vectors, float32 (n, d).
        centroids: unit vectors, float32 (k, d), k ≥ 1 where n ≥ 1.

    Raises:
        InputError: a vector is not of length 1, or dimensions differ.
    """
    if len(vectors) and vectors.shape[1:] != centroids.shape[1:]:
        raise InputError(
            f"expected centroids of {vectors.shape[1:]} dimensions, received {centroids.shape[1:]}:"
            " find the topics anew for this encoder"
        )
    nearest = np.zeros(len(vectors), np.int32)
    similarity = np.zeros(len(vectors), np.float32)
    targets = quantise(centroids).T if len(vectors) else centroids.T
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        products = quantise(vectors[block]) @ targets  # (block, k), whole numbers
        nearest[block] = products.argmax(axis=1)  # of equal ones the first
        similarity[block] = cosine(products.max(axis=1))
    return nearest, similarity


def centroids_of(topics: pl.DataFrame) -> NDArray[np.float32]:
    """Centroids of `topics` rows, float32 (k, d), by topic number."""
    rows = topics.sort("topic_id")["centroid"].to_list()
    return np.asarray(rows, np.float32).reshape(len(rows), len(rows[0]) if rows else 1)


def why_refit(
    topics: pl.DataFrame, *, n_papers: int, encoder_id: str, rule: TopicRule = RULE
) -> str | None:
    """Why clusters must be found anew for a library of `n_papers`; None: they stay."""
    if not topics.height:
        return "there were none" if n_papers else None
    if (held := topics["encoder_id"][0]) != encoder_id:
        return f"the encoder changed from {held} to {encoder_id}"
    fitted = int(topics["n_fitted"].sum())
    if abs(n_papers - fitted) > rule.growth * fitted:
        return f"the library went from {fitted:,} to {n_papers:,} papers"
    return None


def _names(terms: Sequence[Sequence[str]]) -> list[str]:
    """The first terms of each topic, more where another has the same; its number if it has none."""
    names: list[str] = []
    for topic, some in enumerate(terms):
        tried = (
            ", ".join(some[:n]) for n in range(TERMS_IN_NAME, max(len(some), TERMS_IN_NAME) + 1)
        )
        free = (name for name in tried if name and name not in names)
        names.append(next(free, f"topic {topic}"))
    return names


def _centroids(vectors: NDArray[np.float32], rule: TopicRule, seed: int) -> NDArray[np.float32]:
    """Unit centroids of the tightest clustering found, float32 (k, d)."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    n_topics = rule.n_topics(len(vectors))
    if len(vectors) > rule.sample:
        rng = np.random.default_rng(seed)
        vectors = vectors[np.sort(rng.choice(len(vectors), rule.sample, replace=False))]
    means = KMeans(n_topics, n_init=rule.starts, max_iter=rule.rounds, tol=1e-5, random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():
        # One thread: several add up in the order they end, and sums would differ.
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct vectors than topics
        centres = means.fit(vectors).cluster_centers_.astype(np.float64)
    length = np.linalg.norm(centres, axis=1, keepdims=True)
    return np.asarray(centres / np.maximum(length, 1e-12), np.float32)
