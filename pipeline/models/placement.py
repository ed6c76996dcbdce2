"""Where what was added to the query side stands in a body: one reading for each kind of body.

Belongs here: prompts among or before a query's tokens, prefixes, gates. Not: tokens, pooling,
residuals (query_tower.py), attention itself (bert.py, qwen3.py).
On a bidirectional body the prompt stands where an instruction's tokens would, `[CLS] prompt text
[SEP]`, and is read anew with every query. A causal body reads it once: its states do not depend on
what follows, and text goes on behind them. Padding comes last on both; `[prompt] [padding] [text]`
with positions counted through would make a query's vector depend on its batch.

This module imports torch: import it inside functions, never at the top of a module that serves.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 — the name everybody knows

from pipeline.models.adaptation import Adaptation
from pipeline.models.bert import BertBody, KeyValue
from pipeline.models.qwen3 import Past, Qwen3Body

Body = TypeVar("Body")
Before = TypeVar("Before")


@dataclass(frozen=True)
class Prepared(Generic[Body, Before]):
    """All of an adaptation that no query changes: compute once, read any number of queries."""

    body: Body
    adaptation: Adaptation
    past: Before | None

    @property
    def inserted(self) -> int:
        """Tokens of a prompt that shares the text's positions."""
        prompt = self.adaptation.prompt if self.adaptation.gate is None else None
        return 0 if prompt is None else len(prompt)


class BertReading:
    """A bidirectional body; a prompt that is not gated stands at place `at` of the tokens."""

    def __init__(self, body: BertBody, at: int) -> None:
        self.body, self.at = body, at

    def prepare(self, added: Adaptation) -> Prepared[BertBody, list[KeyValue]]:
        """Weights merged; keys and values of the prefix and of a gated prompt."""
        body = self.body.with_weights(added.weights) if added.weights else self.body
        past: list[KeyValue] = []
        if added.prefix is not None:
            past = split_heads(added.prefix.to(body.dtype), body.shape.num_heads)
        if added.gate is not None and added.prompt is not None:
            past = join(body.key_values(added.prompt), past)
        return Prepared(body, added, past or None)

    def states(
        self, ids: Tensor, mask: Tensor, prepared: Prepared[BertBody, list[KeyValue]]
    ) -> tuple[Tensor, Tensor]:
        """Hidden states [query, token, hidden] and the mask of those to pool, prompt included."""
        words, added = prepared.body.embed(ids), prepared.adaptation
        if prepared.inserted and added.prompt is not None:
            inside = added.prompt.expand(len(words), -1, -1)
            words = torch.cat([words[:, : self.at], inside, words[:, self.at :]], dim=1)
            mask = F.pad(mask, (prepared.inserted, 0), value=True)
        seen = None if mask.all() else mask
        past, gate, side = prepared.past, added.gate, added.side
        return prepared.body.states(words, seen, past=past, gate=gate, side=side), mask


class DecoderReading:
    """A causal body; prompt and prefix come before the first token."""

    def __init__(self, body: Qwen3Body) -> None:
        self.body = body

    def prepare(self, added: Adaptation) -> Prepared[Qwen3Body, Past]:
        """Weights merged; keys and values of all that stands before the text."""
        body = self.body.with_weights(added.weights) if added.weights else self.body
        layers: list[KeyValue] = []
        if added.prefix is not None:
            layers = split_heads(added.prefix.to(body.dtype), body.shape.num_key_value_heads)
        if added.prompt is not None and added.gate is not None:
            layers = join(body.key_values(added.prompt), layers)
        past = Past.of(layers) if layers else None
        if added.prompt is not None and added.gate is None:
            past = body.prefill(added.prompt[None], past=past)
        return Prepared(body, added, past)

    def states(
        self, ids: Tensor, mask: Tensor, prepared: Prepared[Qwen3Body, Past]
    ) -> tuple[Tensor, Tensor]:
        """Hidden states [query, token, hidden] of the text, and the mask of those to pool."""
        words, added = prepared.body.embed(ids), prepared.adaptation
        past, gate, side = prepared.past, added.gate, added.side
        return prepared.body.states(words, mask, past=past, gate=gate, side=side), mask


def split_heads(prefix: Tensor, heads: int) -> list[KeyValue]:
    """Keys and values [1, head, token, width] of each layer of a prefix [layer, 2, token, wide]."""
    parts = prefix.unflatten(3, (heads, -1)).transpose(2, 3)  # type: ignore[no-untyped-call]  # torch
    return [(k[None], v[None]) for k, v in parts]


def merge_heads(states: list[KeyValue]) -> Tensor:
    """The prefix [layer, 2, token, width of all heads] whose keys and values these are."""
    stacked = torch.stack([torch.cat(kv) for kv in states])  # [layer, 2, head, token, width]
    return stacked.transpose(2, 3).flatten(3)


def join(first: list[KeyValue], second: list[KeyValue]) -> list[KeyValue]:
    """Both, one behind the other, layer by layer; either may be empty."""
    if not (first and second):
        return first or second
    pairs = zip(first, second, strict=True)
    return [(torch.cat([a[0], b[0]], 2), torch.cat([a[1], b[1]], 2)) for a, b in pairs]
