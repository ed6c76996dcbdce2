"""Sequence-classification cross-encoders: both texts in one sequence, one logit out.

Belongs here: loading such models and running their pairs in batches of like length. Not: the BERT
body (bert.py), how the two texts become one sequence (pair_tokens.py), where weights come from.
Method: Nogueira and Cho 2019 (arXiv 1901.04085): a linear head on the pooled first token. BERT
models such as ms-marco-MiniLM run on our own body with bf16 products where the CPU has them; every
other family (XLM-R, ModernBERT, …) runs on transformers. No remote code, safetensors only.

Importing this module is cheap; torch and transformers are loaded when a model is.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import ModelError
from pipeline.models.bi_encoder import fastest_dtype, load_tokenizer, most_tokens, read_config
from pipeline.models.encoding import PAIR_PADDING, length_batches, padded_length
from pipeline.models.pair_tokens import PairIds, PairTokens
from pipeline.models.reranker import PairGroup, Scores, TeacherIdentity
from pipeline.models.running import group_windows, halving, one_batch_per_core

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MAX_TOKENS = 512
WINDOW_PAIRS = 4096  # pairs sorted by length together
CPU_BATCH_TOKENS, GPU_BATCH_TOKENS = 2048, 1 << 16

Logits = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]
"""ids, types, mask, each [pair, token], to logits [pair]; mask is true on real tokens."""


class CrossEncoder:
    """Raw logits of pairs: larger is more relevant. A score depends on its pair alone."""

    def __init__(
        self,
        identity: TeacherIdentity,
        tokens: PairTokens,
        logits: Logits,
        *,
        device: str = "cpu",
    ) -> None:
        self.identity = identity
        self._tokens, self._logits, self._device = tokens, logits, device

    @classmethod
    def load(
        cls,
        folder: Path,
        name: str,
        *,
        revision: str,
        max_tokens: int = MAX_TOKENS,
        dtype: "torch.dtype | None" = None,
        device: str = "cpu",
    ) -> "CrossEncoder":
        """The cross-encoder of a folder in hub format.

        dtype None is bfloat16 on a GPU and on CPUs that multiply it natively, else float32.
        `revision`: first 8 hex digits of the SHA-256 of the weights.

        Raises:
            ModelError: files are missing or unusable, or the head has more than one logit.
        """
        import torch

        config = _read_config(folder, max_tokens)
        dtype = dtype or (fastest_dtype() if device == "cpu" else torch.bfloat16)
        model = _own_bert if _runs_on_own_body(config) else _transformers
        identity = cross_encoder_identity(
            name, revision, max_tokens=max_tokens, dtype=str(dtype).removeprefix("torch.")
        )
        tokens = PairTokens(load_tokenizer(folder, max_tokens), max_tokens)
        return cls(identity, tokens, model(folder, config, dtype, device), device=device)

    def score_groups(self, groups: Iterable[PairGroup]) -> Iterator[Scores]:
        """float32 logits [document] of each group, in order."""
        for window in group_windows(groups, WINDOW_PAIRS):
            pairs = self._tokens.tokenise(window)
            scores = self._score(pairs)
            sizes = np.cumsum([len(g.documents) for g in window])[:-1]
            yield from np.split(scores, sizes)

    def _score(self, pairs: Sequence[PairIds]) -> Scores:
        """Logits [pair], computed in batches of one padded length."""
        scores = np.empty(len(pairs), dtype=np.float32)
        on_cpu = self._device == "cpu"
        budget = CPU_BATCH_TOKENS if on_cpu else GPU_BATCH_TOKENS
        batches = list(length_batches([len(p.ids) for p in pairs], budget, PAIR_PADDING))

        def run(rows: list[int]) -> list[float]:
            return halving(self._batch_scores, [pairs[i] for i in rows])

        for rows, logits in zip(
            batches, one_batch_per_core(run, batches) if on_cpu else map(run, batches), strict=True
        ):
            scores[rows] = logits
        return scores

    def _batch_scores(self, batch: Sequence[PairIds]) -> list[float]:
        """Logits of pairs of one padded length."""
        import torch

        lengths = np.array([len(p.ids) for p in batch])
        width = min(padded_length(lengths.max(), PAIR_PADDING), self._tokens.max_tokens)
        ids = np.zeros((len(batch), width), dtype=np.int64)
        types = np.zeros_like(ids)
        for row, type_row, pair in zip(ids, types, batch, strict=True):
            row[: len(pair.ids)], type_row[: len(pair.ids)] = pair.ids, pair.types
        mask = np.arange(width) < lengths[:, None]
        with torch.inference_mode():
            tensors = (torch.from_numpy(a).to(self._device) for a in (ids, types, mask))
            scores: list[float] = self._logits(*tensors).float().tolist()
        return scores


def cross_encoder_identity(
    name: str, revision: str, *, max_tokens: int = MAX_TOKENS, dtype: str
) -> TeacherIdentity:
    """Who scores, known without loading the model."""
    rule = f"cross-encoder; the tokeniser's pair template; longest first; {max_tokens}"
    return TeacherIdentity(name, revision, hashlib.sha256(rule.encode()).hexdigest()[:8], dtype)


def _own_bert(folder: Path, config: dict[str, Any], dtype: "torch.dtype", device: str) -> Logits:
    """Logits of a `BertForSequenceClassification` on our own body.

    The body knows one token type. Words of the second text are therefore words of a doubled
    table, whose second half carries what the second type adds.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from torch.nn.functional import linear

    from pipeline.models.bert import BertBody, BertShape

    try:
        weights = load_file(folder / "model.safetensors", device=device)
        head = [weights[f"{n}.{p}"] for n in _HEAD for p in ("weight", "bias")]
        weights = {name.removeprefix("bert."): tensor for name, tensor in weights.items()}
        words, types = (
            weights[f"embeddings.{n}_embeddings.weight"] for n in ("word", "token_type")
        )
        second = types[1] - types[0]
        weights["embeddings.word_embeddings.weight"] = torch.cat([words, words + second])
        body = BertBody(weights, BertShape.from_config(config), dtype)
    except (KeyError, IndexError, SafetensorError, OSError) as error:
        raise ModelError(
            f"expected weights of a BERT cross-encoder in {folder}, received {error!r}; fetch the "
            "model anew"
        ) from error
    pool, pool_bias, classify, classify_bias = (tensor.float() for tensor in head)

    def logits(ids: "Tensor", types: "Tensor", mask: "Tensor") -> "Tensor":
        vectors = body.words[ids + types * len(words)]
        first = body.first_states(vectors, None if mask.all() else mask)
        pooled = torch.tanh(linear(first.float(), pool, pool_bias))
        return linear(pooled, classify, classify_bias)[:, 0]

    return logits


