"""The query side of a bi-encoder, differentiable in what was added to it.

Belongs here: where a prompt stands among a query's tokens, pooling and residual, and the vectors
that a prompt starts from. Not: the body (bert.py), training (pipeline/training), search
(prompted.py).
Method: prompt tuning (Lester et al. 2021, arXiv 2104.08691) on a frozen encoder. The prompt stands
where an instruction's tokens would: `[CLS] prompt text [SEP]`. A query's vector does not depend on
the queries beside it: padding comes last and is masked.

This module imports torch: import it inside functions, never at the top of a module that serves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 — the name everybody knows

from pipeline.errors import ModelError
from pipeline.models.adaptation import Adaptation
from pipeline.models.bert import BertBody, KeyValue
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.encoding import TokenIds

COMMON = slice(1000, 6000)
"""Ids that vocabularies give to frequent words: before them stand characters and unused places."""

ALIKE = 16
"""Queries that are padded to one length."""


@dataclass(frozen=True)
class Prepared:
    """All of an adaptation that no query changes: compute once, read any number of queries."""

    body: BertBody
    adaptation: Adaptation
    past: list[KeyValue] | None

    @property
    def inserted(self) -> Tensor | None:
        """Prompt vectors [token, hidden] that stand among the query's own, or None."""
        return self.adaptation.prompt if self.adaptation.gate is None else None


