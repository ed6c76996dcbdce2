"""The BERT encoder body: token ids in, hidden states out.

Belongs here: the forward pass and the loading of its weights. Not: tokens, pooling, batching.
Method: Devlin et al. 2019 (arXiv 1810.04805), post-norm layers, learned positions, exact GELU.

Why not `transformers.BertModel`: importing it took 4.0 s on top of torch's 1.5 s (it pulls in
generation, object-detection losses, scipy, torch._dynamo), and a search must answer within six
seconds from a cold start. The body is forty lines; a test holds it against `BertModel`.
This module imports torch: import it inside functions, never at the top of another module.
"""

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


class BertBody:
    """Hidden states of the last layer for right-padded token ids."""

    def __init__(self, weights: dict[str, Tensor], shape: BertShape, dtype: torch.dtype) -> None:
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
        b, t = ids.shape
        x = self.words[ids] + self.positions[:t]
        x = self._norm(x, self.embedding_norm).to(self.dtype)
        attend = None if mask is None else mask[:, None, None, :]  # [text, 1, 1, token]
        for layer in self.layers:
            qkv = _linear(x, layer.qkv).view(b, t, 3, self.shape.num_heads, -1)
            q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each [text, head, token, width]
            a = F.scaled_dot_product_attention(q, k, v, attn_mask=attend)
            a = a.transpose(1, 2).reshape(b, t, -1)
            x = self._norm(x + _linear(a, layer.attention_out), layer.attention_norm)
            x = self._norm(x + _linear(F.gelu(_linear(x, layer.up)), layer.down), layer.output_norm)
        return x

    def _norm(self, x: Tensor, norm: Affine) -> Tensor:
        width = (self.shape.hidden_size,)
        return F.layer_norm(x, width, norm.weight, norm.bias, self.shape.layer_norm_eps)


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


def _affine(weights: dict[str, Tensor], name: str, dtype: torch.dtype) -> Affine:
    return Affine(weights[f"{name}.weight"].to(dtype), weights[f"{name}.bias"].to(dtype))


def _layer(weights: dict[str, Tensor], index: int, dtype: torch.dtype) -> Layer:
    at = f"encoder.layer.{index}"
    parts = [_affine(weights, f"{at}.attention.self.{n}", dtype) for n in ("query", "key", "value")]
    return Layer(
        qkv=Affine(torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])),
        attention_out=_affine(weights, f"{at}.attention.output.dense", dtype),
        attention_norm=_affine(weights, f"{at}.attention.output.LayerNorm", dtype),
        up=_affine(weights, f"{at}.intermediate.dense", dtype),
        down=_affine(weights, f"{at}.output.dense", dtype),
        output_norm=_affine(weights, f"{at}.output.LayerNorm", dtype),
    )
