"""Train, dev and test of papers, such that no work stands on both sides.

Belongs here: clusters of papers that are one work, and the split of each cluster. Not: finding the
pairs (near_duplicates.py), papers of benchmarks (exclusion.py).

Method. Papers of one title, and papers whose document vectors reach a cosine, are tied; connected
components are clusters (Shiloach and Vishkin 1982: hooking and pointer jumping). A cluster's split
is a hash of the id of its first-minted paper: papers added later follow it, and only where a new
paper ties two clusters does one of them move. Shares hold in expectation.

Citation neighbours are not tied: the citation graph is nearly one component, which no split could
share out, and being on one topic is what retrieval has to tell apart, not a leak. What would leak
is an edge across the border used as a label: `MinedQueries.within` drops those.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.errors import InputError
from pipeline.labels.near_duplicates import Pairs, same_title_pairs, similar_pairs
from pipeline.labels.sampling import paper_hashes

SPLITS = ("train", "dev", "test")


class SplitRule(BaseModel):
    """Shares of the splits, and from which cosine two papers count as one work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: float = Field(0.8, gt=0, lt=1, description="share of the clusters")
    dev: float = Field(0.1, gt=0, lt=1, description="share of the clusters")
    test: float = Field(0.1, gt=0, lt=1, description="share of the clusters")
    cosine: float = Field(
        0.9,
        gt=0,
        le=0.999,
        description="from here on a conference paper and its journal version lie",
    )
    seed: int = Field(0, description="another seed, other splits")

    @model_validator(mode="after")
    def _whole(self) -> "SplitRule":
        total = self.train + self.dev + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"expected shares that sum to 1, received {total:.4f}")
        return self


@dataclass(frozen=True)
class Splits:
    """Per paper: `split`, an index into SPLITS, and `cluster`, the row of its first paper."""

    split: NDArray[np.int8]
    cluster: NDArray[np.int32]

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Which papers are in the named split, shape (paper,)."""
        if name not in SPLITS:
            raise InputError(f"expected one of {', '.join(SPLITS)}, received {name!r}")
        return np.asarray(self.split == SPLITS.index(name))

    def report(self) -> pl.DataFrame:
        """Per split: papers, their share, clusters, size of the largest cluster."""
        frame = pl.DataFrame({"split": self.split, "cluster": self.cluster})
        by_cluster = frame.group_by("split", "cluster").agg(size=pl.len())
        counted = by_cluster.group_by("split").agg(
            papers=pl.col("size").sum(), clusters=pl.len(), largest_cluster=pl.col("size").max()
        )
        names = pl.DataFrame({"split": range(len(SPLITS)), "name": SPLITS}).cast({"split": pl.Int8})
        return (
            names.join(counted, on="split", how="left", maintain_order="left")
            .fill_null(0)
            .with_columns(share=pl.col("papers") / max(1, self.split.size))
            .select("name", "papers", "share", "clusters", "largest_cluster")
        )


def cluster_papers(
    titles: Sequence[str],
    vectors: NDArray[np.float32],
    minted: NDArray[np.int32],
    *,
    cosine: float,
    also: Pairs | None = None,
) -> NDArray[np.int32]:
    """Per paper the row of the first-minted paper of its cluster, shape (paper,).

    Args:
        titles: of each paper.
        vectors: unit document vectors [paper, dim].
        minted: serial number of each paper, such as `paper_row`; unique.
        cosine: vectors at least this similar tie two papers.
        also: more pairs to tie, such as those a person still has to decide about.

    Raises:
        InputError: arrays disagree in length, or serial numbers repeat.
    """
    n = len(titles)
    if len(vectors) != n or minted.shape != (n,):
        raise InputError(
            f"expected {n} vectors and serial numbers, one per title, received {len(vectors)} and "
            f"{minted.shape}"
        )
    if np.unique(minted).size != n:
        raise InputError("expected one serial number per paper, received repeated ones")
    ties = [same_title_pairs(titles), similar_pairs(vectors, cosine)]
    pairs = np.concatenate(ties if also is None else [*ties, also])
    # Components are named by their lowest member, so rows take the order of minting meanwhile.
    order = np.argsort(minted)
    place = np.empty(n, np.int32)
    place[order] = np.arange(n, dtype=np.int32)
    first = _components(n, place[pairs])
    return order[first[place]].astype(np.int32)


def split_papers(paper_ids: Sequence[str], cluster: NDArray[np.int32], rule: SplitRule) -> Splits:
    """The split of every paper, given its cluster as `cluster_papers` tells it."""
    if cluster.shape != (len(paper_ids),):
        raise InputError(
            f"expected one cluster per paper, {len(paper_ids)}, received {cluster.shape}"
        )
    first, of_paper = np.unique(cluster, return_inverse=True)
    drawn = paper_hashes([paper_ids[row] for row in first], seed=rule.seed, purpose="split")
    uniform = drawn / np.float64(2**64)
    edges = np.cumsum([rule.train, rule.dev])
    return Splits(np.searchsorted(edges, uniform, side="right").astype(np.int8)[of_paper], cluster)


def _components(n: int, pairs: Pairs) -> NDArray[np.int32]:
    """Lowest member of the connected component of each of `n` nodes, shape (n,)."""
    label = np.arange(n, dtype=np.int32)
    while True:
        left, right = label[pairs[:, 0]], label[pairs[:, 1]]
        apart = left != right
        if not apart.any():
            return label
        low, high = np.minimum(left, right)[apart], np.maximum(left, right)[apart]
        np.minimum.at(label, high, low)
        while not np.array_equal(jumped := label[label], label):
            label = jumped