class QueryTower:
    """Queries to unit vectors, with gradients for the tensors of an `Adaptation`.

    With `Adaptation()` a query's vector is the encoder's own.
    """

    def __init__(self, encoder: MeanPooledEncoder) -> None:
        self._encoder, self._body = encoder, encoder._body
        self.encoder_id, self.dim = encoder.encoder_id, encoder.dim
        self.hidden_size = self._body.shape.hidden_size
        self.num_layers = self._body.shape.num_layers
        self.dtype = self._body.dtype
        self.max_tokens = int((encoder._tokenizer.truncation or {})["max_length"])

    def tokenise(self, texts: Sequence[str], instruction: str = "") -> list[TokenIds]:
        """Token ids of each query behind `instruction`, special tokens included, no padding."""
        return self._encoder.tokenise([with_instruction(t, instruction) for t in texts])

    def forward(self, batch: Sequence[TokenIds], adaptation: Adaptation) -> Tensor:
        """Unit vectors [query, dim], float32, of tokenised queries."""
        prepared = self.prepare(adaptation)
        # Queries of like length together: a fifth less time than one batch padded to the longest.
        order = np.argsort([len(ids) for ids in batch], kind="stable")
        parts = [order[i : i + ALIKE] for i in range(0, len(order), ALIKE)]
        vectors = torch.cat([self.read([batch[i] for i in rows], prepared) for rows in parts])
        return vectors[torch.from_numpy(np.argsort(order))]

    def prepare(self, adaptation: Adaptation) -> Prepared:
        """What all queries share: weights merged, the states of a gated prompt, the prefix."""
        body = self._body.with_weights(adaptation.weights) if adaptation.weights else self._body
        past: list[KeyValue] | None = None
        if adaptation.prefix is not None:
            past = [_split(body, layer) for layer in adaptation.prefix]
        if adaptation.gate is not None and adaptation.prompt is not None:
            states = body.key_values(adaptation.prompt)
            past = [_join(a, b) for a, b in zip(states, past, strict=True)] if past else states
        return Prepared(body, adaptation, past)

    def read(self, batch: Sequence[TokenIds], prepared: Prepared) -> Tensor:
        """Unit vectors [query, dim], float32."""
        prompt, added = prepared.inserted, prepared.adaptation
        ids, mask = self._pad(batch, 0 if prompt is None else len(prompt))
        words = prepared.body.words[ids]  # [query, token, hidden]
        if prompt is not None:
            inside = prompt.expand(len(words), -1, -1)
            words = torch.cat([words[:, :1], inside, words[:, 1:]], dim=1)
            mask = F.pad(mask, (len(prompt), 0), value=True)
        hidden = prepared.body.states(
            words,
            None if mask.all() else mask,
            past=prepared.past,
            gate=added.gate,
            side=added.side,
        )
        return self._finish(_pool(hidden.float(), mask, added.pooling), added)

    def initial_prompt(
        self, instruction: str, num_tokens: int | None = None, *, rng: np.random.Generator
    ) -> Tensor:
        """Word vectors [token, hidden] of `instruction`: that many, None = as it has.

        Beyond its end stand vectors of common words, drawn at random (Lester et al. 2021, §2.2).
        """
        ids = self.tokenise([instruction])[0][1:-1] if instruction else np.empty(0, np.int32)
        wanted = len(ids) if num_tokens is None else num_tokens
        words = self._body.words
        common = np.arange(len(words))[COMMON]
        drawn = rng.choice(common, size=max(0, wanted - len(ids)))
        return words[torch.from_numpy(np.concatenate([ids[:wanted], drawn]).astype(np.int64))]

    def random_prompt(self, num_tokens: int, *, rng: np.random.Generator) -> Tensor:
        """Gaussian vectors [token, hidden] of the spread of word vectors."""
        drawn = rng.standard_normal((num_tokens, self.hidden_size), dtype=np.float32)
        return torch.from_numpy(drawn) * self._body.words.std()

    def initial_prefix(self, prompt: Tensor) -> Tensor:
        """Keys and values [layer, 2, token, width] of a prompt's vectors [token, hidden]."""
        with torch.no_grad():
            states = self._body.key_values(prompt)
        # [1, head, token, width of a head] each: heads side by side in one row per token.
        return torch.stack(
            [torch.stack([x[0].transpose(0, 1).flatten(1) for x in kv]) for kv in states]
        ).float()

    def initial_pooling(self) -> Tensor:
        """[position]: the weights of a weighted mean that is the encoder's own pooling."""
        return torch.ones(self.max_tokens)

    def named_weights(self) -> dict[str, Tensor]:
        """The body's tensors that an adaptation may replace, by their names in the hub's format."""
        return self._body.named_weights()

    def _pad(self, batch: Sequence[TokenIds], inserted: int) -> tuple[Tensor, Tensor]:
        """Ids and mask [query, token]; text is cut where the prompt needs the room."""
        room = self.max_tokens - inserted
        if room < 3:
            raise ModelError(
                f"expected a prompt of at most {self.max_tokens - 3} tokens, received {inserted}; "
                "shorten it"
            )
        cut = [ids if len(ids) <= room else np.append(ids[: room - 1], ids[-1]) for ids in batch]
        lengths = np.array([len(ids) for ids in cut])
        padded = np.zeros((len(cut), lengths.max()), dtype=np.int64)
        for row, ids in zip(padded, cut, strict=True):
            row[: len(ids)] = ids
        mask = np.arange(padded.shape[1]) < lengths[:, None]
        return torch.from_numpy(padded), torch.from_numpy(mask)

    def _finish(self, pooled: Tensor, added: Adaptation) -> Tensor:
        if added.residual is not None:
            down, up = added.residual
            pooled = pooled + pooled @ down.T @ up.T
        return F.normalize(pooled, dim=1)


def with_instruction(text: str, instruction: str) -> str:
    """The query as an encoder without a format of its own reads it behind an instruction."""
    return f"{instruction} {text}" if instruction else text


def _pool(hidden: Tensor, mask: Tensor, weights: Tensor | None) -> Tensor:
    """[query, hidden]: the (weighted) sum over real tokens, which points where the mean does."""
    if weights is None:
        return (hidden * mask[:, :, None]).sum(1)
    return torch.einsum("qth,qt->qh", hidden, mask * weights[: mask.shape[1]])


def _split(body: BertBody, layer: Tensor) -> KeyValue:
    """Keys and values [1, head, token, width] of one layer's prefix [2, token, hidden]."""
    heads = layer.to(body.dtype).view(2, 1, layer.shape[1], body.shape.num_heads, -1)
    k, v = heads.transpose(2, 3)
    return k, v


def _join(a: KeyValue, b: KeyValue) -> KeyValue:
    return torch.cat([a[0], b[0]], 2), torch.cat([a[1], b[1]], 2)