def _transformers(
    folder: Path, config: dict[str, Any], dtype: "torch.dtype", device: str
) -> Logits:
    """Logits of any other family that transformers knows."""
    from transformers import AutoModelForSequenceClassification

    try:
        model = AutoModelForSequenceClassification.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"expected a cross-encoder in {folder}, received {error}; fetch the model anew"
        ) from error
    model = model.eval().to(device)
    with_types = config.get("type_vocab_size", 0) > 1

    def logits(ids: "Tensor", types: "Tensor", mask: "Tensor") -> "Tensor":
        typed = {"token_type_ids": types} if with_types else {}
        answer: Tensor = model(input_ids=ids, attention_mask=mask.long(), **typed).logits
        return answer[:, 0]

    return logits


_HEAD = ("bert.pooler.dense", "classifier")


def _read_config(folder: Path, max_tokens: int) -> dict[str, Any]:
    """`config.json` of a model with one logit that can read `max_tokens`."""
    config = read_config(folder)
    if max_tokens > most_tokens(config):
        raise ModelError(
            f"expected at most {most_tokens(config)} tokens for {folder.name}, received a limit "
            f"of {max_tokens}; lower it"
        )
    labels = config.get("num_labels", len(config.get("id2label", {0: "", 1: ""})))
    if labels != 1:
        raise ModelError(
            f"expected a cross-encoder with one logit, received {labels} in {folder}; choose a "
            "model made for ranking"
        )
    return config


def _runs_on_own_body(config: dict[str, Any]) -> bool:
    """Whether the BERT body and two token types are all that the model needs."""
    return bool(
        config.get("model_type") == "bert"
        and config.get("hidden_act") == "gelu"
        and config.get("type_vocab_size") == 2
        and config.get("position_embedding_type", "absolute") == "absolute"
    )
