"""Choosing among starts, seeds and their average."""

import numpy as np
import pytest
import torch

from pipeline.errors import TrainingError
from pipeline.training.averaging import average_adapters, choose, train_seeds
from pipeline.training.config import TrainingConfig
from pipeline.training.forward import EncodeQueries
from pipeline.training.loop import TrainedRun, train
from pipeline.training.starts import choose_start
from tests.bag_tower import FullResidual, World

QUICK = TrainingConfig(
    epochs=3, batch=12, learning_rate=0.03, validations=3, ema_decay=0.5, seeds=(0, 1, 2)
)


def adapter(value: float) -> FullResidual:
    made = FullResidual()
    with torch.no_grad():
        made.up += value
    return made


def finished(value: float, dev: float, *, seed: int = 0, failure: str | None = None) -> TrainedRun:
    made = adapter(value)
    from polars import DataFrame

    return TrainedRun(seed, made, 0.1, dev, 4, DataFrame(), (), failure)


def test_the_average_by_hand() -> None:
    """A sum, or the first adapter changed in place, would pass for an average of one."""
    first, second = adapter(1.0), adapter(4.0)
    average = average_adapters([first, second])
    assert [set(p.flatten().tolist()) for p in average.parameters()] == [{0.0, 1.0}, {2.5}]
    assert set(first.up.flatten().tolist()) == {1.0}


@pytest.mark.parametrize(
    ("measured", "chosen", "dev"), [(0.9, "average of 2 seeds", 0.9), (0.25, "seed 1", 0.3)]
)
def test_the_average_must_beat_the_best_run(
    world: World, measured: float, chosen: str, dev: float
) -> None:
    """Averages of runs in different basins are worse than each; then the best run is taken."""
    runs = [
        finished(1.0, 0.2),
        finished(2.0, 0.3, seed=1),
        finished(9.0, 0.99, seed=2, failure="diverged"),
    ]
    result = choose(world.tower, runs, validate=lambda encode: measured)
    assert (result.chosen, result.dev, result.average_dev) == (chosen, dev, measured)
    expected = 1.5 if "average" in chosen else 2.0
    assert {p.max().item() for p in result.adapter.parameters()} == {1.0, expected}


def test_seeds_are_trained_and_one_result_returned(world: World) -> None:
    """The whole path: it must be no worse than each of its runs and than the start."""
    result = train_seeds(
        world.tower,
        FullResidual(),
        world.documents,
        [world.source()],
        QUICK,
        validate=world.validate,
    )
    assert [run.seed for run in result.runs] == [0, 1, 2]
    assert result.dev >= max(run.best_dev for run in result.runs) > result.start_dev


def test_one_run_that_fails_does_not_stop_the_others(world: World) -> None:
    """A lucky rescue by other seeds must be possible; a result without any must not."""
    good = train(
        world.tower,
        FullResidual(),
        world.documents,
        [world.source()],
        QUICK,
        validate=world.validate,
        seed=0,
    )
    world.tower.spoil = lambda vectors: vectors * float("nan")
    bad = train(
        world.tower,
        FullResidual(),
        world.documents,
        [world.source()],
        QUICK,
        validate=world.validate,
        seed=1,
    )
    result = choose(world.tower, [bad, good], validate=world.validate)
    assert result.chosen == "seed 0"
    assert np.isnan(result.average_dev)
    with pytest.raises(TrainingError, match=r"seed 1: diverged 3 times.*lower the learning rate"):
        choose(world.tower, [bad], validate=world.validate)


def test_the_best_of_several_starts_is_taken(world: World) -> None:
    """A gain over a bad instruction is no gain."""
    starts = {"": FullResidual(), "broken": adapter(float("nan")), "other": adapter(0.3)}

    def validate(encode: EncodeQueries) -> float:
        vectors = encode(world.texts)
        return world.validate(lambda _: vectors)

    start = choose_start(world.tower, starts, validate=validate)
    assert start.name == max(("", "other"), key=lambda name: start.tried[name])
    assert start.dev == start.tried[start.name]
    assert start.adapter is starts[start.name]
    assert np.isnan(start.tried["broken"])
    with pytest.raises(TrainingError, match="at least one instruction"):
        choose_start(world.tower, {}, validate=validate)
