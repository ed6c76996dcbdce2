"""The loop: it learns, never returns worse than it got, survives what diverges, and repeats."""

import threading
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from pipeline.errors import TrainingError
from pipeline.training.config import TrainingConfig
from pipeline.training.loop import HISTORY, TrainedRun, train
from tests.bag_tower import FullResidual, World

QUICK = TrainingConfig(epochs=6, batch=12, learning_rate=0.03, validations=6, ema_decay=0.5)
NAN = float("nan")


def run(world: World, config: TrainingConfig = QUICK, *, loss: str = "corpus_kl") -> TrainedRun:
    return train(
        world.tower,
        FullResidual(),
        world.documents,
        [world.source(loss)],
        config,
        validate=world.validate,
        seed=0,
    )


def parameters(run: TrainedRun) -> Tensor:
    return torch.cat([p.detach().flatten() for p in run.adapter.parameters()])


def on_forward(number: int, spoil: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Spoils the forward pass of that number, from 1, and no other."""
    counted, lock = [0], threading.Lock()

    def maybe(vectors: Tensor) -> Tensor:
        with lock:
            counted[0] += 1
            return spoil(vectors) if counted[0] == number else vectors

    return maybe


@pytest.mark.parametrize(
    "loss", ["bpr", "margin", "margin_mse", "cosent", "listwise_kl", "corpus_kl", "info_nce"]
)
def test_every_loss_learns_what_can_be_learnt(world: World, loss: str) -> None:
    """A loss assembled from the wrong scores still falls, but the queries do not move nearer."""
    trained = run(world, loss=loss)
    assert trained.failure is None
    assert trained.best_dev > trained.start_dev + 0.02
    encoded = world.tower.forward(
        world.tower.tokenise(world.texts), trained.adapter.adaptation()
    ).detach()
    measured = float((encoded.numpy() * world.documents).sum(1).mean())
    assert measured == pytest.approx(trained.best_dev, abs=1e-5)  # the best look, not the last


def test_history_tells_every_step(world: World) -> None:
    """A plot of what happened needs the start, every step, and who taught it."""
    trained = run(world)
    assert trained.history.schema == pl.Schema(HISTORY)
    assert trained.history["step"].to_list() == list(range(31))
    looks = trained.history.drop_nulls("dev")
    assert looks["step"].to_list() == [0, 5, 10, 15, 20, 25, 30]
    assert looks["dev"].max() == trained.best_dev
    assert trained.history["source"].to_list() == [None] + ["title"] * 30


def test_what_only_harms_returns_the_start(world: World) -> None:
    """A prompt worse than none is the normal case: step 0 must be a candidate."""
    looks = iter([0.5, 0.4, 0.3, 0.49, 0.2, 0.1, 0.0])
    trained = train(
        world.tower,
        FullResidual(),
        world.documents,
        [world.source()],
        QUICK,
        validate=lambda encode: next(looks),
        seed=0,
    )
    assert (trained.best_step, trained.best_dev, trained.start_dev) == (0, 0.5, 0.5)
    assert [(e.step, e.kind) for e in trained.events] == [(25, "early_stop")]
    start = torch.cat([p.detach().flatten() for p in FullResidual().parameters()])
    torch.testing.assert_close(parameters(trained), start)


def test_the_given_start_stays_as_it_was(world: World) -> None:
    """Several seeds begin at one start; the first must not move it under the second."""
    start = FullResidual()
    train(
        world.tower,
        start,
        world.documents,
        [world.source()],
        QUICK,
        validate=world.validate,
        seed=0,
    )
    assert not start.up.any()


def test_equal_seeds_give_equal_runs(world: World) -> None:
    """A promoted prompt must be repeatable; seeds that change nothing cannot be averaged."""
    first, again = run(world), run(World())
    torch.testing.assert_close(parameters(first), parameters(again), rtol=0, atol=0)
    source = [world.source()]
    other = train(
        world.tower,
        FullResidual(),
        world.documents,
        source,
        QUICK,
        validate=world.validate,
        seed=1,
    )
    assert not torch.equal(parameters(first), parameters(other))


def test_the_number_of_threads_does_not_change_the_result(world: World) -> None:
    """A larger machine must not give another prompt."""
    config = QUICK.model_copy(update={"batch": 40, "epochs": 2})  # three parts a batch
    threads = torch.get_num_threads()
    results = []
    for number in (1, 3):
        torch.set_num_threads(number)
        try:
            results.append(parameters(run(world, config)))
            assert torch.get_num_threads() == number
        finally:
            torch.set_num_threads(threads)
    torch.testing.assert_close(*results, rtol=1e-6, atol=1e-7)


def test_only_queries_are_read(world: World) -> None:
    """Documents encoded in the loop would make a step a thousand times dearer."""
    run(world, loss="bpr")
    assert set(world.tower.tokenised) == set(world.texts)
    assert len(world.tower.tokenised) == len(world.texts) * (1 + 7)  # once, and once per look


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda v: v * NAN, "the loss is nan"),
        (lambda v: v + (v - v.detach()) * 1e6, "times the typical one"),
        (lambda v: v + (v - v.detach()) * torch.inf, "the loss is nan"),
        (lambda v: v + (v - v.detach()) * 1e30, "the gradient's norm is inf"),
    ],
)
def test_one_divergence_is_rolled_back(
    world: World, spoil: Callable[[Tensor], Tensor], reason: str
) -> None:
    """A single bad batch must cost a rollback, not the run, and no NaN may get into the result."""
    world.tower.spoil = on_forward(8, spoil)
    trained = run(world)
    assert trained.failure is None
    assert [(e.step, e.kind) for e in trained.events] == [(8, "rollback")]
    assert reason in trained.events[0].detail
    assert parameters(trained).isfinite().all()
    assert trained.best_dev > trained.start_dev
    rates = trained.history["learning_rate"]
    clean = run(World()).history["learning_rate"]
    np.testing.assert_allclose(rates[9:], clean[9:] / 2)  # half the rate afterwards
    np.testing.assert_allclose(rates[1:9], clean[1:9])


def test_a_measure_that_is_no_number_is_a_divergence(world: World) -> None:
    """NaN compares false with everything: it would pass for "no gain" and train on."""
    looks = iter([0.5, NAN, 0.6, 0.6, 0.6, 0.6, 0.6])
    trained = train(
        world.tower,
        FullResidual(),
        world.documents,
        [world.source()],
        QUICK,
        validate=lambda encode: next(looks),
        seed=0,
    )
    assert trained.events[0].detail == "the development measure is nan"
    assert trained.best_dev == 0.6


def test_three_divergences_fail_the_run(world: World) -> None:
    """A run that cannot go on must say why, and must not loop for ever."""
    world.tower.spoil = lambda vectors: vectors * NAN
    trained = run(world)
    assert trained.failure == "diverged 3 times, last: the loss is nan"
    assert [e.kind for e in trained.events] == ["rollback"] * 3 + ["failure"]
    assert trained.history.height == 4
    assert trained.best_step == 0


def test_a_start_without_measure_is_refused(world: World) -> None:
    """Without the start's measure "never worse than the start" means nothing."""
    with pytest.raises(TrainingError, match="finite measure of the start"):
        train(
            world.tower,
            FullResidual(),
            world.documents,
            [world.source()],
            QUICK,
            validate=lambda encode: NAN,
            seed=0,
        )


def test_sources_of_any_scale_move_alike(world: World) -> None:
    """A loss a thousand times larger would silence the other source it is mixed with."""
    small = world.source("margin_mse", name="small")
    large = world.source("info_nce", name="large")
    trained = train(
        world.tower,
        FullResidual(),
        world.documents,
        [small, large],
        QUICK.model_copy(update={"student_temperature": 0.01}),
        validate=world.validate,
        seed=0,
    )
    assert trained.best_dev > trained.start_dev + 0.02
    taught = trained.history.drop_nulls("source").group_by("source").agg(pl.len())
    assert dict(taught.iter_rows()) == {"small": 30, "large": 30}


def test_an_anchor_holds_the_queries_where_they_were(world: World) -> None:
    """An anchor on the wrong vectors pulls towards nothing; this one must limit the drift."""

    def drift(config: TrainingConfig) -> float:
        trained = run(world, config)
        ids = world.tower.tokenise(world.texts)
        with torch.no_grad():
            before = world.tower.forward(ids, FullResidual().adaptation())
            after = world.tower.forward(ids, trained.adapter.adaptation())
        return float(1 - (before * after).sum(1).mean())

    free, held = drift(QUICK), drift(QUICK.model_copy(update={"anchor_weight": 10.0}))
    assert held < free / 5


def test_an_instruction_is_read_in_training_too(world: World) -> None:
    """Trained without the instruction that it is served with, a query lands somewhere else."""
    start = FullResidual()
    start.instruction = "7 7 7"
    trained = train(
        world.tower,
        start,
        world.documents,
        [world.source()],
        QUICK,
        validate=world.validate,
        seed=0,
    )
    assert trained.start_dev < run(World()).start_dev
    assert trained.best_dev > trained.start_dev + 0.02
    assert not torch.equal(parameters(trained), parameters(run(World())))


def test_what_has_no_parameters_is_not_trained(world: World) -> None:
    """An instruction as text has nothing to learn, and must say so rather than fail inside."""

    class Text(FullResidual):
        def parameters(self, recurse: bool = True) -> Iterator[torch.nn.Parameter]:
            return iter(())

    with pytest.raises(TrainingError, match="adapter with parameters"):
        train(
            world.tower,
            Text(),
            world.documents,
            [world.source()],
            QUICK,
            validate=world.validate,
            seed=0,
        )
