"""The Qwen3 body against transformers', against its own pasts, and against padding."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipeline.errors import ModelError
from pipeline.models.qwen3 import Past, Qwen3Body, load_qwen3
from pipeline.models.tiny_qwen3 import HIDDEN, LAYERS, write_tiny_qwen3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("qwen3") / "tiny"
    write_tiny_qwen3(path, seed=0)
    return path


@pytest.fixture(scope="module")
def body(folder: Path) -> Qwen3Body:
    return load(folder)


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Qwen3Body:
    return load_qwen3(folder, json.loads((folder / "config.json").read_text()), dtype)


def random_ids(texts: int, tokens: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 300, (texts, tokens), generator=torch.Generator().manual_seed(seed))


def close(received: Tensor, expected: Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(received, expected, atol=atol, rtol=1e-5)


def save_reference(path: Path, *, tied: bool, shard: str, bias: bool = False) -> torch.nn.Module:
    """A model of transformers' own, saved by its own hand."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(1)
    config = Qwen3Config(
        vocab_size=320, hidden_size=32, intermediate_size=56, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, head_dim=12, max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6}, tie_word_embeddings=tied,
        attention_bias=bias,
    )  # fmt: skip
    model = Qwen3ForCausalLM(config).eval()
    with torch.no_grad():  # not the ones and zeros of initialisation, which hide what is swapped
        for name, tensor in model.named_parameters():
            if "norm" in name or "bias" in name:
                tensor.normal_(1.0, 0.2)
    model.save_pretrained(path, max_shard_size=shard)
    return model


@pytest.mark.parametrize(
    ("tied", "shard", "bias"), [(True, "1GB", False), (False, "20KB", False), (False, "1GB", True)]
)
def test_body_equals_transformers(tmp_path: Path, tied: bool, shard: str, bias: bool) -> None:
    """A swapped norm or half, or a shard left out, still looks like hidden states."""
    reference = save_reference(tmp_path, tied=tied, shard=shard, bias=bias)
    assert (tmp_path / "model.safetensors.index.json").exists() == (shard == "20KB")
    ids, mask = random_ids(3, 20), torch.ones(3, 20, dtype=torch.bool)
    mask[1, 13:] = False
    with torch.inference_mode():
        expected = reference.model(ids, attention_mask=mask.long()).last_hidden_state[mask]
        close(load(tmp_path)(ids, mask)[mask], expected)


def test_tiny_model_is_one_of_transformers(folder: Path, body: Qwen3Body) -> None:
    """A tiny model that only our own code can read proves nothing about published ones."""
    from transformers import Qwen3Model

    ids = random_ids(2, 40)
    with torch.inference_mode():
        close(body(ids, None), Qwen3Model.from_pretrained(folder).eval()(ids).last_hidden_state)


@pytest.mark.parametrize("side", ["left", "right", "both"])
def test_padding_does_not_change_a_state(body: Qwen3Body, side: str) -> None:
    """Positions by plain counting made the vector of a text depend on the batch beside it."""
    ids = random_ids(1, 7)
    left, right = {"left": (9, 0), "right": (0, 9), "both": (4, 5)}[side]
    padded = torch.nn.functional.pad(ids, (left, right), value=5)
    mask = torch.zeros(2, 16, dtype=torch.bool)
    mask[0, left : left + 7] = True
    mask[1] = True
    together = body(torch.cat([padded, random_ids(1, 16, seed=2)]), mask)
    assert together.isfinite().all()
    close(together[:1, left : left + 7], body(ids, None))


def test_a_shared_prefix_is_read_once(body: Qwen3Body) -> None:
    """A suffix at the wrong position, or blind to its prefix, scores another pair."""
    prefix, suffixes = random_ids(1, 9), random_ids(3, 5, seed=1)
    whole = body(torch.cat([prefix.expand(3, -1), suffixes], 1), None)
    past = body.prefill(body.embed(prefix))
    close(body.states(body.embed(suffixes), past=past), whole[:, 9:])
    assert past.layer(0)[0].shape[0] == 1


