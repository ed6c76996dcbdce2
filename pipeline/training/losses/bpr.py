"""Bayesian personalised ranking: the better document must score higher, softly.

    L = mean over pairs (+, −) of −log σ(s⁺ − s⁻)

Source: Rendle et al. 2009 (arXiv 1205.2618), BPR-Opt, section 4.1, without its regulariser. Label
smoothing ε takes the pair as turned round with probability ε. Imports torch.
"""

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 — the name everybody knows

from pipeline.training.losses.pairs import mean_or_zero, ordered_pairs


def bpr(
    student: Tensor, teacher: Tensor, keep: Tensor, *, gap: float, label_smoothing: float = 0.0
) -> Tensor:
    """Scalar loss for student, teacher, keep [query, c]; `gap` in the teacher's units."""
    difference, _ = ordered_pairs(student, teacher, keep, gap=gap)
    # −log σ(−x) = −log σ(x) + x
    return mean_or_zero(-F.logsigmoid(difference) + label_smoothing * difference)
