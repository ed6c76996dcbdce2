"""CoSENT: all pairs of the batch in the teacher's order, whichever query they belong to.

    L = log(1 + Σ over (i, j) with t_i − t_j > gap of exp((s_j − s_i) / τ))

Source: Su 2022 (https://kexue.fm/archives/8847, equation 8; no paper); `CoSENTLoss` of
sentence-transformers, whose scale is 1/τ. Imports torch.
"""

import torch
from torch import Tensor

from pipeline.training.losses.pairs import ordered_pairs


def cosent(
    student: Tensor, teacher: Tensor, keep: Tensor, *, gap: float, temperature: float
) -> Tensor:
    """Scalar loss for student, teacher, keep [query, c]; compares across queries too."""
    row = (student.reshape(1, -1), teacher.reshape(1, -1), keep.reshape(1, -1))
    difference, _ = ordered_pairs(*row, gap=gap)
    return torch.logsumexp(torch.cat([difference.new_zeros(1), -difference / temperature]), dim=0)
