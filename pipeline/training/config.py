"""Everything a training can be told, declared once with default, bound and unit.

Belongs here: the configuration that presets fill and assets reuse. Not: which queries are learnt
from (targets.py). Cheap to import: no torch.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

LossName = Literal["bpr", "margin", "margin_mse", "cosent", "listwise_kl", "corpus_kl", "info_nce"]


class TrainingConfig(BaseModel):
    """One training: its course, its losses' options, its seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int = Field(3, gt=0, description="passes over the queries")
    batch: int = Field(64, gt=0, description="queries per step")
    learning_rate: float = Field(2e-3, gt=0, description="peak, AdamW")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's, per unit of learning rate")
    warmup_share: float = Field(0.1, ge=0, lt=1, description="steps of warm-up, of all")
    clip: float = Field(1.0, gt=0, description="largest gradient norm, of the loss's typical one")
    ema_decay: float = Field(0.98, ge=0, lt=1, description="weight of the past per step; 0: none")
    anchor_weight: float = Field(
        0.0, ge=0, description="of 1 − cosine to the query's vector at step 0"
    )

    student_temperature: float = Field(0.05, gt=0, description="τ of the student, cosine")
    teacher_temperature: float = Field(0.05, gt=0, description="τ of the teacher, cosine")
    teacher_gap: float = Field(
        0.05, ge=0, description="closer scores of the teacher are not ordered, cosine"
    )
    hinge_lead: float = Field(0.05, gt=0, description="lead that satisfies the hinge, cosine")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="ε of BPR and InfoNCE")
    false_negative_ceiling: float = Field(
        0.1, ge=0, description="InfoNCE drops negatives above the positive by this, cosine"
    )

    domain_temperature: float = Field(
        1.0, ge=1, description="T of p ∝ n^(1/T): 1 as they come, large all domains alike"
    )
    validations: int = Field(10, gt=0, description="looks at the development queries per run")
    patience: int = Field(5, gt=0, description="looks without gain before stopping")
    divergence_ratio: float = Field(
        100.0, gt=1, description="gradient norm that counts as diverged, of the typical one"
    )
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="one run each, then averaged")
