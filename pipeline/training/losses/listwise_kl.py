"""Listwise distillation: the student's distribution over a list must be the teacher's.

    L = τ_s² · mean over queries of KL(softmax(t / τ_t) ‖ softmax(s / τ_s))

Source: RocketQAv2, dynamic listwise distillation (Ren et al. 2021, arXiv 2110.07367, equations 4–6;
its teacher learns too, ours stands still); the factor τ² keeps the gradient's size when the
temperature moves (Hinton et al. 2015, arXiv 1503.02531, section 2).

The list may be the sampled candidates or, since documents are frozen, the whole corpus: then
nothing is sampled and the distribution is exact. Imports torch.
"""

import torch
from torch import Tensor


def listwise_kl(
    student: Tensor,
    teacher: Tensor,
    keep: Tensor,
    *,
    student_temperature: float,
    teacher_temperature: float,
) -> Tensor:
    """Scalar loss for student, teacher, keep [query, c]; c may be all documents.

    Rows that keep nothing teach nothing and do not count in the mean.
    """
    log_student = _log_softmax(student, keep, student_temperature)
    log_teacher = _log_softmax(teacher, keep, teacher_temperature)
    divergence = (log_teacher.exp() * (log_teacher - log_student)).sum(1)  # [query]
    rows = keep.any(1).sum().clamp(min=1)
    return student_temperature**2 * divergence.sum() / rows


def _log_softmax(scores: Tensor, keep: Tensor, temperature: float) -> Tensor:
    # fp32: of 10,000 documents most have probabilities that bf16 rounds away. Where nothing is
    # kept −1e9 is finite, so that differences stay 0 rather than NaN.
    logits = (scores.float() / temperature).masked_fill(~keep, -1e9)
    return torch.log_softmax(logits, dim=1).masked_fill(~keep, 0.0)
