"""Several seeds, one result: the average of their parameters, if it is no worse than the best run.

Belongs here: running the seeds and choosing. Not: a single run (loop.py), the verdict on held-out
queries (gate.py). Method: model soups (Wortsman et al. 2022, arXiv 2203.05482, section 2, uniform
soup). Seeds move the order of queries only and share their start, because averages of runs are good
where runs end in one basin. Imports torch.
"""

import copy
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.errors import TrainingError
from pipeline.training.config import TrainingConfig
from pipeline.training.course import assign
from pipeline.training.forward import Adapter, Tower
from pipeline.training.loop import TrainedRun, Validate, train
from pipeline.training.starts import measure
from pipeline.training.targets import QuerySource

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """The adapter that came out best on the development queries.

    chosen: `average of 3 seeds`, `seed 1`, or `start` where no run beat it. dev, start_dev: the
    measure of it and of the start. average_dev: of the average, NaN where there was none.
    runs: all of them, failed ones included.
    """

    adapter: Adapter
    chosen: str
    dev: float
    start_dev: float
    average_dev: float
    runs: tuple[TrainedRun, ...]


def train_seeds(
    tower: Tower,
    start: Adapter,
    documents: NDArray[np.float32],
    sources: Sequence[QuerySource],
    config: TrainingConfig,
    *,
    validate: Validate,
    progress: Callable[[int, int], None] | None = None,
) -> TrainingResult:
    """One run per seed of `config`, averaged; arguments as in `train`.

    Raises:
        TrainingError: sources that cannot be used, or every run diverged.
    """
    runs = []
    for seed in config.seeds:
        runs.append(
            train(
                tower,
                start,
                documents,
                sources,
                config,
                validate=validate,
                seed=seed,
                progress=progress,
            )
        )
        if failure := runs[-1].failure:
            _log.warning("seed %d failed: %s", seed, failure)
    return choose(tower, runs, validate=validate)


def choose(tower: Tower, runs: Sequence[TrainedRun], *, validate: Validate) -> TrainingResult:
    """The average of the usable runs, or the best of them if that measures better."""
    usable = [run for run in runs if run.failure is None]
    if not usable:
        reasons = "; ".join(f"seed {run.seed}: {run.failure}" for run in runs)
        raise TrainingError(
            f"expected a run that does not diverge, received none ({reasons}); lower the learning "
            "rate or check the labels"
        )
    best = max(usable, key=lambda run: run.best_dev)
    adapter, dev = best.adapter, best.best_dev
    chosen = f"seed {best.seed}" if best.best_step else "start"
    average_dev = float("nan")
    if len(usable) > 1:
        average = average_adapters([run.adapter for run in usable])
        average_dev = measure(tower, average, validate)
        if average_dev > dev:
            adapter, dev, chosen = average, average_dev, f"average of {len(usable)} seeds"
    return TrainingResult(adapter, chosen, dev, best.start_dev, average_dev, tuple(runs))


def average_adapters(adapters: Sequence[Adapter]) -> Adapter:
    """A new adapter with the mean of every parameter."""
    average = copy.deepcopy(adapters[0])
    columns = zip(*(adapter.parameters() for adapter in adapters), strict=True)
    assign(average.parameters(), [torch.stack(list(same)).mean(0) for same in columns])
    return average
