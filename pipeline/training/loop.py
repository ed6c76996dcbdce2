"""The training loop: one adapter, one seed, one readable step.

Belongs here: the order of things. Not: scores and losses (objective.py, losses/), the optimiser's
state (course.py), which of several runs is taken (averaging.py), whether it may serve (gate.py).
Step 0 is looked at like every other and is a candidate for the best: what is returned is never
worse than the start on the development queries. Imports torch.
"""

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import TrainingError
from pipeline.training.config import TrainingConfig
from pipeline.training.course import Course, assign, assigned, global_norm
from pipeline.training.forward import Adapter, EncodeQueries, Tower, encode_adapted
from pipeline.training.objective import Objective
from pipeline.training.sampling import Batch, epoch_batches, steps_per_epoch
from pipeline.training.schedule import learning_rate
from pipeline.training.targets import QuerySource, check_sources

Validate = Callable[[EncodeQueries], float]
"""The development queries' measure, larger is better, given the way to encode them."""

MAX_ROLLBACKS = 3
HISTORY = {
    "step": pl.Int32,
    "source": pl.String,
    "loss": pl.Float64,
    "gradient_norm": pl.Float64,
    "learning_rate": pl.Float64,
    "dev": pl.Float64,
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """Something out of the ordinary: `rollback`, `early_stop` or `failure`, and why."""

    step: int
    kind: str
    detail: str


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """What one seed gave.

    adapter: with the averaged parameters of the best look. `start_dev`, `best_dev`: the measure
    there. `best_step`: 0 means that nothing beat the start. `history`: one row per step (columns
    of HISTORY; `dev` null where nobody looked; step 0 is the start). `failure`: why the run may
    not be used, or None.
    """

    seed: int
    adapter: Adapter
    start_dev: float
    best_dev: float
    best_step: int
    history: pl.DataFrame
    events: tuple[Event, ...]
    failure: str | None


@dataclass
class _Record:
    """Rows and events so far, and the best look."""

    best_dev: float = -np.inf
    best_step: int = 0
    best: list[Tensor] = field(default_factory=list)
    looks_since: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def look(self, step: int, dev: float, parameters: list[Tensor]) -> None:
        """Note the measure at `step`; keep `parameters` if none was better."""
        self.rows[-1]["dev"] = dev
        self.looks_since += 1
        if dev > self.best_dev:
            self.best_dev, self.best_step, self.best = dev, step, parameters
            self.looks_since = 0

    def tell(self, step: int, kind: str, detail: str) -> None:
        _log.info("step %d: %s, %s", step, kind, detail)
        self.events.append(Event(step, kind, detail))

    def rollbacks(self) -> int:
        return sum(event.kind == "rollback" for event in self.events)


def train(
    tower: Tower,
    start: Adapter,
    documents: NDArray[np.float32],
    sources: Sequence[QuerySource],
    config: TrainingConfig,
    *,
    validate: Validate,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> TrainedRun:
    """Train a copy of `start` on `sources` against `documents` [document, dim], unit vectors.

    `seed` decides the order of the queries; `progress` gets the steps done and their number.

    Raises:
        TrainingError: sources that cannot be used, or a start that cannot be measured.
    """
    check_sources(sources, documents)
    adapter = copy.deepcopy(start)
    if not list(adapter.parameters()):
        raise TrainingError(
            "expected an adapter with parameters, received none; measure it, it cannot be trained"
        )
    course, record = Course(adapter, config), _Record()
    objective = Objective(tower, adapter, documents, sources, config)
    steps = config.epochs * steps_per_epoch(objective.shapes, config.batch)
    look_every = max(1, steps // config.validations)

    def measure(parameters: list[Tensor]) -> float:
        with assigned(course.parameters, parameters):
            return float(validate(lambda texts: encode_adapted(tower, adapter, texts)))

    record.rows.append({"step": 0})
    record.look(0, measure(course.averaged()), course.averaged())
    start_dev = _measured(record.best_dev)
    for step, batch in enumerate(_batches(objective, config, seed), start=1):
        loss, gradient = objective.loss_and_gradient(batch)
        norm = global_norm(gradient)
        rate = learning_rate(
            step, steps=steps, peak=config.learning_rate, warmup_share=config.warmup_share
        )
        record.rows.append(_row(step, sources[batch.source].name, loss, norm, rate, course))
        trouble = course.trouble(loss, norm, batch.source)
        if trouble is None:
            course.step(gradient, norm, batch.source, rate=rate)
            if step % look_every == 0 or step == steps:
                averaged = course.averaged()
                dev = measure(averaged)
                trouble = None if np.isfinite(dev) else f"the development measure is {dev}"
                if trouble is None:
                    record.look(step, dev, averaged)
                    course.keep()
        if trouble:
            record.tell(step, "rollback", trouble)
            course.roll_back()
            if record.rollbacks() == MAX_ROLLBACKS:
                record.tell(step, "failure", f"diverged {MAX_ROLLBACKS} times, last: {trouble}")
                break
        if progress:
            progress(step, steps)
        if record.looks_since >= config.patience:
            record.tell(step, "early_stop", f"no gain in {config.patience} looks")
            break
    assign(course.parameters, record.best)
    return _finished(seed, adapter, start_dev, record)


def _measured(dev: float) -> float:
    """The start's measure; without one there is nothing to compare with."""
    if not np.isfinite(dev):
        raise TrainingError(
            "expected a finite measure of the start on the development queries, received none; "
            "check them and the starting prompt"
        )
    return dev


def _batches(objective: Objective, config: TrainingConfig, seed: int) -> Iterator[Batch]:
    """The batches of all epochs."""
    rng = np.random.default_rng(seed)
    for _ in range(config.epochs):
        yield from epoch_batches(
            objective.shapes,
            batch=config.batch,
            domain_temperature=config.domain_temperature,
            rng=rng,
        )


def _row(
    step: int, source: str, loss: Tensor, norm: float, rate: float, course: Course
) -> dict[str, Any]:
    return {
        "step": step,
        "source": source,
        "loss": loss.item(),
        "gradient_norm": norm,
        "learning_rate": rate * course.slowdown,
    }


def _finished(seed: int, adapter: Adapter, start_dev: float, record: _Record) -> TrainedRun:
    failures = [event.detail for event in record.events if event.kind == "failure"]
    return TrainedRun(
        seed=seed,
        adapter=adapter,
        start_dev=start_dev,
        best_dev=record.best_dev,
        best_step=record.best_step,
        history=pl.DataFrame(record.rows, schema=HISTORY),
        events=tuple(record.events),
        failure=failures[0] if failures else None,
    )
