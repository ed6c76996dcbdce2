"""How the learning rate runs, and the running average of the parameters.

Belongs here: both as plain arithmetic. Not: the optimiser (loop.py).
Method: linear warm-up and cosine decay (Loshchilov and Hutter 2017, arXiv 1608.03983, equation 5,
without restarts); exponential moving average of the parameters (Polyak and Juditsky 1992; its decay
grows from small, so that the start does not linger). `Average` imports torch.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def learning_rate(step: int, *, steps: int, peak: float, warmup_share: float) -> float:
    """Rate of step 1 … `steps`: rises to `peak` over the warm-up, falls to 0 after the last."""
    warmup = round(warmup_share * steps)
    if step <= warmup:
        return peak * step / warmup
    progress = (step - warmup - 1) / (steps - warmup)  # 0 … just below 1
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


class Average:
    """Exponential moving average of tensors: after t updates decay is min(decay, (1+t)/(10+t))."""

    def __init__(self, tensors: "Sequence[Tensor]", *, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.values = [t.detach().clone() for t in tensors]

    def update(self, tensors: "Sequence[Tensor]") -> None:
        """Move towards `tensors`, those that it was made of."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for value, tensor in zip(self.values, tensors, strict=True):
            value.lerp_(tensor.detach(), 1 - decay)
