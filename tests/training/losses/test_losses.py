"""Every loss against values worked out by hand and against a reference implementation."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from pipeline.training.config import TrainingConfig
from pipeline.training.losses.bpr import bpr
from pipeline.training.losses.cosent import cosent
from pipeline.training.losses.info_nce import info_nce
from pipeline.training.losses.listwise_kl import listwise_kl
from pipeline.training.losses.margin import margin
from pipeline.training.losses.margin_mse import margin_mse
from pipeline.training.losses.registry import LOSSES

NAN = float("nan")
# Two queries; the second has one candidate fewer. Teacher gaps of query 1: 0.5, 0.3, 0.2.
STUDENT = torch.tensor([[0.6, 0.5, 0.1], [0.2, 0.4, NAN]])
TEACHER = torch.tensor([[0.9, 0.6, 0.4], [0.8, 0.1, NAN]])
KEEP = torch.tensor([[True, True, True], [True, True, False]])
# Better − worse where the teacher's gap exceeds 0.25: (0, 1), (0, 2) and, of query 2, (0, 1).
LEADS = (0.1, 0.5, -0.2)
TEACHER_LEADS = (0.3, 0.5, 0.7)


def random_scores(seed: int, rows: int = 4, width: int = 9) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    student, teacher = rng.uniform(-1, 1, (2, rows, width)).astype(np.float32)
    return torch.from_numpy(student), torch.from_numpy(teacher)


def test_bpr_by_hand() -> None:
    """A sign turned round would train the ranking upside down and still fall smoothly."""
    expected = np.mean([math.log(1 + math.exp(-lead)) for lead in LEADS])
    assert bpr(STUDENT, TEACHER, KEEP, gap=0.25).item() == pytest.approx(expected, rel=1e-6)


def test_bpr_with_label_smoothing_is_binary_cross_entropy() -> None:
    """Smoothing that weighs both directions wrongly moves the optimum without an error."""
    leads = torch.tensor(LEADS)
    expected = F.binary_cross_entropy_with_logits(leads, torch.full((3,), 0.9))
    received = bpr(STUDENT, TEACHER, KEEP, gap=0.25, label_smoothing=0.1)
    torch.testing.assert_close(received, expected)


def test_margin_by_hand_and_against_torch() -> None:
    """A hinge on the wrong side punishes the pairs that are already right."""
    received = margin(STUDENT, TEACHER, KEEP, gap=0.25, lead=0.2)
    assert received.item() == pytest.approx((0.1 + 0.0 + 0.4) / 3, rel=1e-5)
    better, worse = torch.tensor([0.6, 0.6, 0.2]), torch.tensor([0.5, 0.1, 0.4])
    reference = F.margin_ranking_loss(better, worse, torch.ones(3), margin=0.2)
    torch.testing.assert_close(received, reference)


def test_margin_mse_by_hand_and_against_torch() -> None:
    """Absolute scores instead of differences would force the teacher's offset on the student."""
    received = margin_mse(STUDENT, TEACHER, KEEP, gap=0.25)
    expected = np.mean([(a - b) ** 2 for a, b in zip(LEADS, TEACHER_LEADS, strict=True)])
    assert received.item() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(
        received, F.mse_loss(torch.tensor(LEADS), torch.tensor(TEACHER_LEADS))
    )
    shifted = margin_mse(STUDENT + 0.3, TEACHER - 5.0, KEEP, gap=0.25)
    torch.testing.assert_close(shifted, received, atol=1e-5, rtol=1e-4)


def test_cosent_by_hand_across_queries() -> None:
    """Pairs taken within queries only is another loss of that name."""
    # Teacher 0.9, 0.6, 0.4 and 0.8, 0.1: seven of the ten pairs are further apart than 0.25.
    leads = [0.1, 0.5, 0.6 - 0.4, 0.5 - 0.4, 0.1 - 0.4, 0.2 - 0.1, 0.2 - 0.4]
    expected = math.log(1 + sum(math.exp(-lead / 0.5) for lead in leads))
    received = cosent(STUDENT, TEACHER, KEEP, gap=0.25, temperature=0.5)
    assert received.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_cosent_equals_sentence_transformers() -> None:
    """A temperature inverted is another loss of that name; the import alone takes ten seconds."""
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    student, teacher = random_scores(1)
    keep = torch.ones_like(student, dtype=torch.bool)
    # Angles whose cosine is the student's score, as pairs of embeddings of two numbers.
    angle = student.flatten().arccos()
    left = torch.stack([torch.ones_like(angle), torch.zeros_like(angle)], 1)
    right = torch.stack([angle.cos(), angle.sin()], 1)
    reference = losses.CoSENTLoss(torch.nn.Identity(), scale=20.0)
    expected = reference.compute_loss_from_embeddings([left, right], teacher.flatten())
    received = cosent(student, teacher, keep, gap=0.0, temperature=0.05)
    torch.testing.assert_close(received, expected, rtol=1e-4, atol=1e-4)


def test_listwise_kl_by_hand() -> None:
    """Teacher and student exchanged gives a divergence too, but the mode-seeking one."""
    student = torch.tensor([[math.log(3.0), 0.0]])
    teacher = torch.tensor([[0.0, 0.0]])
    # KL((1/2, 1/2) ‖ (3/4, 1/4)) = ½ log(½ / ¾) + ½ log(½ / ¼)
    expected = 0.5 * math.log(2 / 3) + 0.5 * math.log(2)
    keep = torch.ones(1, 2, dtype=torch.bool)
    received = listwise_kl(student, teacher, keep, student_temperature=1, teacher_temperature=1)
    assert received.item() == pytest.approx(expected, rel=1e-6)


