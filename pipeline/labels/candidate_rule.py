"""How many candidates each miner proposes, and from which ranks.

Belongs here: the rule, and picking ranks by it. Not: the miners (candidates.py).

The knobs on rank and score are those of hard-negative mining in sentence-transformers
(`mine_hard_negatives`); margins are to the score of the query paper's own document, as in
NV-Retriever (Moreira et al. 2024). Quotas are spread over log-spaced strata of ranks: a teacher
that judges only the top tells a student nothing about the rest, and a student that learns from
the top alone is worse off (RocketQA, Qu et al. 2021).
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

MINERS = (
    "student",
    "document",
    "bm25",
    "cites",
    "cited_by",
    "co_cited",
    "same_domain",
    "random",
)
"""Who proposes pairs, in the order of the column `miners`."""


class CandidateRule(BaseModel):
    """Quotas of the miners per query paper, and what the three nearest-first miners may take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    student: int = Field(24, ge=0, description="nearest to the title's vector, papers")
    document: int = Field(12, ge=0, description="nearest to the paper's own vector, papers")
    bm25: int = Field(12, ge=0, description="best BM25 for the title, papers")
    cites: int = Field(4, ge=0, description="papers it cites, at random")
    cited_by: int = Field(4, ge=0, description="papers that cite it, at random")
    co_cited: int = Field(4, ge=0, description="papers most often cited with it")
    same_domain: int = Field(4, ge=0, description="papers of its domain, at random")
    random: int = Field(4, ge=0, description="papers of the whole library, at random")
    rank_min: int = Field(1, ge=1, description="best rank taken of a ranking, from 1")
    rank_max: int = Field(1000, ge=1, description="worst rank taken of a ranking")
    n_strata: int = Field(5, ge=1, le=20, description="log-spaced strata of ranks, equal quotas")
    max_score: float | None = Field(None, description="highest student cosine taken; None: any")
    absolute_margin: float | None = Field(
        None, ge=0, description="least distance below the own document's cosine; None: any"
    )
    relative_margin: float | None = Field(
        None, ge=0, le=1, description="the same as a share of the own document's cosine"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "CandidateRule":
        if self.rank_min > self.rank_max:
            raise ValueError(
                f"expected rank_min <= rank_max, received {self.rank_min} > {self.rank_max}"
            )
        return self

    @property
    def id(self) -> str:
        """Names the rule: 8 hex digits over every field."""
        return blake2b(self.model_dump_json().encode(), digest_size=4).hexdigest()

    def quota(self, miner: str) -> int:
        """Most papers that `miner` proposes per query."""
        return int(getattr(self, miner))

    def ceiling(self, own: float) -> float:
        """Highest student cosine taken, given the cosine of the paper's own document."""
        limits = [np.inf]
        if self.max_score is not None:
            limits.append(self.max_score)
        if self.absolute_margin is not None:
            limits.append(own - self.absolute_margin)
        if self.relative_margin is not None:
            # |own|: a margin lowers the ceiling, of a negative cosine as well.
            limits.append(own - self.relative_margin * abs(own))
        return float(min(limits))

    def pick(
        self, allowed: NDArray[np.bool_], quota: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """At most `quota` of the places where `allowed` [rank] holds, ascending; place 0 is rank 1.

        Every stratum gives its share at random; what it lacks the next ones give, and what they
        lack the best places left: the quota is met wherever enough places are allowed.
        """
        edges = np.geomspace(self.rank_min, self.rank_max + 1, self.n_strata + 1).round() - 1
        inside = np.flatnonzero(allowed[: self.rank_max])
        inside = inside[inside >= self.rank_min - 1]
        picked: list[NDArray[np.int64]] = []
        left = quota
        for stratum in range(self.n_strata):
            places = inside[(inside >= edges[stratum]) & (inside < edges[stratum + 1])]
            share = min(places.size, -(-left // (self.n_strata - stratum)))
            picked.append(rng.choice(places, share, replace=False))
            left -= share
        chosen = np.concatenate(picked)
        rest = np.setdiff1d(inside, chosen)[:left]
        return np.sort(np.concatenate([chosen, rest]))
