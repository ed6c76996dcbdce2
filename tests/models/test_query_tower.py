"""The differentiable query side against the encoder it is the query side of."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.errors import ModelError
from pipeline.models.adaptation import Adaptation
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.families import E5
from pipeline.models.query_tower import QueryTower, TowerEncoder
from pipeline.models.qwen3_encoder import Qwen3Encoder
from pipeline.models.tiny_qwen3 import write_tiny_qwen3

QUERIES = [
    "Graph neural networks for molecules",
    "x",
    "A very long title, " * 12,
    "Robot grasping with tactile sensors",
]
INSTRUCTION = "find papers on the same topic as"


@pytest.fixture(scope="module", params=["plain", "e5", "qwen3"])
def encoder(
    request: pytest.FixtureRequest,
    tiny: MeanPooledEncoder,
    tiny_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> TowerEncoder:
    if request.param == "plain":
        return tiny
    if request.param == "e5":
        return MeanPooledEncoder.load(tiny_folder, "e5", dtype=torch.float32, family=E5)
    folder = tmp_path_factory.mktemp("models") / "qwen3"
    write_tiny_qwen3(folder, seed=0)
    return Qwen3Encoder.load(folder, "qwen3", max_tokens=128, dtype=torch.float32, device="cpu")


@pytest.fixture(scope="module")
def tower(encoder: TowerEncoder) -> QueryTower:
    return QueryTower(encoder)


def full_adaptation(tower: QueryTower, *, gated: bool, seed: int = 0) -> Adaptation:
    """Every field set to something that matters."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, sd: float = 0.3) -> Tensor:
        return torch.randn(shape, generator=generator) * sd

    hidden, layers = tower.hidden_size, tower.num_layers
    named = tower.named_weights()
    bias = next(n for n in named if n.endswith(("value.bias", "0.input_layernorm.weight")))
    width = tower.initial_prefix(torch.zeros(1, hidden)).shape[-1]
    return Adaptation(
        prompt=normal(5, hidden),
        gate=normal(layers) if gated else None,
        prefix=normal(layers, 2, 3, width),
        weights={bias: normal(*named[bias].shape)},
        side=[(normal(4, hidden), normal(hidden, 4)) for _ in range(layers)],
        pooling=1 + normal(tower.max_tokens),
        residual=(normal(6, tower.dim), normal(tower.dim, 6)),
    )


def test_nothing_added_is_the_encoder(tower: QueryTower, encoder: TowerEncoder) -> None:
    """A tower that differs from the encoder would train against vectors nobody searches with."""
    vectors = tower.forward(tower.tokenise(QUERIES), Adaptation())
    torch.testing.assert_close(
        vectors, torch.from_numpy(encoder.encode_queries(QUERIES)), atol=1e-6, rtol=0
    )


def test_word_vectors_of_an_instruction_are_that_instruction(
    tower: QueryTower, encoder: TowerEncoder
) -> None:
    """A prompt that starts elsewhere than its text would be compared with the wrong baseline."""
    prompt = tower.initial_prompt(INSTRUCTION, rng=np.random.default_rng(0))
    batch = tower.tokenise(QUERIES, prompted=True)
    vectors = tower.forward(batch, Adaptation(prompt=prompt))
    expected = encoder.encode_queries(QUERIES, INSTRUCTION)
    torch.testing.assert_close(vectors, torch.from_numpy(expected), atol=1e-6, rtol=0)
    instructed = tower.forward(tower.tokenise(QUERIES, INSTRUCTION), Adaptation())
    torch.testing.assert_close(vectors, instructed, atol=1e-6, rtol=0)


def test_a_zero_gate_is_the_plain_query(tower: QueryTower) -> None:
    """The identity that a gated prompt promises to start at."""
    added = full_adaptation(tower, gated=True)
    closed = Adaptation(
        prompt=added.prompt, prefix=added.prefix, gate=torch.zeros(tower.num_layers)
    )
    batch = tower.tokenise(QUERIES)
    plain = tower.forward(batch, Adaptation())
    torch.testing.assert_close(tower.forward(batch, closed), plain, atol=1e-6, rtol=0)
    opened = dataclasses.replace(closed, gate=torch.ones(tower.num_layers))
    assert (tower.forward(batch, opened) * plain).sum(1).max() < 0.999


