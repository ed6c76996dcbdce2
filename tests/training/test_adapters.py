"""Every adapter: where it starts, and that all of it can be trained."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.errors import TrainingError
from pipeline.models.adaptation import Adaptation
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.query_tower import QueryTower
from pipeline.models.tiny import write_tiny_encoder
from pipeline.training.adapters import ADAPTERS, AdapterConfig

QUERIES = ["Graph neural networks for molecules", "x", "Robot grasping with tactile sensors"]
TEXT = "find papers on the same topic as"


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> QueryTower:
    folder: Path = tmp_path_factory.mktemp("models") / "tiny"
    write_tiny_encoder(folder, seed=0)
    return QueryTower(MeanPooledEncoder.load(folder, "tiny", dtype=torch.float32))


CASES = [
    ("soft_prompt", {"initial_text": TEXT}, TEXT),
    ("soft_prompt", {"initial_text": TEXT, "gate": True}, ""),
    ("residual", {}, ""),
    ("prompt_with_residual", {"initial_text": TEXT}, TEXT),
    ("prompt_with_residual", {"initial_text": TEXT, "gate": True}, ""),
    ("deep_prefix", {"initial_text": TEXT}, ""),
    ("bitfit", {}, ""),
    ("weighted_mean", {"instruction": TEXT}, TEXT),
    ("low_rank", {"rank": 4}, ""),
    ("side_adapter", {"instruction": TEXT}, TEXT),
    ("instruction_text", {"instruction": TEXT}, TEXT),
]


def test_every_adapter_is_tested() -> None:
    """A new adapter that nobody holds against the frozen encoder."""
    assert {kind for kind, _, _ in CASES} == set(ADAPTERS)


@pytest.mark.parametrize(("kind", "config", "instruction"), CASES)
def test_starts_as_the_frozen_encoder(
    tower: QueryTower, kind: str, config: dict[str, object], instruction: str
) -> None:
    """What starts elsewhere can start worse, and its gain is measured from the wrong line."""
    adapter = ADAPTERS[kind](
        tower, AdapterConfig.model_validate(config), rng=np.random.default_rng(0)
    )
    assert adapter.kind == kind
    batch = tower.tokenise(QUERIES, adapter.instruction)
    received = tower.forward(batch, adapter.adaptation())
    expected = tower.forward(tower.tokenise(QUERIES, instruction), Adaptation())
    torch.testing.assert_close(received.detach(), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("kind", "config", "instruction"), CASES[:-1])
def test_trains_all_of_itself_and_nothing_else(
    tower: QueryTower, kind: str, config: dict[str, object], instruction: str
) -> None:
    """A parameter without gradient is dead weight; a frozen tensor that moves moves documents."""
    rng = np.random.default_rng(0)
    adapter = ADAPTERS[kind](tower, AdapterConfig.model_validate(config), rng=rng)
    documents = tower.forward(tower.tokenise(QUERIES), Adaptation()).clone()
    optimiser = torch.optim.SGD(adapter.parameters(), lr=0.1)
    target = torch.randn(3, tower.dim, generator=torch.Generator().manual_seed(0))
    start = {name: p.detach().clone() for name, p in adapter.named_parameters()}
    # The second step: behind a zero gate or a zero matrix the first moves only that.
    for _ in range(2):
        optimiser.zero_grad()
        (tower.forward(tower.tokenise(QUERIES), adapter.adaptation()) * target).sum().backward()
        optimiser.step()
    assert adapter.num_parameters == sum(p.numel() for p in adapter.parameters())
    for name, parameter in adapter.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    again = tower.forward(tower.tokenise(QUERIES), Adaptation())
    assert torch.equal(again, documents)
    assert not any(torch.equal(p, start[name]) for name, p in adapter.named_parameters())


@pytest.mark.parametrize("kind", ["bitfit", "low_rank"])
def test_weights_are_not_trained_in_half_precision(tmp_path: Path, kind: str) -> None:
    """bfloat16 rounds a small change of a weight back to the weight: epochs without an effect."""
    write_tiny_encoder(tmp_path, seed=0)
    half = QueryTower(MeanPooledEncoder.load(tmp_path, "tiny", dtype=torch.bfloat16))
    with pytest.raises(TrainingError, match="expected a float32 encoder"):
        ADAPTERS[kind](half, AdapterConfig(), rng=np.random.default_rng(0))


@pytest.mark.parametrize("init", ["text", "vocabulary", "random"])
def test_prompts_have_the_length_asked_for(tower: QueryTower, init: str) -> None:
    """A prompt of another length costs other time, and is compared under a wrong name."""
    config = AdapterConfig.model_validate({"init": init, "num_virtual_tokens": 7})
    prompt = ADAPTERS["soft_prompt"](tower, config, rng=np.random.default_rng(0))
    assert prompt.num_parameters == 7 * tower.hidden_size
