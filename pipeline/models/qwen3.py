"""The Qwen3 decoder body: word vectors in, hidden states out, read states kept where wanted.

Belongs here: the forward pass and the loading of its weights. Not: tokens, pooling, templates.
Method: Qwen3 (Yang et al. 2025, arXiv 2505.09388): pre-norm layers with RMSNorm, grouped-query
attention (Ainslie et al. 2023, arXiv 2305.13245) with a norm per head on queries and keys, rotary
positions (Su et al. 2021, arXiv 2104.09864), SwiGLU.

Own code for the sake of `Past`: a prefix that many texts share is read once and continued, whatever
the padding, and with what a query's adaptation adds. A test holds it against `Qwen3Model`.
This module imports torch: import it inside functions, never at the top of another module.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 — the name everybody knows

from pipeline.errors import ModelError
from pipeline.models.past import KeyValue, Past
from pipeline.models.qwen3_shape import Qwen3Shape
from pipeline.models.weights import read_weights

__all__ = ["HEAD", "KeyValue", "Past", "Qwen3Body", "Qwen3Shape", "Side", "load_qwen3"]

HEAD = "lm_head.weight"

Side = Sequence[tuple[Tensor, Tensor]]
"""For each layer (down [bottleneck, hidden], up [hidden, bottleneck])."""


class Qwen3Body:
    """Hidden states of the last layer after the final norm.

    Differentiable in whatever a query's adaptation adds; its own weights are constants.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], shape: Qwen3Shape, dtype: torch.dtype
    ) -> None:
        self.shape, self.dtype = shape, dtype
        self._weights = dict(weights)
        self.words = self.weight("embed_tokens.weight")
        self.device = self.words.device
        self._check()

    def weight(self, name: str) -> Tensor:
        """A tensor by its name in the hub's format, without a leading `model.`."""
        try:
            return self._weights[name]
        except KeyError:
            raise ModelError(
                f"expected the tensor {name}, received none; fetch the model anew"
            ) from None

    def named_weights(self) -> dict[str, Tensor]:
        """The tensors but for the word vectors, by their names in the hub's format."""
        return {n: w for n, w in self._weights.items() if n != "embed_tokens.weight"}

    def with_weights(self, weights: Mapping[str, Tensor]) -> "Qwen3Body":
        """This body with the tensors `weights` in place of its own of the same names."""
        for name, tensor in weights.items():
            if tensor.shape != (own := self.weight(name)).shape:
                raise ModelError(
                    f"expected for {name} {tuple(own.shape)}, received {tuple(tensor.shape)}; use "
                    "an adaptation of this encoder"
                )
        body = copy(self)
        body._weights = self._weights | {n: w.to(self.dtype) for n, w in weights.items()}
        return body

    def embed(self, ids: Tensor) -> Tensor:
        """Word vectors [text, token, hidden] of ids [text, token]."""
        return F.embedding(ids, self.words)

    def __call__(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """[text, token, hidden] for ids [text, token]; mask is true on real tokens, None = all."""
        return self.states(self.embed(ids), mask)

    def states(
        self,
        words: Tensor,
        mask: Tensor | None = None,
        *,
        positions: Tensor | None = None,
        past: Past | None = None,
        gate: Tensor | None = None,
        side: Side | None = None,
    ) -> Tensor:
        """[text, token, hidden] for word vectors [text, token, hidden].

        Args:
            words: vectors in place of those of the ids.
            mask: [text, token], true on real tokens, wherever padding stands; None: all are.
            positions: [text, token]; None: real tokens counted on from the past's end.
            past: what the texts go on from.
            gate: [layer]; None: `past` shares one softmax with the text's own. Given: it has a
                softmax of its own, whose result is added times tanh(gate).
            side: a ReLU adapter parallel to each feed-forward block.
        """
        return self._run(words, mask, positions, past, gate, side, keep=None)

    def prefill(
        self,
        words: Tensor,
        mask: Tensor | None = None,
        *,
        positions: Tensor | None = None,
        past: Past | None = None,
    ) -> Past:
        """The past of texts that go on behind `words` (and `past`), arguments as in `states`."""
        kept: list[KeyValue] = []
        mask = _everywhere(words) if mask is None else mask
        if positions is None:
            positions = _count(mask, past)
        self._run(words, mask, positions, past, None, None, keep=kept)
        end = torch.where(mask, positions, positions.min() - 1).amax(1) + 1
        if past is not None:
            mask = torch.cat([past.mask_of(len(words)), mask], 1)
        return Past(kept, mask, end)

    def key_values(self, words: Tensor) -> list[KeyValue]:
        """Each layer's keys and values of word vectors [token, hidden], read as a text of its own.

        They stand at positions …, −2, −1: as far before the text as if it followed them.
        """
        at = torch.arange(-len(words), 0, device=words.device)[None]
        return list(self.prefill(words[None], positions=at).layers)

    def _run(
        self,
        words: Tensor,
        mask: Tensor | None,
        positions: Tensor | None,
        past: Past | None,
        gate: Tensor | None,
        side: Side | None,
        keep: list[KeyValue] | None,
    ) -> Tensor:
        mask = _everywhere(words) if mask is None else mask
        turn = self._rotation(_count(mask, past) if positions is None else positions)
        before = None if past is None else past.mask_of(len(words))
        own = _causal(mask)
        if before is not None and gate is None:
            own = torch.cat([before[:, None, :].expand(-1, own.shape[1], -1), own], 2)
        attend = self._bias(own)
        beside = None
        if before is not None and gate is not None:
            beside = self._bias(before[:, None, :].expand(-1, mask.shape[1], -1))
        x = words.to(self.dtype)
        for i in range(self.shape.num_layers):
            shared = None if past is None else past.layer(i)
            g = None if gate is None else gate[i]
            n = self._norm(x, f"layers.{i}.input_layernorm")
            x = x + self._attend(n, i, turn, attend, shared, beside, g, keep)
            n = self._norm(x, f"layers.{i}.post_attention_layernorm")
            x = x + self._feed_forward(n, i, side[i] if side else None)
        return self._norm(x, "norm")

    def _attend(
        self,
        x: Tensor,
        i: int,
        turn: KeyValue,
        attend: Tensor,
        past: KeyValue | None,
        beside: Tensor | None,
        gate: Tensor | None,
        keep: list[KeyValue] | None,
    ) -> Tensor:
        at, (b, t, _) = f"layers.{i}.self_attn", x.shape
        q, k, v = (
            self._linear(x, f"{at}.{p}_proj").view(b, t, -1, self.shape.head_size) for p in "qkv"
        )
        q = self._turned(q, f"{at}.q_norm", turn).transpose(1, 2)
        k = self._turned(k, f"{at}.k_norm", turn).transpose(1, 2)
        v = v.transpose(1, 2)
        if past is not None:
            past = _spread(past[0], k), _spread(past[1], v)
        if past is not None and gate is None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        if keep is not None:
            keep.append((k, v))
        a = self._grouped(q, k, v, attend)
        if past is not None and gate is not None and beside is not None:
            a = a + gate.tanh().to(a.dtype) * self._grouped(q, *past, beside)
        return self._linear(a.transpose(1, 2).reshape(b, t, -1), f"{at}.o_proj")

    def _grouped(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        """Attention [text, head, token, width]; heads that share keys are folded into tokens.

        Repeating the keys instead would copy each of them for every head of its group.
        """
        b, h, t, w = q.shape
        folded = q.reshape(b, k.shape[1], -1, w)
        return F.scaled_dot_product_attention(folded, k, v, attn_mask=bias).reshape(b, h, t, w)

    def _bias(self, allowed: Tensor) -> Tensor:
        """[text, 1, head of a group × token, key]: 0 where a token attends, −∞ elsewhere."""
        bias = torch.zeros(allowed.shape, dtype=self.dtype, device=allowed.device)
        bias = bias.masked_fill(~allowed, float("-inf"))
        return bias.repeat(1, self.shape.num_heads // self.shape.num_key_value_heads, 1)[:, None]

    def _feed_forward(self, x: Tensor, i: int, side: tuple[Tensor, Tensor] | None) -> Tensor:
        at = f"layers.{i}.mlp"
        y = F.silu(self._linear(x, f"{at}.gate_proj")) * self._linear(x, f"{at}.up_proj")
        y = self._linear(y, f"{at}.down_proj")
        if side is not None:
            down, up = side
            y = y + F.linear(F.relu(F.linear(x, down.to(x.dtype))), up.to(x.dtype))
        return y

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weight(f"{name}.weight"), self._weights.get(f"{name}.bias"))

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return self._norm32(x, name).to(self.dtype)

    def _norm32(self, x: Tensor, name: str) -> Tensor:
        # float32: squares of bfloat16 keep three digits, and a norm scales all that follows.
        gain = self.weight(f"{name}.weight").float()
        return F.rms_norm(x.float(), gain.shape, gain, self.shape.norm_eps)

    def _turned(self, x: Tensor, norm: str, turn: KeyValue) -> Tensor:
        """Heads [text, token, head, width] after their norm, rotated to their positions."""
        (cos, sin), x = turn, self._norm32(x, norm)
        first, second = x.chunk(2, -1)
        return (x * cos + torch.cat([-second, first], -1) * sin).to(self.dtype)

    def _rotation(self, positions: Tensor) -> KeyValue:
        """Cosine and sine [text, token, 1, width] of every position, float32."""
        even = torch.arange(0, self.shape.head_size, 2, dtype=torch.float32, device=self.device)
        rates = 1.0 / self.shape.rope_theta ** (even / self.shape.head_size)
        angles = positions[..., None].float() * rates
        angles = torch.cat([angles, angles], -1)[:, :, None]
        return angles.cos(), angles.sin()

    def _check(self) -> None:
        for name, size in self.shape.sizes().items():
            if (received := tuple(self.weight(name).shape)) != size:
                raise ModelError(
                    f"expected {name} of {size}, received {received}; fetch weights and "
                    "config.json of one model"
                )


def load_qwen3(
    folder: Path,
    config: dict[str, Any],
    dtype: torch.dtype,
    device: str | torch.device = "cpu",
) -> Qwen3Body:
    """The body of a model folder in hub format, embedder or reranker; the head stays behind."""
    shape = Qwen3Shape.from_config(config)
    weights = read_weights(folder, dtype=dtype, device=device, skip=(HEAD,))
    return Qwen3Body({n.removeprefix("model."): w for n, w in weights.items()}, shape, dtype)


def _everywhere(words: Tensor) -> Tensor:
    return torch.ones(words.shape[:2], dtype=torch.bool, device=words.device)


def _count(mask: Tensor, past: Past | None) -> Tensor:
    """Positions [text, token]: real tokens counted, from where the past ends."""
    start = 0 if past is None else past.end_of()[:, None]
    return (mask.long().cumsum(1) - 1).clamp(min=0) + start


def _causal(mask: Tensor) -> Tensor:
    """[text, token, key]: whether a token attends to a key: a real one, not behind it.

    Every token attends to itself, padding too: a softmax over nothing is NaN.
    """
    t = mask.shape[1]
    lower = torch.ones(t, t, dtype=torch.bool, device=mask.device).tril()
    return (lower & mask[:, None, :]) | torch.eye(t, dtype=torch.bool, device=mask.device)


def _spread(shared: Tensor, own: Tensor) -> Tensor:
    """Past keys or values for every text, without a copy where there is one row for all."""
    return shared.to(own.dtype).expand(len(own), -1, -1, -1)