@pytest.mark.parametrize("gated", [False, True])
def test_a_query_does_not_see_its_batch(tower: QueryTower, gated: bool) -> None:
    """Padding read as text makes a query's vector depend on the titles that came with it."""
    added = full_adaptation(tower, gated=gated)
    batch = tower.tokenise(QUERIES)
    together = tower.forward(batch, added)
    alone = torch.cat([tower.forward([ids], added) for ids in batch])
    backwards = tower.forward(batch[::-1], added).flip(0)
    torch.testing.assert_close(alone, together, atol=2e-6, rtol=0)
    torch.testing.assert_close(backwards, together, atol=2e-6, rtol=0)
    assert torch.equal(tower.forward(batch, added), together)


@pytest.mark.parametrize("gated", [False, True])
def test_every_tensor_gets_the_gradient_of_finite_differences(
    tower: QueryTower, gated: bool
) -> None:
    """A detached tensor trains nothing, silently; a wrong gradient trains the wrong thing."""
    added = full_adaptation(tower, gated=gated)
    batch = tower.tokenise(QUERIES[:2] + QUERIES[3:])
    target = torch.randn(3, tower.dim, generator=torch.Generator().manual_seed(1))

    def leaves(a: Adaptation) -> list[Tensor]:
        fields = [a.prompt, a.gate, a.prefix, a.pooling, *a.weights.values()]
        return [t for t in [*fields, *(a.residual or ()), *sum(a.side or [], ())] if t is not None]

    for tensor in leaves(added):
        tensor.requires_grad_()
    loss = (tower.forward(batch, added) * target).sum()
    gradients = torch.autograd.grad(loss, leaves(added))
    for tensor, gradient in zip(leaves(added), gradients, strict=True):
        assert gradient.abs().max() > 0
        step = 1e-2 * gradient / gradient.norm()
        with torch.no_grad():
            tensor += step
            up = (tower.forward(batch, added) * target).sum()
            tensor -= 2 * step
            down = (tower.forward(batch, added) * target).sum()
            tensor += step
        assert float(up - down) == pytest.approx(2e-2 * float(gradient.norm()), rel=0.1)


def test_frozen_weights_get_no_gradient(tower: QueryTower) -> None:
    """A graph over the frozen weights doubles the cost of every step."""
    vectors = tower.forward(tower.tokenise(QUERIES), Adaptation())
    assert not vectors.requires_grad
    assert not any(t.requires_grad for t in tower.named_weights().values())


def test_a_prompt_that_leaves_no_room_is_refused(tower: QueryTower) -> None:
    """Text cut to nothing gives every query the same vector."""
    prompt = tower.random_prompt(tower.max_tokens - 2, rng=np.random.default_rng(0))
    with pytest.raises(ModelError, match=f"at most {tower.max_tokens - 3} tokens"):
        tower.forward(tower.tokenise(QUERIES), Adaptation(prompt=prompt))


def test_long_text_gives_way_to_the_prompt(tower: QueryTower) -> None:
    """Prompt and text together past the last position would end in an index error."""
    prompt = tower.random_prompt(8, rng=np.random.default_rng(0))
    # "9" is one token in every vocabulary here.
    long, longer = ("9" + " 9" * n for n in (tower.max_tokens, tower.max_tokens + 50))
    a, b = tower.forward(tower.tokenise([long, longer]), Adaptation(prompt=prompt))
    torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("encoder.layer.9.output.dense.bias", (64,)),
        ("encoder.layer.0.output.dense.bias", (3,)),
        ("layers.0.input_layernorm.weight", (3,)),
    ],
)
def test_weights_of_another_body_are_refused(
    tower: QueryTower, name: str, shape: tuple[int, ...]
) -> None:
    """An override that is silently dropped, or broadcast, is a prompt that does something else."""
    with pytest.raises(ModelError, match=name):
        tower.prepare(Adaptation(weights={name: torch.zeros(shape)}))


def test_prompts_start_where_they_are_told_to(tower: QueryTower) -> None:
    """A longer prompt must keep the text it starts from; equal seeds must give equal prompts."""
    text = tower.initial_prompt(INSTRUCTION, rng=np.random.default_rng(0))
    longer = tower.initial_prompt(INSTRUCTION, len(text) + 3, rng=np.random.default_rng(0))
    assert torch.equal(longer[: len(text)], text)
    assert torch.equal(
        longer, tower.initial_prompt(INSTRUCTION, len(text) + 3, rng=np.random.default_rng(0))
    )
    shorter = tower.initial_prompt(INSTRUCTION, 2, rng=np.random.default_rng(0))
    assert torch.equal(shorter, text[:2])
    assert tower.initial_prompt("", 4, rng=np.random.default_rng(0)).shape == (4, tower.hidden_size)
