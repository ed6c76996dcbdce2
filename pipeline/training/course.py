"""What moves during a training: parameters, optimiser, average; and the way back from divergence.

Belongs here: the mutable state, kept, restored and judged. Not: the order of things (loop.py).
Imports torch.
"""

import copy
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from pipeline.training.config import TrainingConfig
from pipeline.training.forward import Adapter
from pipeline.training.schedule import Average

TYPICAL_DECAY = 0.9  # weight of the past in a source's typical gradient norm, per step
ROUNDING = 1e-6
"""A gradient's norm below which it is float32's rounding of a loss near 1, and has no direction."""


class Course:
    """An adapter under way."""

    def __init__(self, adapter: Adapter, config: TrainingConfig) -> None:
        self.parameters = list(adapter.parameters())
        self.slowdown = 1.0  # halved at every rollback
        self._config = config
        self._optimiser = torch.optim.AdamW(
            self.parameters, lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self._average = Average(self.parameters, decay=config.ema_decay)
        self._typical: dict[int, float] = {}  # gradient norm of each source
        self.keep()

    def trouble(self, loss: Tensor, norm: float, source: int) -> str | None:
        """Why this step must not be taken; None where it may."""
        if not loss.isfinite():
            return f"the loss is {loss.item()}"
        if not norm < float("inf"):
            return f"the gradient's norm is {norm}"
        # Where nothing is left to learn, a hundred times the rounding is no divergence.
        typical = max(self._typical.get(source, norm), ROUNDING)
        if norm > self._config.divergence_ratio * typical:
            return f"the gradient's norm is {norm:.3g}, {norm / typical:.0f} times the typical one"
        return None

    def step(self, gradient: list[Tensor], norm: float, source: int, *, rate: float) -> None:
        """One step of AdamW at `rate`, on `gradient` in units of the source's typical norm.

        Losses differ in scale by orders of magnitude; in these units a batch of one source moves
        as much as one of another, and `clip` means the same for all.
        """
        if norm < ROUNDING:  # a batch that orders nothing must not move by momentum alone
            return
        typical = self._typical.get(source, norm)
        self._typical[source] = TYPICAL_DECAY * typical + (1 - TYPICAL_DECAY) * norm
        scale = min(1 / typical, self._config.clip / norm)
        for parameter, part in zip(self.parameters, gradient, strict=True):
            parameter.grad = part * scale
        for group in self._optimiser.param_groups:
            group["lr"] = rate * self.slowdown
        self._optimiser.step()
        self._average.update(self.parameters)

    def averaged(self) -> list[Tensor]:
        """Copies of the averaged parameters."""
        return [value.clone() for value in self._average.values]

    def keep(self) -> None:
        """Remember this state as good."""
        self._good: tuple[Any, ...] = copy.deepcopy(
            (
                [p.detach() for p in self.parameters],
                self._optimiser.state_dict(),
                (self._average.values, self._average.updates),
                self._typical,
            )
        )

    def roll_back(self) -> None:
        """Return to the last good state, at half the rate."""
        values, optimiser, average, typical = copy.deepcopy(self._good)
        assign(self.parameters, values)
        self._optimiser.load_state_dict(optimiser)
        self._average.values, self._average.updates = average
        self._typical = typical
        self.slowdown /= 2


def global_norm(gradient: Iterable[Tensor]) -> float:
    """Length of the gradient by all parameters together."""
    return float(torch.stack([part.square().sum() for part in gradient]).sum().sqrt())


def assign(parameters: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    """Put `values` into `parameters`, in order."""
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(value)


@contextmanager
def assigned(parameters: list[Tensor], values: list[Tensor]) -> Generator[None, None, None]:
    """`parameters` hold `values` inside, and what they held before afterwards."""
    before = [p.detach().clone() for p in parameters]
    assign(parameters, values)
    try:
        yield
    finally:
        assign(parameters, before)
