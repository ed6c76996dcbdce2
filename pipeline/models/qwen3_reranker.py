"""Qwen3-Reranker: a decoder that is asked whether a document meets a query, and how sure it is.

Belongs here: pairs to log-odds. Not: what the model reads of a pair (qwen3_template.py), the body
(qwen3.py), where weights come from (resources/model_hub.py), which pairs are scored
(pipeline/labels).
Method: Zhang et al. 2025 (arXiv 2506.05176): the score is the log-odds of "yes" against "no" as the
next token, here hidden · (w_yes − w_no): two rows of a head of 151,000. All queries share the
instruction and a query's documents share the query, so both are read once and gone on from; of a
pair of titles that leaves a quarter of the tokens. Raw log-odds in float32: a sigmoid in bfloat16
ties at 1.0.

Importing this module is cheap; torch is loaded when a reranker is.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.models.bi_encoder import fastest_dtype, read_config
from pipeline.models.encoding import PADDING, PAIR_PADDING, TokenIds, length_batches, padded_length
from pipeline.models.qwen3_template import MAX_DOCUMENT_TOKENS, PairTokeniser, Template
from pipeline.models.reranker import PairGroup, Scores, TeacherIdentity
from pipeline.models.running import group_windows, halving, one_batch_per_core

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from pipeline.models.qwen3 import Past, Qwen3Body

WINDOW_PAIRS = 4096  # pairs sorted by length together; their queries' states are kept meanwhile
CPU_BATCH_TOKENS, GPU_BATCH_TOKENS = 2048, 1 << 15


class Qwen3Reranker:
    """Log-odds of "yes": larger is more relevant, 0 is undecided."""

    def __init__(
        self,
        identity: TeacherIdentity,
        tokens: PairTokeniser,
        body: "Qwen3Body",
        direction: "Tensor",
        *,
        batch_tokens: int | None = None,
    ) -> None:
        """`direction`: w_yes − w_no [hidden]; `batch_tokens`: padded tokens of documents at once,
        None by the device."""
        self.identity = identity
        self._tokens, self._body = tokens, body
        self._direction = direction.float().to(body.device)
        on_cpu = body.device.type == "cpu"
        self._batch_tokens = batch_tokens or (CPU_BATCH_TOKENS if on_cpu else GPU_BATCH_TOKENS)
        self._shared: Past | None = None

    @classmethod
    def load(
        cls,
        folder: Path,
        name: str,
        *,
        revision: str,
        template: Template | None = None,
        dtype: "torch.dtype | None" = None,
        device: str | None = None,
        batch_tokens: int | None = None,
    ) -> "Qwen3Reranker":
        """The reranker of a folder in hub format.

        `revision`: first 8 hex digits of the SHA-256 of the weights. Device None: a GPU where there
        is one. dtype None: bfloat16 there and on CPUs that multiply it natively, else float32.

        Raises:
            ModelError: files are missing or unusable, or "yes" and "no" are not one token each.
        """
        import torch
        from tokenizers import Tokenizer

        from pipeline.models.bi_encoder import load_tokenizer
        from pipeline.models.qwen3 import HEAD as MATRIX
        from pipeline.models.qwen3 import load_qwen3
        from pipeline.models.weights import read_rows

        template, config = template or Template(), read_config(folder)
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = dtype or (fastest_dtype() if device == "cpu" else torch.bfloat16)
        tokenizer: Tokenizer = load_tokenizer(folder, MAX_DOCUMENT_TOKENS)
        tokens = PairTokeniser(tokenizer, template)
        names = ["embed_tokens.weight"] if config.get("tie_word_embeddings") else [MATRIX]
        yes, no = read_rows(
            folder, [*names, *(f"model.{n}" for n in names)], [tokens.yes, tokens.no]
        )
        identity = qwen3_reranker_identity(
            name, revision, template, dtype=str(dtype).removeprefix("torch.")
        )
        body = load_qwen3(folder, config, dtype, device)
        return cls(identity, tokens, body, yes - no, batch_tokens=batch_tokens)

    def tokenise(self, query: str, documents: Sequence[str]) -> tuple[TokenIds, list[TokenIds]]:
        """Ids of what the group shares, and of the rest of each pair."""
        return self._tokens.tokenise(query, documents)

    def score_groups(self, groups: Iterable[PairGroup]) -> Iterator[Scores]:
        """float32 log-odds [document] of each group, in order."""
        for window in group_windows(groups, WINDOW_PAIRS):
            yield from self._score_window(window)

    def _score_window(self, window: Sequence[PairGroup]) -> list[Scores]:
        queries = self._tokens.queries([g.query for g in window])
        # A document stands in many groups: tokenised once.
        texts = list(dict.fromkeys(t for g in window for t in g.documents))
        ids = dict(zip(texts, self._tokens.documents(texts), strict=True))
        scores: list[Scores] = [np.empty(0, np.float32)] * len(window)
        order = sorted(range(len(window)), key=lambda i: padded_length(len(queries[i])))
        for _, alike in groupby(order, key=lambda i: padded_length(len(queries[i]))):
            rows = list(alike)
            asked = [(queries[i], [ids[t] for t in window[i].documents]) for i in rows]
            for i, found in zip(rows, halving(self._score_groups, asked), strict=True):
                scores[i] = found
        return scores

    def _score_groups(self, groups: Sequence[tuple[TokenIds, list[TokenIds]]]) -> list[Scores]:
        """Log-odds of groups whose queries have one padded length."""
        past = self._read_queries([query for query, _ in groups])
        pairs = [(row, d) for row, (_, documents) in enumerate(groups) for d in documents]
        scores = np.empty(len(pairs), np.float32)
        batches = list(length_batches([len(d) for _, d in pairs], self._batch_tokens, PAIR_PADDING))

        def run(rows: list[int]) -> list[float]:
            return halving(lambda part: self._log_odds(part, past), [pairs[i] for i in rows])

        on_cpu = self._body.device.type == "cpu"
        answers = one_batch_per_core(run, batches) if on_cpu else map(run, batches)
        for rows, found in zip(batches, answers, strict=True):
            scores[rows] = found
        return np.split(scores, np.cumsum([len(d) for _, d in groups])[:-1])

    def _read_queries(self, queries: Sequence[TokenIds]) -> "Past":
        """The past of each query, gone on from what all of them share."""
        import torch

        with torch.inference_mode():
            if self._shared is None:
                start = torch.from_numpy(self._tokens.start.astype(np.int64)).to(self._body.device)
                self._shared = self._body.prefill(self._body.embed(start[None]))
            ids, mask = self._padded(queries, PADDING)
            return self._body.prefill(self._body.embed(ids), mask, past=self._shared)

    def _log_odds(self, pairs: Sequence[tuple[int, TokenIds]], past: "Past") -> list[float]:
        """Log-odds of pairs (row of the past, rest of the ids) of one padded length."""
        import torch

        with torch.inference_mode():
            ids, mask = self._padded([d for _, d in pairs], PAIR_PADDING)
            rows = torch.tensor([row for row, _ in pairs], device=ids.device)
            states = self._body.states(self._body.embed(ids), mask, past=past.take(rows))
            last = states[torch.arange(len(ids), device=ids.device), mask.sum(1) - 1]
            scores: list[float] = (last.float() @ self._direction).tolist()
        return scores

    def _padded(self, batch: Sequence[TokenIds], padding: int) -> "tuple[Tensor, Tensor]":
        """Ids and mask [text, token], padded at the end to a multiple of `padding`."""
        import torch

        lengths = np.array([len(ids) for ids in batch])
        ids = np.zeros((len(batch), padded_length(lengths.max(), padding)), dtype=np.int64)
        for row, one in zip(ids, batch, strict=True):
            row[: len(one)] = one
        mask = np.arange(ids.shape[1]) < lengths[:, None]
        device = self._body.device
        return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def qwen3_reranker_identity(
    name: str, revision: str, template: Template, *, dtype: str
) -> TeacherIdentity:
    """Who scores, known without loading the model."""
    return TeacherIdentity(name, revision, template.template_hash, dtype)
