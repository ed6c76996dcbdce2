"""Qwen3-Embedding: texts to unit vectors by the last token of a decoder.

Belongs here: its tokens, pooling and dimensions. Not: the body (qwen3.py), its text formats
(families.py) or where weights come from (resources/model_hub.py).
Method: Zhang et al. 2025 (arXiv 2506.05176): the state of an appended end token, L2-normalised.
Its first components are a vector of their own (Matryoshka, Kusupati et al. 2022, arXiv
2205.13147): cut, then normalised anew.

Importing this module is cheap; torch is loaded when an encoder is.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import ModelError
from pipeline.models.bi_encoder import fastest_dtype, load_tokenizer, most_tokens, read_config
from pipeline.models.encoding import BATCH_TOKENS, TokenIds, Vectors, encode_texts, padded_length
from pipeline.models.families import QWEN3
from pipeline.models.running import halving, one_batch_per_core

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

    from pipeline.models.qwen3 import Qwen3Body

END = "<|endoftext|>"  # also the padding; not the chat model's end of sequence
MAX_TOKENS = 512
GPU_BATCH_TOKENS = 1 << 15


class Qwen3Encoder:
    """A decoder body, last-token pooling, L2 norm; queries may stand behind an instruction."""

    family = QWEN3

    def __init__(
        self, encoder_id: str, tokenizer: "Tokenizer", body: "Qwen3Body", dim: int | None = None
    ) -> None:
        """`dim`: how many of the components are kept, None for all of them."""
        self.encoder_id, self.dim = encoder_id, dim or body.shape.hidden_size
        if not 0 < self.dim <= body.shape.hidden_size:
            raise ModelError(
                f"expected 1 to {body.shape.hidden_size} dimensions, received {dim}; choose fewer"
            )
        self._tokenizer, self._body = tokenizer, body
        self.batch_tokens = BATCH_TOKENS if body.device.type == "cpu" else GPU_BATCH_TOKENS
        end = tokenizer.token_to_id(END)
        if end is None:
            raise ModelError(
                f"expected the token {END}, received none; use the tokenizer of a Qwen3-Embedding"
            )
        self._end = end

    @classmethod
    def load(
        cls,
        folder: Path,
        encoder_id: str,
        *,
        max_tokens: int = MAX_TOKENS,
        dim: int | None = None,
        dtype: "torch.dtype | None" = None,
        device: str | None = None,
    ) -> "Qwen3Encoder":
        """The encoder of a folder in hub format.

        Device None: a GPU where there is one. dtype None: bfloat16 there and on CPUs that multiply
        it natively, else float32.
        """
        import torch

        from pipeline.models.qwen3 import load_qwen3

        config = read_config(folder)
        if max_tokens > most_tokens(config):
            raise ModelError(
                f"expected at most {most_tokens(config)} tokens for {folder.name}, received a "
                f"limit of {max_tokens}; lower it"
            )
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = dtype or (fastest_dtype() if device == "cpu" else torch.bfloat16)
        tokenizer = load_tokenizer(folder, max_tokens - 1)  # and the end token
        return cls(encoder_id, tokenizer, load_qwen3(folder, config, dtype, device), dim)

    def tokenise(self, texts: Sequence[str]) -> list[TokenIds]:
        """Token ids of each text, truncated, end token included, without padding."""
        return [
            np.asarray([*encoding.ids, self._end], dtype=np.int32)
            for start in range(0, len(texts), 1024)  # bounds the memory of the encodings
            for encoding in self._tokenizer.encode_batch_fast(
                # The published tokeniser appends the end token in some revisions only.
                list(texts[start : start + 1024]),
                add_special_tokens=False,
            )
        ]

    def embed_batches(
        self, batches: Iterable[Sequence[TokenIds]]
    ) -> Generator[Vectors, None, None]:
        """Unit vectors of each batch, in order: one batch per core on a CPU."""
        if self._body.device.type == "cpu":
            yield from one_batch_per_core(self.embed_tokens, batches)
        else:
            yield from map(self.embed_tokens, batches)

    def embed_tokens(self, batch: Sequence[TokenIds]) -> Vectors:
        """Unit vectors [text, dim] of one batch; halved where the memory does not hold it."""
        return np.stack(halving(self._embed, batch))

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Unit vectors [text, dim] of documents; `progress` gets the number done so far."""
        written = [self.family.document_text(t) for t in texts]
        return encode_texts(self, written, progress=progress)

    def encode_queries(self, texts: Sequence[str], instruction: str = "") -> Vectors:
        """Unit vectors [text, dim] of queries."""
        return encode_texts(self, [self.family.query_text(t, instruction) for t in texts])

    def _embed(self, batch: Sequence[TokenIds]) -> list[Vectors]:
        import torch

        lengths = np.array([len(ids) for ids in batch])
        padded = np.full((len(batch), padded_length(lengths.max())), self._end, dtype=np.int64)
        for row, ids in zip(padded, batch, strict=True):
            row[: len(ids)] = ids
        mask = np.arange(padded.shape[1]) < lengths[:, None]
        with torch.inference_mode():
            tokens = torch.from_numpy(padded).to(self._body.device)
            states = self._body(tokens, torch.from_numpy(mask).to(tokens.device))
            last = states[np.arange(len(batch)), lengths - 1, : self.dim].float()
            return list(torch.nn.functional.normalize(last, dim=1).cpu().numpy())
