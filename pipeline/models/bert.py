"""The BERT encoder body: token ids in, hidden states out.

Belongs here: the forward pass and the loading of its weights. Not: tokens, pooling, batching.
Method: Devlin et al. 2019 (arXiv 1810.04805), post-norm layers, learned positions, exact GELU.

Why not `transformers.BertModel`: importing it took 4.0 s on top of torch's 1.5 s (it pulls in
generation, object-detection losses, scipy, torch._dynamo), and a search must answer within six
seconds from a cold start. The body is forty lines; a test holds it against `BertModel`.
This module imports torch: import it inside functions, never at the top of another module.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 — the name everybody knows

from pipeline.errors import ModelError


@dataclass(frozen=True)
class BertShape:
    """What `config.json` says about the body."""

    num_layers: int
    num_heads: int
    hidden_size: int
    max_positions: int
    layer_norm_eps: float

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BertShape":
        """The shape, or a `ModelError` naming what this body cannot run."""
        expected = {"model_type": "bert", "hidden_act": "gelu"}
        received = {key: config.get(key) for key in expected}
        if received != expected or config.get("position_embedding_type", "absolute") != "absolute":
            raise ModelError(
                f"expected a BERT encoder with GELU and absolute positions, received {received}; "
                "use an encoder of that family"
            )
        return cls(
            num_layers=config["num_hidden_layers"],
            num_heads=config["num_attention_heads"],
            hidden_size=config["hidden_size"],
            max_positions=config["max_position_embeddings"],
            layer_norm_eps=config["layer_norm_eps"],
        )


@dataclass(frozen=True)
class Affine:
    """Weight and bias of a linear map or of a layer norm."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Layer:
    """The six affine maps of one layer; query, key and value are one matrix."""

    qkv: Affine
    attention_out: Affine
    attention_norm: Affine
    up: Affine
    down: Affine
    output_norm: Affine


KeyValue = tuple[Tensor, Tensor]
"""Keys and values of one layer, each [text or 1, head, token, width]."""

Side = Sequence[tuple[Tensor, Tensor]]
"""For each layer (down [bottleneck, hidden], up [hidden, bottleneck])."""


# The hub's names of a layer's parts, in the order of `Layer`.
_QKV = ("attention.self.query", "attention.self.key", "attention.self.value")
_REST = (
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)


