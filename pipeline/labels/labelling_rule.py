"""How many papers are queries, in which split, and what they are paired with.

Belongs here: the rule, cheap to import. Not: following it (labelling.py).

Two kinds of candidates. Queries to learn from get candidates over the whole range of ranks
(`learn`): what a teacher says of the middle is what a student does not know. Queries to measure by
get the first ranks of several systems (`judge`), the pooling of TREC (Sparck Jones and van
Rijsbergen 1975): what a good student may retrieve must have been judged.
"""

import hashlib

from pydantic import BaseModel, ConfigDict, Field

from pipeline.labels.candidate_rule import CandidateRule
from pipeline.labels.splits import SplitRule

JUDGE = CandidateRule(
    student=25, document=25, bm25=15, cites=2, cited_by=2, co_cited=4, same_domain=2, random=2,
    rank_max=25, n_strata=1,
)  # fmt: skip


class LabellingRule(BaseModel):
    """How many papers are queries, and what they are paired with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    queries: int = Field(3000, ge=0, description="query papers in all splits")
    share_dev: float = Field(0.15, gt=0, lt=1, description="of them to choose by")
    share_test: float = Field(0.45, gt=0, lt=1, description="of them to judge by")
    learn: CandidateRule = Field(CandidateRule(), description="candidates to learn from")
    judge: CandidateRule = Field(JUDGE, description="candidates to measure by")
    splits: SplitRule = Field(SplitRule(), description="splits of the papers")
    seed: int = Field(0, description="another seed, other queries and draws")

    @property
    def id(self) -> str:
        """Names the rule: 8 hex digits over every field."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]

    def number(self, split: str) -> int:
        """Query papers of a split."""
        dev, test = round(self.queries * self.share_dev), round(self.queries * self.share_test)
        return {"train": self.queries - dev - test, "dev": dev, "test": test}[split]