def test_listwise_kl_equals_torch_with_two_temperatures() -> None:
    """One temperature used for both sides, or τ² of the wrong one, goes unnoticed in training."""
    student, teacher = random_scores(2)
    keep = torch.ones_like(student, dtype=torch.bool)
    expected = 0.1**2 * F.kl_div(
        F.log_softmax(student / 0.1, 1), F.softmax(teacher / 0.4, 1), reduction="batchmean"
    )
    received = listwise_kl(student, teacher, keep, student_temperature=0.1, teacher_temperature=0.4)
    torch.testing.assert_close(received, expected)


def test_listwise_kl_ignores_rows_that_keep_nothing() -> None:
    """A query without candidates in the mean would shrink the loss, or make it NaN."""
    student, teacher = random_scores(3)
    keep = torch.ones_like(student, dtype=torch.bool)
    options = {"student_temperature": 0.05, "teacher_temperature": 0.05}
    expected = listwise_kl(student[:3], teacher[:3], keep[:3], **options)
    keep[3] = False
    teacher[3] = NAN
    torch.testing.assert_close(listwise_kl(student, teacher, keep, **options), expected)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_info_nce_equals_cross_entropy(label_smoothing: float) -> None:
    """With one positive and nothing masked it must be softmax cross-entropy over the corpus."""
    student, _ = random_scores(4)
    target = torch.tensor([0, 3, 8, 2])
    positive = F.one_hot(target, 9).bool()
    keep = torch.ones_like(positive)
    expected = F.cross_entropy(student / 0.05, target, label_smoothing=label_smoothing)
    received = info_nce(
        student,
        positive,
        keep,
        temperature=0.05,
        ceiling=2.0,
        label_smoothing=label_smoothing,
    )
    torch.testing.assert_close(received, expected)


def test_info_nce_drops_the_negatives_above_the_ceiling() -> None:
    """An unlabelled positive pushed away as the hardest negative undoes the training."""
    student = torch.tensor([[0.5, 0.61, 0.59]])
    positive = torch.tensor([[True, False, False]])
    keep = torch.ones_like(positive)
    received = info_nce(student, positive, keep, temperature=1.0, ceiling=0.1)
    assert received.item() == pytest.approx(math.log(1 + math.exp(0.09)), rel=1e-6)


def test_info_nce_of_several_positives_is_the_mean_of_each_alone() -> None:
    """One positive must not serve as another's negative."""
    student, _ = random_scores(5, rows=1)
    positive = torch.zeros(1, 9, dtype=torch.bool)
    positive[0, [1, 4]] = True
    keep = torch.ones_like(positive)
    alone = []
    for chosen, other in ((1, 4), (4, 1)):
        logits = (student / 0.1).masked_fill(torch.arange(9) == other, -torch.inf)
        alone.append(F.cross_entropy(logits, torch.tensor([chosen])))
    received = info_nce(student, positive, keep, temperature=0.1, ceiling=2.0)
    torch.testing.assert_close(received, (alone[0] + alone[1]) / 2)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_padding_changes_neither_loss_nor_gradient(name: str) -> None:
    """NaN in a padded place turns the gradient of every parameter into NaN through 0 × NaN."""
    loss, config = LOSSES[name], TrainingConfig()
    student, teacher = random_scores(6)
    teacher = teacher > 0.5 if loss.target == "corpus_positives" else teacher
    keep = torch.ones(4, 9, dtype=torch.bool)

    def value_and_gradient(pad: Callable[[Tensor, float], Tensor]) -> tuple[Tensor, Tensor]:
        scores = student.clone().requires_grad_()
        value = loss.compute(pad(scores, 0.3), pad(teacher, NAN), pad(keep, 0.0), config)
        value.backward()
        assert scores.grad is not None
        return value, scores.grad

    plain = value_and_gradient(lambda x, _: x)
    padded = value_and_gradient(
        lambda x, fill: (
            torch.cat([x, torch.full((4, 3), fill).to(x.dtype)], 1)
            if x.dtype != torch.bool
            else F.pad(x, (0, 3))
        )
    )
    assert plain[1].abs().sum() > 0
    torch.testing.assert_close(padded, plain)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_batch_that_teaches_nothing_has_gradient_zero(name: str) -> None:
    """The mean over no pairs is NaN; it must be a loss of zero instead."""
    loss = LOSSES[name]
    student = torch.zeros(2, 3, requires_grad=True)
    kind = torch.bool if loss.target == "corpus_positives" else torch.float32
    teacher = torch.zeros(2, 3, dtype=kind)
    value = loss.compute(student, teacher, torch.zeros(2, 3, dtype=torch.bool), TrainingConfig())
    value.backward()
    assert value.item() == 0.0
    assert student.grad is not None
    assert not student.grad.any()


@given(seed=st.integers(0, 2**20), name=st.sampled_from(sorted(LOSSES)))
def test_a_small_step_down_the_gradient_lowers_the_loss(seed: int, name: str) -> None:
    """Masks and detached parts must not leave a gradient that points elsewhere."""
    loss, config = LOSSES[name], TrainingConfig(teacher_gap=0.2, student_temperature=0.3)
    student, teacher = random_scores(seed)
    teacher = teacher == teacher.amax(1, keepdim=True) if "positives" in loss.target else teacher
    keep = torch.ones(4, 9, dtype=torch.bool)
    scores = student.double().requires_grad_()
    value = loss.compute(scores, teacher, keep, config)
    value.backward()
    assert scores.grad is not None
    size = scores.grad.norm()
    if size > 1e-4:
        lower = loss.compute(scores - 1e-3 * scores.grad / size, teacher, keep, config)
        assert lower < value
