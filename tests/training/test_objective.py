"""What a batch is compared with, and that parts of it give the whole's gradient."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.training.config import TrainingConfig
from pipeline.training.objective import Objective
from pipeline.training.sampling import Batch
from pipeline.training.targets import QuerySource
from tests.bag_tower import PAPERS, FullResidual, World

ROWS = np.arange(40, dtype=np.int64)
LOSSES = ["bpr", "margin", "margin_mse", "cosent", "listwise_kl", "corpus_kl", "info_nce"]
CONFIG = TrainingConfig(anchor_weight=0.1)


def objective(world: World, source: QuerySource, config: TrainingConfig = CONFIG) -> Objective:
    adapter = FullResidual()
    with torch.no_grad():
        adapter.up += 0.1
    return Objective(world.tower, adapter, world.documents, [source], config)


@pytest.mark.parametrize("loss", LOSSES)
def test_parts_give_the_gradient_of_the_whole(world: World, loss: str) -> None:
    """A loss that compares queries with one another must not be computed part by part."""
    made = objective(world, world.source(loss))
    adapter = made._adapter
    vectors = world.tower.forward(world.tower.tokenise(world.texts[:40]), adapter.adaptation())
    expected_loss = made.loss(Batch(0, ROWS), vectors)
    expected = torch.autograd.grad(expected_loss, list(adapter.parameters()))
    received_loss, received = made.loss_and_gradient(Batch(0, ROWS))
    torch.testing.assert_close(received_loss, expected_loss.detach())
    for a, b in zip(received, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def loss_of(world: World, source: QuerySource, config: TrainingConfig = CONFIG) -> Tensor:
    return objective(world, source, config).loss_and_gradient(Batch(0, ROWS))[0]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_own_paper_takes_no_part(world: World, loss: str) -> None:
    """The query's own paper as a candidate is a positive nobody searches for."""
    candidates = world.source().candidates.copy()
    candidates[:, 0] = np.arange(PAPERS)  # proposed all the same, with the best score
    scores = world.source().scores.copy()
    own = world.source(loss, candidates=candidates, scores=scores)
    without = candidates.copy()
    without[:, 0] = -1
    none = world.source(loss, candidates=without, scores=scores)
    torch.testing.assert_close(loss_of(world, own), loss_of(world, none))


def test_a_paper_that_shall_be_found_takes_part(world: World) -> None:
    """Title to own abstract: the own paper is the only positive, so −1 must not mask it."""
    itself = np.arange(PAPERS, dtype=np.int32)
    found = world.source(
        "info_nce",
        papers=np.full(PAPERS, -1, np.int32),
        candidates=itself[:, None],
        scores=np.ones((PAPERS, 1), np.float32),
        teacher_vectors=None,
    )
    config = TrainingConfig(false_negative_ceiling=2.0, student_temperature=0.1)
    made = objective(world, found, config)
    vectors = torch.from_numpy(world.documents[:40])
    logits = vectors @ torch.from_numpy(world.documents).T / 0.1
    expected = torch.nn.functional.cross_entropy(logits, torch.arange(40))
    torch.testing.assert_close(made.loss(Batch(0, ROWS), vectors), expected)


def test_info_nce_leaves_out_what_the_teacher_is_not_sure_of(world: World) -> None:
    """Undecided candidates and near-ties of the best as negatives are false negatives."""
    vectors = torch.from_numpy(world.documents[:1])
    cosine = (vectors @ torch.from_numpy(world.documents).T)[0]
    # Best, within the gap of it, undecided, a sure negative, padding.
    candidates = np.full((PAPERS, 5), -1, np.int32)
    candidates[0] = [1, 2, 3, 4, -1]
    scores = np.full((PAPERS, 5), np.nan, np.float32)
    scores[0] = [8.0, 7.6, np.nan, 2.0, np.nan]
    source = world.source("info_nce", candidates=candidates, scores=scores, scale=10.0)
    config = TrainingConfig(false_negative_ceiling=2.0, teacher_gap=0.05, student_temperature=1.0)
    made = objective(world, source, config)
    logits = cosine[[1, *range(4, PAPERS)]]  # the positive, then all but 0 (own), 2 and 3
    expected = torch.logsumexp(logits, 0) - cosine[1]
    torch.testing.assert_close(made.loss(Batch(0, ROWS[:1]), vectors), expected)


def test_the_scale_brings_any_teacher_to_cosine(world: World) -> None:
    """Log-odds taken for cosines would make every gap count and every target a single peak."""
    plain = world.source("listwise_kl")
    scaled = world.source("listwise_kl", scores=plain.scores * 20, scale=20.0)
    torch.testing.assert_close(loss_of(world, plain), loss_of(world, scaled))
