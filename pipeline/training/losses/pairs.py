"""Ordered pairs of one query's candidates, which the pairwise losses share.

Belongs here: which pairs the teacher orders. Not: what is made of them. Imports torch.
"""

from torch import Tensor


def ordered_pairs(
    student: Tensor, teacher: Tensor, keep: Tensor, *, gap: float
) -> tuple[Tensor, Tensor]:
    """Differences better − worse, (student [pair], teacher [pair]), where the teacher's is > `gap`.

    student, teacher, keep: [query, c]. Pairs closer than `gap` are the teacher's noise, not its
    judgment.
    """
    # Padding is 0, not NaN: a masked NaN would still make its gradient NaN.
    s = student.float().masked_fill(~keep, 0.0)
    t = teacher.float().masked_fill(~keep, 0.0)
    teacher_gap = t[:, :, None] - t[:, None, :]  # [query, better, worse]
    chosen = (teacher_gap > gap) & keep[:, :, None] & keep[:, None, :]
    return (s[:, :, None] - s[:, None, :])[chosen], teacher_gap[chosen]


def mean_or_zero(values: Tensor) -> Tensor:
    """Mean, and 0 with a gradient of zero where nothing was ordered."""
    return values.mean() if values.numel() else values.sum()
