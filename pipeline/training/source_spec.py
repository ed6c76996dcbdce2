"""One source of a recipe: what is asked, which loss learns from it, how much it counts.

Belongs here: the declaration. Not: making queries of it (curriculum.py).
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.training.config import LossName

SourceName = Literal[
    "labels", "own_vector", "own_abstract", "cited", "co_cited", "prop", "b_prop", "spans"
]


class SourceSpec(BaseModel):
    """One source of a recipe.

    `labels`: titles with a teacher's scores of candidates. `own_vector`: titles whose teacher is
    the paper's own document vector, the student's view of title + abstract on both sides: it
    answers for every document and costs nothing. The others: pipeline/labels/sources.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: SourceName
    loss: LossName
    weight: float = Field(1.0, ge=0, description="passes over its queries per epoch")
    queries: int = Field(10_000, gt=0, description="most queries")
