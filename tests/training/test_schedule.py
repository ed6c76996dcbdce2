"""The learning rate and the average, by hand."""

import math

import pytest
import torch

from pipeline.training.schedule import Average, learning_rate


def test_the_rate_by_hand() -> None:
    """A first step at rate zero is wasted, a last one at the peak throws away what was learnt."""
    rates = [learning_rate(s, steps=10, peak=1.0, warmup_share=0.2) for s in range(1, 11)]
    assert rates[:3] == pytest.approx([0.5, 1.0, 1.0])
    assert rates[6] == pytest.approx(0.5)  # halfway from step 3 to the step after the last
    assert rates[-1] == pytest.approx(0.5 * (1 + math.cos(math.pi * 7 / 8)))
    assert learning_rate(1, steps=1, peak=1.0, warmup_share=0.0) == 1.0


def test_the_average_by_hand() -> None:
    """A decay of 0.99 from the first step would hold on to the start for a hundred steps."""
    tensor = torch.zeros(1)
    average = Average([tensor], decay=0.99)
    tensor += 1
    average.update([tensor])
    assert average.values[0].item() == pytest.approx(9 / 11)  # decay (1 + 1) / (10 + 1)
    late = Average([torch.zeros(1)], decay=0.5)
    late.updates = 1000
    late.update([tensor])
    assert late.values[0].item() == pytest.approx(0.5)


def test_decay_zero_is_no_average() -> None:
    """The option to do without must give the parameters themselves."""
    tensor = torch.zeros(2)
    average = Average([tensor], decay=0.0)
    tensor += 3
    average.update([tensor])
    torch.testing.assert_close(average.values[0], tensor)
