"""The query side of a bi-encoder, differentiable in what was added to it.

Belongs here: a query's tokens, pooling and residual, and the vectors that a prompt starts from.
Not: where a prompt stands in the body (placement.py), training (pipeline/training), search
(prompted.py).
Method: prompt tuning (Lester et al. 2021, arXiv 2104.08691) on a frozen encoder. A prompt whose
vectors are an instruction's word vectors gives the vector of that instruction, and a query's vector
does not depend on the queries beside it.

This module imports torch: import it inside functions, never at the top of a module that serves.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 — the name everybody knows

from pipeline.errors import ModelError
from pipeline.models.adaptation import Adaptation
from pipeline.models.bert import BertBody
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.encoding import TokenIds
from pipeline.models.placement import BertReading, DecoderReading, Prepared, merge_heads
from pipeline.models.qwen3 import Qwen3Body
from pipeline.models.qwen3_encoder import Qwen3Encoder

TowerEncoder = MeanPooledEncoder | Qwen3Encoder

COMMON = slice(1000, 6000)
"""Ids that vocabularies give to frequent words: before them stand characters and unused places."""

ALIKE = 16
"""Queries that are padded to one length."""


class QueryTower:
    """Queries to unit vectors, with gradients for the tensors of an `Adaptation`.

    With `Adaptation()` a query's vector is the encoder's own.
    """

    def __init__(self, encoder: TowerEncoder) -> None:
        body = encoder._body
        self.encoder, self._family = encoder, encoder.family
        self.encoder_id, self.dim, self.dtype = encoder.encoder_id, encoder.dim, body.dtype
        self._reading: BertReading | DecoderReading
        if isinstance(body, Qwen3Body):
            self._reading, self._special = DecoderReading(body), (0, 1)
        elif isinstance(body, BertBody):
            # Behind what the family puts before every query, as an instruction stands.
            at = len(encoder.tokenise([self._family.query])[0]) - 1
            self._reading, self._special = BertReading(body, at), (at, 1)
        else:
            raise ModelError(
                f"expected an encoder that can be adapted, received {encoder.encoder_id}, which "
                "another library runs; use a BERT, RoBERTa or Qwen3"
            )
        self.hidden_size, self.num_layers = body.shape.hidden_size, body.shape.num_layers
        self._words = body.words
        self.max_tokens = int((encoder._tokenizer.truncation or {})["max_length"])
        self.max_tokens += isinstance(body, Qwen3Body)  # the end token is appended

    @property
    def device(self) -> torch.device:
        """Where the encoder is."""
        return self._words.device

    def tokenise(
        self, texts: Sequence[str], instruction: str = "", *, prompted: bool = False
    ) -> list[TokenIds]:
        """Token ids of each query, special tokens included, without padding.

        `prompted`: as they stand behind a prompt that takes an instruction's place. Only decoders
        tell the difference: there the colon of `Query:` belongs to the first word.
        """
        written = [self._family.query_text(text, instruction) for text in texts]
        if prompted and isinstance(self._reading, DecoderReading):
            written = [self._family.instruction[-1] + text for text in texts]
        return self.encoder.tokenise(written)

    def forward(self, batch: Sequence[TokenIds], adaptation: Adaptation) -> Tensor:
        """Unit vectors [query, dim], float32, of tokenised queries."""
        return self.read(batch, self.prepare(adaptation))

    def prepare(self, adaptation: Adaptation) -> Prepared[Any, Any]:
        """What all queries share: weights merged, states that do not depend on a query's text."""
        return self._reading.prepare(adaptation)

    def read(self, batch: Sequence[TokenIds], prepared: Prepared[Any, Any]) -> Tensor:
        """Unit vectors [query, dim], float32, of tokenised queries."""
        # Queries of like length together: a fifth less time than one batch padded to the longest.
        order = np.argsort([len(ids) for ids in batch], kind="stable")
        parts = [order[i : i + ALIKE] for i in range(0, len(order), ALIKE)]
        vectors = torch.cat([self._read([batch[i] for i in rows], prepared) for rows in parts])
        return vectors[torch.from_numpy(np.argsort(order)).to(vectors.device)]

    def initial_prompt(
        self, instruction: str, num_tokens: int | None = None, *, rng: np.random.Generator
    ) -> Tensor:
        """Word vectors [token, hidden] of `instruction`: that many, None = as it has.

        Beyond its end stand vectors of common words, drawn at random (Lester et al. 2021, §2.2).
        """
        ids = self._instruction_ids(instruction) if instruction else np.empty(0, np.int32)
        wanted = len(ids) if num_tokens is None else num_tokens
        first = min(COMMON.start, len(self._words) // 2)
        common = np.arange(first, min(COMMON.stop, len(self._words)))
        drawn = rng.choice(common, size=max(0, wanted - len(ids)))
        chosen = torch.from_numpy(np.concatenate([ids[:wanted], drawn]).astype(np.int64))
        return self._words[chosen.to(self._words.device)].float()

    def random_prompt(self, num_tokens: int, *, rng: np.random.Generator) -> Tensor:
        """Gaussian vectors [token, hidden] of the spread of word vectors."""
        drawn = rng.standard_normal((num_tokens, self.hidden_size), dtype=np.float32)
        return torch.from_numpy(drawn).to(self._words.device) * self._words.float().std()

    def initial_prefix(self, prompt: Tensor) -> Tensor:
        """Keys and values [layer, 2, token, width of keys] of a prompt's vectors."""
        with torch.no_grad():
            return merge_heads(self._reading.body.key_values(prompt)).float()

    def initial_pooling(self) -> Tensor:
        """[position]: the weights of a weighted mean that is the encoder's own pooling."""
        if self._family.pooling == "mean":
            return torch.ones(self.max_tokens, device=self._words.device)
        return torch.eye(1, self.max_tokens, device=self._words.device)[0]

    def named_weights(self) -> dict[str, Tensor]:
        """The body's tensors that an adaptation may replace, by their names in the hub's format."""
        return self._reading.body.named_weights()

    def _instruction_ids(self, instruction: str) -> TokenIds:
        """Ids of an instruction in the family's format, up to where the query begins."""
        before, after = self._special
        written = self._family.query_text("", instruction)
        if isinstance(self._reading, DecoderReading):
            written = written[:-1]
        return self.encoder.tokenise([written])[0][before:-after]

    def _read(self, batch: Sequence[TokenIds], prepared: Prepared[Any, Any]) -> Tensor:
        """Unit vectors of queries padded to the longest of them."""
        ids, mask = self._pad(batch, prepared.inserted)
        hidden, mask = self._reading.states(ids, mask, prepared)
        pooled = self._pool(hidden[..., : self.dim].float(), mask, prepared.adaptation.pooling)
        if prepared.adaptation.residual is not None:
            down, up = prepared.adaptation.residual
            pooled = pooled + pooled @ down.T @ up.T
        return F.normalize(pooled, dim=1)

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
        device = self._words.device
        return torch.from_numpy(padded).to(device), torch.from_numpy(mask).to(device)

    def _pool(self, hidden: Tensor, mask: Tensor, weights: Tensor | None) -> Tensor:
        """[query, dim]: a multiple of the (weighted) mean, of which the direction is kept."""
        last = mask.sum(1) - 1
        if weights is not None:
            place = torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)
            if self._family.pooling == "last":
                place = (last[:, None] - place).clamp(min=0)
            return torch.einsum("qth,qt->qh", hidden, mask * weights[place])
        if self._family.pooling == "mean":
            return (hidden * mask[:, :, None]).sum(1)
        chosen = last if self._family.pooling == "last" else torch.zeros_like(last)
        return hidden[torch.arange(len(hidden), device=hidden.device), chosen]


def detached(adaptation: Adaptation, device: torch.device) -> Adaptation:
    """The same tensors on `device`, without the graph of their parameters, none of them shared."""

    def copy(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else alone(tensor)

    def alone(tensor: Tensor) -> Tensor:
        return tensor.detach().to(device, copy=True)

    def pair(tensors: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return alone(tensors[0]), alone(tensors[1])

    a = adaptation
    return dataclasses.replace(
        a,
        prompt=copy(a.prompt),
        gate=copy(a.gate),
        prefix=copy(a.prefix),
        weights={name: alone(tensor) for name, tensor in a.weights.items()},
        side=None if a.side is None else [pair(p) for p in a.side],
        pooling=copy(a.pooling),
        residual=None if a.residual is None else pair(a.residual),
    )
