"""Margin-MSE: the student's lead must be the teacher's lead.

    L = mean over pairs (+, −) of ((s⁺ − s⁻) − (t⁺ − t⁻))²

Source: Hofstätter et al. 2020 (arXiv 2010.02666), equation 7. The teacher's scores must come in
units of the student's cosine (`QuerySource.scale`). Imports torch.
"""

from torch import Tensor

from pipeline.training.losses.pairs import mean_or_zero, ordered_pairs


def margin_mse(student: Tensor, teacher: Tensor, keep: Tensor, *, gap: float) -> Tensor:
    """Scalar loss for student, teacher, keep [query, c], both in cosine."""
    difference, teacher_difference = ordered_pairs(student, teacher, keep, gap=gap)
    return mean_or_zero((difference - teacher_difference).square())
