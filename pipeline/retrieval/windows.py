"""What is asked of a search in date windows, and what it answers.

Belongs here: the rule of windows and sizes, how much of a pool's edge is remembered, and the arrays
that pools come in. Not: the search (neighbours.py).
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

NO_DAY = int(np.iinfo(np.int32).min)
"""Stands for an unknown day in `day` arrays; such papers have no window and are in none."""


class WindowRule(BaseModel):
    """Which papers are neighbours: min(k_max, max(k_min, share of the window)), by cosine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    k_max: int = Field(1000, gt=0, description="most members, papers")
    k_min: int = Field(100, gt=0, description="fewest members where the window has them, papers")
    share: float = Field(0.1, gt=0, le=1, description="members per paper of the window")
    half_window_days: int = Field(183, ge=0, description="largest distance in time, days")

    @model_validator(mode="after")
    def _ordered(self) -> "WindowRule":
        if self.k_min > self.k_max:
            raise ValueError(f"expected k_min <= k_max, received {self.k_min} > {self.k_max}")
        return self

    def pool_size(self, n_window: NDArray[np.int64]) -> NDArray[np.int64]:
        """Members of each pool given the papers in its window, same shape, papers."""
        # As a fraction: floor(0.29 * 100) is 28 in floating point.
        share = Fraction(self.share).limit_denominator(1_000_000)
        part = n_window * share.numerator // share.denominator
        return np.minimum(n_window, np.clip(part, self.k_min, self.k_max))


@dataclass(frozen=True)
class Reach:
    """How many candidates on either side of a pool's edge are remembered; changes no pool."""

    least: int = 16
    part: int = 8  # one in so many members, where that is more

    def ranks(
        self, k: NDArray[np.int64], n_window: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and past-the-last remembered rank around the edge behind rank `k`, from 0."""
        half = np.maximum(self.least, k // self.part)
        return np.maximum(k - half, 0), np.minimum(k + half, n_window)


@dataclass(frozen=True)
class Frontier:
    """The candidates around the edges of q pools, a stretch of consecutive ranks for each.

    `n_above` (q): candidates nearer than the first of the stretch, members all. `rows` and
    `products`: ids and products of the stretch of query i, nearest first, at
    `offsets[i]:offsets[i + 1]`.
    """

    n_above: NDArray[np.int32]
    rows: NDArray[np.int32]
    products: NDArray[np.int32]
    offsets: NDArray[np.int64]


@dataclass(frozen=True)
class Pools:
    """Neighbours of q queries, in the order asked.

    `n_window` and `k` (q): papers in the window and members. `threshold` (q): product of the
    farthest member, 0 where there is none. `members`: ids ascending within each pool, those of
    query i at `offsets[i]:offsets[i + 1]`.
    """

    n_window: NDArray[np.int32]
    k: NDArray[np.int32]
    threshold: NDArray[np.int32]
    members: NDArray[np.int32]
    offsets: NDArray[np.int64]
    frontier: Frontier


REACH = Reach()


def offsets_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where lists of these lengths begin and end, one after the other, shape (n + 1,)."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