class BertBody:
    """Hidden states of the last layer for right-padded token ids.

    Differentiable in whatever a query's adaptation adds; its own weights are constants.
    """

    def __init__(self, weights: Mapping[str, Tensor], shape: BertShape, dtype: torch.dtype) -> None:
        self.shape, self.dtype = shape, dtype
        # One token type only: its vector is folded into the positions.
        self.words = weights["embeddings.word_embeddings.weight"]
        self.positions = (
            weights["embeddings.position_embeddings.weight"]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        # The embedding norm runs in float32: it is cheap and the sum of three tables is not small.
        self.embedding_norm = _affine(weights, "embeddings.LayerNorm", torch.float32)
        self.layers = [_layer(weights, i, dtype) for i in range(shape.num_layers)]

    def __call__(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """[text, token, hidden] for ids [text, token]; mask is true on real tokens, None = all."""
        return self.states(self.embed(ids), mask)

    def embed(self, ids: Tensor) -> Tensor:
        """Word vectors [text, token, hidden] of ids [text, token]."""
        return self.words[ids]

    def states(
        self,
        words: Tensor,
        mask: Tensor | None,
        *,
        past: Sequence[KeyValue] | None = None,
        gate: Tensor | None = None,
        side: Side | None = None,
    ) -> Tensor:
        """[text, token, hidden] for word vectors [text, token, hidden].

        Args:
            words: vectors in place of those of the ids.
            mask: [text, token], true on real tokens; None: all are.
            past: for each layer, keys and values of one text, attended to beside the text's own.
            gate: [layer]; None: `past` shares one softmax with the text's own. Given: it has a
                softmax of its own, whose result is added times tanh(gate).
            side: a ReLU adapter parallel to each feed-forward block.
        """
        x = self._begin(words)
        shared = past[0][0].shape[2] if past and gate is None else 0
        attend = None if mask is None else F.pad(mask, (shared, 0), value=True)[:, None, None, :]
        for i, layer in enumerate(self.layers):
            beside = past[i] if past else None
            a = self._attend(x, layer, attend, beside, None if gate is None else gate[i])
            x = self._advance(x, a, layer, side[i] if side else None)
        return x

    def first_states(self, words: Tensor, mask: Tensor | None) -> Tensor:
        """[text, hidden]: the first token's state. The last layer is computed for it alone."""
        x = self._begin(words)
        attend = None if mask is None else mask[:, None, None, :]
        *layers, last = self.layers
        for layer in layers:
            x = self._advance(x, self._attend(x, layer, attend, None, None), layer, None)
        q, k, v = self._project(x, last)
        a = attention(q[:, :, :1], k, v, attend).flatten(1)[:, None]
        return self._advance(x[:, :1], a, last, None)[:, 0]

    def key_values(self, words: Tensor) -> list[KeyValue]:
        """Each layer's keys and values of word vectors [token, hidden], read as a text of its own.

        They stand at positions 1, 2, …, as behind the first special token.
        """
        x, states = self._begin(words[None], first=1), []
        for layer in self.layers:
            _, k, v = self._project(x, layer)
            states.append((k, v))
            x = self._advance(x, self._attend(x, layer, None, None, None), layer, None)
        return states

    def named_weights(self) -> dict[str, Tensor]:
        """The layers' tensors and the embedding norm's, by their names in the hub's format."""
        norm = self.embedding_norm
        named = {
            "embeddings.LayerNorm.weight": norm.weight,
            "embeddings.LayerNorm.bias": norm.bias,
        }
        for i, layer in enumerate(self.layers):
            for part, affine in _parts(layer).items():
                named[f"encoder.layer.{i}.{part}.weight"] = affine.weight
                named[f"encoder.layer.{i}.{part}.bias"] = affine.bias
        return named

    def with_weights(self, weights: Mapping[str, Tensor]) -> "BertBody":
        """This body with the tensors `weights` in place of its own of the same names."""
        named = self.named_weights()
        for name, tensor in weights.items():
            if name not in named or tensor.shape != named[name].shape:
                expected = tuple(named[name].shape) if name in named else "no such tensor"
                raise ModelError(
                    f"expected for {name} {expected}, received {tuple(tensor.shape)}; use an "
                    "adaptation of this encoder"
                )
        body, merged = copy(self), named | dict(weights)
        body.embedding_norm = _affine(merged, "embeddings.LayerNorm", torch.float32)
        body.layers = [_layer(merged, i, self.dtype) for i in range(self.shape.num_layers)]
        return body

    def _begin(self, words: Tensor, first: int = 0) -> Tensor:
        """[text, token, hidden] before the first layer; the first token at position `first`."""
        x = words + self.positions[first : first + words.shape[1]]
        return self._norm(x, self.embedding_norm).to(self.dtype)

    def _project(self, x: Tensor, layer: Layer) -> Tensor:
        """Queries, keys and values [3, text, head, token, width]."""
        b, t, _ = x.shape
        qkv = _linear(x, layer.qkv).view(b, t, 3, self.shape.num_heads, -1)
        return qkv.permute(2, 0, 3, 1, 4)

    def _attend(
        self,
        x: Tensor,
        layer: Layer,
        attend: Tensor | None,
        beside: KeyValue | None,
        gate: Tensor | None,
    ) -> Tensor:
        """[text, token, hidden]: what every token attends to, before the output matrix."""
        b, t, _ = x.shape
        q, k, v = self._project(x, layer)
        if beside is not None and gate is None:
            k = torch.cat([beside[0].expand(b, -1, -1, -1), k], 2)
            v = torch.cat([beside[1].expand(b, -1, -1, -1), v], 2)
        a = attention(q, k, v, attend)
        if beside is not None and gate is not None:
            k, v = (p.expand(b, -1, -1, -1) for p in beside)
            a = a + gate.tanh().to(a.dtype) * attention(q, k, v, None)
        return a.transpose(1, 2).reshape(b, t, -1)

    def _advance(
        self, x: Tensor, a: Tensor, layer: Layer, side: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """The layer's output for its input and its attention."""
        x = self._norm(x + _linear(a, layer.attention_out), layer.attention_norm)
        y = _linear(F.gelu(_linear(x, layer.up)), layer.down)
        if side is not None:
            down, up = side
            y = y + F.linear(F.relu(F.linear(x, down.to(x.dtype))), up.to(x.dtype))
        return self._norm(x + y, layer.output_norm)

    def _norm(self, x: Tensor, norm: Affine) -> Tensor:
        width = (self.shape.hidden_size,)
        return F.layer_norm(x, width, norm.weight, norm.bias, self.shape.layer_norm_eps)


def attention(q: Tensor, k: Tensor, v: Tensor, attend: Tensor | None) -> Tensor:
    """[text, head, token, width] of softmax(q·k/√width)·v where `attend` is true, None = all."""
    if q.device.type != "cpu" or not (q.requires_grad or k.requires_grad):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=attend)
    # The fused kernel's backward pass took 255 ms a layer in bfloat16 on a CPU, these lines 12.
    scores = q @ k.transpose(2, 3) * q.shape[3] ** -0.5
    if attend is not None:
        scores = scores.masked_fill(~attend, -torch.inf)
    attended: Tensor = scores.softmax(3) @ v
    return attended


def load_bert(folder: Path, config: dict[str, Any], dtype: torch.dtype) -> BertBody:
    """The body of a model folder in hub format, its matrices in `dtype`."""
    try:
        weights = load_file(folder / "model.safetensors")
        return BertBody(
            {name.removeprefix("bert."): tensor for name, tensor in weights.items()},
            BertShape.from_config(config),
            dtype,
        )
    except (KeyError, SafetensorError, OSError) as error:
        raise ModelError(
            f"expected BERT weights in {folder}, received {error!r}; fetch the model anew"
        ) from error


def _linear(x: Tensor, affine: Affine) -> Tensor:
    return F.linear(x, affine.weight, affine.bias)


def _affine(weights: Mapping[str, Tensor], name: str, dtype: torch.dtype) -> Affine:
    return Affine(weights[f"{name}.weight"].to(dtype), weights[f"{name}.bias"].to(dtype))


def _layer(weights: Mapping[str, Tensor], index: int, dtype: torch.dtype) -> Layer:
    own = {name: _affine(weights, f"encoder.layer.{index}.{name}", dtype) for name in _QKV + _REST}
    parts, rest = [own[n] for n in _QKV], [own[n] for n in _REST]
    qkv = Affine(torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts]))
    return Layer(qkv, *rest)


def _parts(layer: Layer) -> dict[str, Affine]:
    """A layer's affine maps by their names in the hub's format."""
    qkv = map(Affine, layer.qkv.weight.chunk(3), layer.qkv.bias.chunk(3))
    rest = (layer.attention_out, layer.attention_norm, layer.up, layer.down, layer.output_norm)
    return dict(zip(_QKV + _REST, (*qkv, *rest), strict=True))
