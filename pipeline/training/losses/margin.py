"""Hinge: the better document must lead by a margin; pairs that do teach nothing more.

    L = mean over pairs (+, −) of max(0, m − (s⁺ − s⁻))

Source: Joachims 2002 (ranking SVM, optimisation problem 1); as triplet loss in Sentence-BERT
(Reimers and Gurevych 2019, arXiv 1908.10084, section 3). Imports torch.
"""

from torch import Tensor

from pipeline.training.losses.pairs import mean_or_zero, ordered_pairs


def margin(student: Tensor, teacher: Tensor, keep: Tensor, *, gap: float, lead: float) -> Tensor:
    """Scalar loss for student, teacher, keep [query, c]; `lead` in cosine, `gap` in the teacher's
    units.
    """
    difference, _ = ordered_pairs(student, teacher, keep, gap=gap)
    return mean_or_zero((lead - difference).clamp(min=0.0))
