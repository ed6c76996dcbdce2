"""Losses by name, each with what it needs of a batch.

Belongs here: the table that configuration and query sources refer to. Not: formulas. Imports torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from pipeline.training.config import TrainingConfig
from pipeline.training.losses.bpr import bpr
from pipeline.training.losses.cosent import cosent
from pipeline.training.losses.info_nce import info_nce
from pipeline.training.losses.listwise_kl import listwise_kl
from pipeline.training.losses.margin import margin
from pipeline.training.losses.margin_mse import margin_mse

Target = Literal["candidate_scores", "corpus_scores", "corpus_positives"]


@dataclass(frozen=True)
class Loss:
    """A loss with its options bound to the configuration.

    target: what `teacher` holds and how wide the tensors are: the scores of the query's candidates
        [query, c], the teacher's cosine to every document [query, document], or which documents
        are positive [query, document].
    """

    target: Target
    compute: Callable[[Tensor, Tensor, Tensor, TrainingConfig], Tensor]


def _listwise_kl(student: Tensor, teacher: Tensor, keep: Tensor, config: TrainingConfig) -> Tensor:
    return listwise_kl(
        student,
        teacher,
        keep,
        student_temperature=config.student_temperature,
        teacher_temperature=config.teacher_temperature,
    )


LOSSES: Mapping[str, Loss] = {
    "bpr": Loss(
        "candidate_scores",
        lambda s, t, k, c: bpr(s, t, k, gap=c.teacher_gap, label_smoothing=c.label_smoothing),
    ),
    "margin": Loss(
        "candidate_scores",
        lambda s, t, k, c: margin(s, t, k, gap=c.teacher_gap, lead=c.hinge_lead),
    ),
    "margin_mse": Loss(
        "candidate_scores",
        lambda s, t, k, c: margin_mse(s, t, k, gap=c.teacher_gap),
    ),
    "cosent": Loss(
        "candidate_scores",
        lambda s, t, k, c: cosent(s, t, k, gap=c.teacher_gap, temperature=c.student_temperature),
    ),
    "listwise_kl": Loss("candidate_scores", _listwise_kl),
    "corpus_kl": Loss("corpus_scores", _listwise_kl),
    "info_nce": Loss(
        "corpus_positives",
        lambda s, t, k, c: info_nce(
            s,
            t,
            k,
            temperature=c.student_temperature,
            ceiling=c.false_negative_ceiling,
            label_smoothing=c.label_smoothing,
        ),
    ),
}
