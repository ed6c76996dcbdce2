"""Which start is best: several instructions tried before any training.

Belongs here: measuring starts. Not: making them (adapters/). Method: text initialisation of soft
prompts (Lester et al. 2021, arXiv 2104.08691, section 2.2); an instruction is worth several points,
so the best of several is where training begins and what its gain is measured from. Imports torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.errors import TrainingError
from pipeline.training.forward import Adapter, Tower, encode_adapted
from pipeline.training.loop import Validate


@dataclass(frozen=True, eq=False)
class Start:
    """The best start: its name, adapter and measure; `tried`: the measure of every start."""

    name: str
    adapter: Adapter
    dev: float
    tried: Mapping[str, float]


def choose_start(tower: Tower, starts: Mapping[str, Adapter], *, validate: Validate) -> Start:
    """The start of the best development measure; the first of equals.

    Raises:
        TrainingError: no start, or none with a finite measure.
    """
    tried = {name: measure(tower, adapter, validate) for name, adapter in starts.items()}
    finite = {name: dev for name, dev in tried.items() if np.isfinite(dev)}
    if not finite:
        raise TrainingError(
            f"expected a start with a finite development measure, received {tried}; name at least "
            "one instruction and check the development queries"
        )
    best = max(finite, key=finite.__getitem__)
    return Start(best, starts[best], tried[best], tried)


def measure(tower: Tower, adapter: Adapter, validate: Validate) -> float:
    """The development measure of an adapter as it is."""
    return float(validate(lambda texts: encode_adapted(tower, adapter, texts)))
