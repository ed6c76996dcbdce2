"""Token-level late interaction: the teacher that needs no second model.

Belongs here: token states of a frozen BERT encoder, and the score of a pair from them. Not: which
texts a pair is made of (title, or title + abstract on both sides: pipeline/labels/scoring.py).
Method: MaxSim of ColBERT (Khattab and Zaharia 2020, arXiv 2004.12832) on the last hidden states of
the student itself, untrained, as in BERTScore (Zhang et al. 2020, arXiv 1904.09675): states are
L2-normalised per token, special tokens left out, and each token of one text takes its largest
cosine with a token of the other. The score is the mean over the query's tokens averaged with the
mean over the document's (BERTScore's recall and precision). On citations of VIS papers
and on CACM this ranked above the student's cosine. idf weights and punctuation left out changed
little; the pooled cosine added helped a little on VIS and cost half the gain on CACM; stop words
left out did harm on both, and titles alone fell below the student.

Importing this module is cheap; torch is loaded when an encoder is.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.models.bi_encoder import (
    MAX_TOKENS,
    fastest_dtype,
    load_tokenizer,
    read_encoder_config,
)
from pipeline.models.encoding import BATCH_TOKENS, TokenIds, length_batches, padded_length
from pipeline.models.reranker import PairGroup, Scores, TeacherIdentity
from pipeline.models.running import group_windows, halving, one_batch_per_core

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from torch import Tensor

    from pipeline.models.bert import BertBody

STORE_BYTES = 2 << 30  # about 20,000 papers of 128 tokens at width 384 in bf16
WINDOW_PAIRS = 2048  # groups taken in before their texts are encoded together
PRODUCT_TOKENS = 1 << 13  # document tokens per product: 4 MB of cosines for 128 query tokens


class LateInteraction:
    """Mean maximal cosine between the tokens of two texts, both ways; -1..1, larger is closer.

    Token states stay from call to call within `store_bytes`, those of texts that no later group
    holds leaving first, then the longest unused, so that a document met again is not encoded again.
    Beyond that, memory holds the states of one
    window: 2,048 pairs, or one group where that has more. A score depends on its pair alone.
    """

    def __init__(
        self,
        identity: TeacherIdentity,
        tokenizer: "Tokenizer",
        body: "BertBody",
        *,
        store_bytes: int = STORE_BYTES,
    ) -> None:
        self.identity = identity
        self.encoded, self.kept_bytes = 0, 0  # texts encoded so far; bytes of states kept now
        self._tokenizer, self._body, self._store_bytes = tokenizer, body, store_bytes
        self._states: dict[str, Tensor] = {}  # [token, hidden], the longest unused first

    @classmethod
    def load(
        cls,
        folder: Path,
        name: str,
        *,
        revision: str,
        max_tokens: int = MAX_TOKENS,
        dtype: "torch.dtype | None" = None,
        store_bytes: int = STORE_BYTES,
    ) -> "LateInteraction":
        """The teacher made of an encoder's folder; dtype None picks the CPU's fastest.

        `name` and `revision` are the encoder's: its name, and the first 8 hex digits of the
        SHA-256 of its weights.
        """
        from pipeline.models.bert import load_bert

        dtype = dtype or fastest_dtype()
        body = load_bert(folder, read_encoder_config(folder, max_tokens), dtype)
        identity = late_interaction_identity(
            name, revision, max_tokens=max_tokens, dtype=str(dtype).removeprefix("torch.")
        )
        return cls(identity, load_tokenizer(folder, max_tokens), body, store_bytes=store_bytes)

    def score_groups(self, groups: Iterable[PairGroup]) -> Iterator[Scores]:
        """float32 scores [document] of each group, in order.

        NaN for a pair with an empty side: a text without tokens is not unlike anything.
        """
        for window in group_windows(groups, WINDOW_PAIRS):
            self._encode(list(dict.fromkeys(t for g in window for t in (g.query, *g.documents))))
            scores = list(one_batch_per_core(self._score, window))
            self._evict(window)
            yield from scores

    def _score(self, group: PairGroup) -> Scores:
        import torch

        query = self._states[group.query].float()
        documents = [self._states[t] for t in group.documents]
        with torch.inference_mode():
            parts = [max_sim(query, part) for part in _products(documents)]
        return np.concatenate([p.numpy() for p in parts]) if parts else np.empty(0, np.float32)

    def _encode(self, texts: Sequence[str]) -> None:
        """States of all `texts`; those already kept become the most recently used."""
        new = [t for t in texts if t not in self._states]
        for text in texts:
            if text in self._states:
                self._states[text] = self._states.pop(text)
        encodings = self._tokenizer.encode_batch_fast(new)
        tokens = [np.asarray(e.ids, dtype=np.int32) for e in encodings]
        spoken = [np.asarray(e.special_tokens_mask) == 0 for e in encodings]
        batches = list(length_batches([len(ids) for ids in tokens], BATCH_TOKENS))
        run = one_batch_per_core(
            lambda rows: halving(self._token_states, [(tokens[i], spoken[i]) for i in rows]),
            batches,
        )
        for rows, states in zip(batches, run, strict=True):
            for i, state in zip(rows, states, strict=True):
                self._states[new[i]] = state
                self.kept_bytes += state.nbytes
        self.encoded += len(new)

    def _token_states(self, batch: "Sequence[tuple[TokenIds, np.ndarray]]") -> "list[Tensor]":
        """Unit states [token, hidden] of the tokens kept, one tensor per text of one length."""
        import torch

        lengths = np.array([len(ids) for ids, _ in batch])
        width = min(padded_length(lengths.max()), self._body.shape.max_positions)
        padded = np.zeros((len(batch), width), dtype=np.int64)
        for row, (ids, _) in zip(padded, batch, strict=True):
            row[: len(ids)] = ids
        with torch.inference_mode():
            mask = torch.from_numpy(np.arange(padded.shape[1]) < lengths[:, None])
            hidden = self._body(torch.from_numpy(padded), None if mask.all() else mask).float()
            # Kept in the body's format: rounding again moves a score by less than the body did.
            unit = torch.nn.functional.normalize(hidden, dim=2).to(self._body.dtype)
            return [
                states[: len(spoken)][torch.from_numpy(spoken)]
                for states, (_, spoken) in zip(unit, batch, strict=True)
            ]

    def _evict(self, window: Sequence[PairGroup]) -> None:
        for text in {t for group in window for t in group.last} & self._states.keys():
            self._forget(text)
        while self.kept_bytes > self._store_bytes:
            self._forget(next(iter(self._states)))

    def _forget(self, text: str) -> None:
        self.kept_bytes -= self._states.pop(text).nbytes


def late_interaction_identity(
    name: str, revision: str, *, max_tokens: int = MAX_TOKENS, dtype: str
) -> TeacherIdentity:
    """Who scores, known without loading the model."""
    rule = f"late interaction; states without special tokens; mean of both ways; {max_tokens}"
    return TeacherIdentity(
        f"late-interaction-{name}", revision, hashlib.sha256(rule.encode()).hexdigest()[:8], dtype
    )


def max_sim(query: "Tensor", documents: "Sequence[Tensor]") -> "Tensor":
    """Scores [document] of unit token states [token, hidden] against those of each document.

    Mean over query tokens of the largest cosine in the document, averaged with the mean over
    document tokens of the largest cosine in the query; NaN where either has no token.
    """
    import torch

    lengths = torch.tensor([len(d) for d in documents])
    if not len(query) or not lengths.sum():
        return torch.full(lengths.shape, torch.nan)
    cosines = torch.cat([d.float() for d in documents]) @ query.T  # [document token, query token]
    recall = torch.segment_reduce(cosines, "max", lengths=lengths, axis=0).mean(dim=1)
    precision = torch.segment_reduce(cosines.amax(dim=1), "mean", lengths=lengths)
    return torch.where(lengths > 0, (recall + precision) / 2, torch.nan)


def _products(documents: "Sequence[Tensor]") -> "Iterator[Sequence[Tensor]]":
    """`documents` in order, cut so that a product has about `PRODUCT_TOKENS` rows."""
    rows = np.cumsum([len(d) for d in documents]) // PRODUCT_TOKENS
    edges = [0, *(np.flatnonzero(np.diff(rows)) + 1).tolist(), len(documents)]
    return (documents[a:b] for a, b in pairwise(edges) if b > a)