def test_each_text_goes_on_from_its_own_prefix(body: Qwen3Body) -> None:
    """Groups share a batch: a row that went on from another query's prefix is a wrong label."""
    a, b, suffixes = random_ids(1, 9), random_ids(1, 4, seed=3), random_ids(3, 6, seed=1)
    padded = torch.cat([a, torch.nn.functional.pad(b, (2, 3), value=7)])
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[1, :2] = mask[1, 6:] = False
    rows = [1, 0, 1]
    real = torch.ones(3, 6, dtype=torch.bool)
    real[2, 4:] = False
    past = body.prefill(body.embed(padded), mask).take(torch.tensor(rows))
    received = body.states(body.embed(suffixes), real, past=past)
    for i, row in enumerate(rows):
        alone = torch.cat([(a, b)[row], suffixes[i : i + 1]], 1)
        n = int(real[i].sum())
        close(received[i, :n], body(alone, None)[0, -6:][:n])


def test_a_past_goes_on_from_a_past(body: Qwen3Body) -> None:
    """The part that all queries share is read once, then each query, then its documents."""
    ids = random_ids(1, 15)
    first = body.prefill(body.embed(ids[:, :6]))
    mask = torch.ones(1, 8, dtype=torch.bool)
    mask[0, 4:] = False  # padding between the pasts
    middle = torch.nn.functional.pad(ids[:, 6:10], (0, 4), value=3)
    second = body.prefill(body.embed(middle), mask, past=first)
    close(body.states(body.embed(ids[:, 10:]), past=second), body(ids, None)[:, 10:])


def test_a_gate_of_zero_is_the_plain_text(body: Qwen3Body) -> None:
    """Training starts at the identity, or the gate guards nothing; beyond zero it must count."""
    ids, prompt = random_ids(2, 6), torch.randn(4, HIDDEN, generator=torch.manual_seed(0))
    past = Past.of(body.key_values(prompt))
    words = body.embed(ids)
    shut = body.states(words, past=past, gate=torch.zeros(LAYERS))
    close(shut, body(ids, None))
    opened = body.states(words, past=past, gate=torch.ones(LAYERS))
    assert (opened - shut).abs().max() > 0.01


def test_gradients_reach_whatever_is_added(body: Qwen3Body) -> None:
    """A tensor that is detached on the way is trained in vain, without a word."""
    prompt = torch.randn(3, HIDDEN, requires_grad=True)
    gate = torch.full((LAYERS,), 0.1, requires_grad=True)
    down, up = (torch.randn(s, requires_grad=True) for s in ((4, HIDDEN), (HIDDEN, 4)))
    name = "layers.0.self_attn.q_proj.weight"
    changed = body.weight(name).clone().requires_grad_()
    other = body.with_weights({name: changed})
    words = body.embed(random_ids(2, 5)).requires_grad_()
    past = Past.of(other.key_values(prompt))
    other.states(words, past=past, gate=gate, side=[(down, up)] * LAYERS).sum().backward()
    for tensor in (prompt, gate, down, up, changed, words):
        assert tensor.grad is not None
        assert tensor.grad.abs().sum() > 0


def test_weights_of_another_shape_are_refused(body: Qwen3Body) -> None:
    """Broadcasting would take a matrix of another model and compute nonsense."""
    with pytest.raises(ModelError, match=r"q_proj\.weight .* received \(2, 2\)"):
        body.with_weights({"layers.0.self_attn.q_proj.weight": torch.zeros(2, 2)})


def test_bfloat16_agrees_with_float32(folder: Path, body: Qwen3Body) -> None:
    """Labels of a GPU and of a CPU are compared: the number format must not decide a rank."""
    ids = random_ids(2, 30)
    half = load(folder, torch.bfloat16)(ids, None).float()
    assert torch.cosine_similarity(half, body(ids, None), dim=-1).min() > 0.999


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "qwen2"}, "expected a decoder"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "expected a decoder"),
        ({"use_sliding_window": True}, "expected a decoder"),
        ({"num_hidden_layers": 3}, r"layers\.2\.input_layernorm"),
        ({"num_key_value_heads": 4}, r"k_proj\.weight of \(64, 48\), received \(32, 48\)"),
    ],
)
def test_unfit_models_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """Weights of another architecture give states without complaint, and without meaning."""
    write_tiny_qwen3(tmp_path, seed=0)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ModelError, match=message):
        load(tmp_path)


def test_equal_seeds_write_equal_weights(tmp_path: Path) -> None:
    """The digest is part of every score's key: a drifting one labels everything anew."""
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_tiny_qwen3(tmp_path / name, seed=seed, reranker=True)
    a, b, c = ((tmp_path / n / "model.safetensors").read_bytes() for n in "abc")
    assert a == b != c
