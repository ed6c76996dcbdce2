"""Frozen bi-encoders: texts in, unit vectors out.

Belongs here: the contract every encoder keeps, and mean-pooled BERT encoders such as
all-MiniLM-L6-v2. Not: where weights come from (resources/model_hub.py) or how texts are batched
(encoding.py).
Method: Sentence-BERT (Reimers and Gurevych 2019, arXiv 1908.10084): the mean of the last hidden
states over real tokens, L2-normalised. Matrix products run in bfloat16 where the CPU multiplies
it natively, pooling and normalisation always in float32.

Importing this module is cheap; torch is loaded when an encoder is.
"""

import json
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipeline.errors import ModelError
from pipeline.models.encoding import (
    TokenEncoder,
    TokenIds,
    Vectors,
    encode_texts,
    padded_length,
)

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

    from pipeline.models.bert import BertBody

MAX_TOKENS = 128  # title and the first sentences of the abstract; longer costs more, gains little


class BiEncoder(TokenEncoder, Protocol):
    """A frozen encoder. Vectors of one `encoder_id` are comparable; others never are."""

    @property
    def encoder_id(self) -> str:
        """Name, first 8 hex digits of the weights' SHA-256, token limit."""
        ...

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [text, dim] of documents."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [text, dim] of queries."""
        ...


class MeanPooledEncoder:
    """A BERT body, mean pooling, L2 norm; documents and queries are treated alike."""

    def __init__(self, encoder_id: str, tokenizer: "Tokenizer", body: "BertBody") -> None:
        self.encoder_id = encoder_id
        self.dim = body.shape.hidden_size
        self._tokenizer, self._body = tokenizer, body

    @classmethod
    def load(
        cls,
        folder: Path,
        encoder_id: str,
        *,
        max_tokens: int = MAX_TOKENS,
        dtype: "torch.dtype | None" = None,
    ) -> "MeanPooledEncoder":
        """The encoder of a folder in hub format; dtype None picks the CPU's fastest."""
        from pipeline.models.bert import load_bert

        config = read_encoder_config(folder, max_tokens)
        return cls(
            encoder_id,
            load_tokenizer(folder, max_tokens),
            load_bert(folder, config, dtype or fastest_dtype()),
        )

    def tokenise(self, texts: Sequence[str]) -> list[TokenIds]:
        """Token ids of each text, truncated, special tokens included, without padding."""
        return [
            np.asarray(encoding.ids, dtype=np.int32)
            for start in range(0, len(texts), 1024)  # bounds the memory of the encodings
            for encoding in self._tokenizer.encode_batch_fast(list(texts[start : start + 1024]))
        ]

    def embed_batches(
        self, batches: Iterable[Sequence[TokenIds]]
    ) -> Generator[Vectors, None, None]:
        """Unit vectors of each batch, in order: one batch per core, each on one thread.

        Cores that share every product wait for the slowest one after each: on a busy machine
        that halved the speed. Closing the iterator drops the batches not yet begun.
        """
        import torch

        threads = torch.get_num_threads()
        pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        with pool:
            try:
                yield from pool.map(self.embed_tokens, batches)
            finally:
                # Set in a worker, the number becomes the default of every thread started later.
                torch.set_num_threads(threads)

    def embed_tokens(self, batch: Sequence[TokenIds]) -> Vectors:
        """Unit vectors [text, dim] of one batch of texts of one padded length."""
        import torch

        lengths = np.array([len(ids) for ids in batch])
        width = min(padded_length(lengths.max()), len(self._body.positions))
        padded = np.zeros((len(batch), width), dtype=np.int64)
        for row, ids in zip(padded, batch, strict=True):
            row[: len(ids)] = ids
        with torch.inference_mode():
            mask = torch.from_numpy(np.arange(padded.shape[1]) < lengths[:, None])
            hidden = self._body(torch.from_numpy(padded), None if mask.all() else mask)
            hidden = hidden.float() * mask[:, :, None]
            # The sum points where the mean does, and only the direction is kept.
            vectors = torch.nn.functional.normalize(hidden.sum(1), dim=1)
        return vectors.numpy()

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [text, dim] of documents."""
        return encode_texts(self, texts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [text, dim] of queries: this family encodes them as documents."""
        return encode_texts(self, texts)


def read_encoder_config(folder: Path, max_tokens: int) -> dict[str, Any]:
    """`config.json`, after checking that the folder pools by mean and can read `max_tokens`."""
    config = read_config(folder)
    pooling = folder / "1_Pooling" / "config.json"
    if pooling.exists() and not _pools_by_mean(_read_json(pooling)):
        raise ModelError(f"expected mean pooling, received another in {pooling}; use such a model")
    if max_tokens > config.get("max_position_embeddings", 0):
        raise ModelError(
            f"expected at most {config.get('max_position_embeddings', 0)} tokens for {folder.name},"
            f" received a limit of {max_tokens}; lower it"
        )
    return config


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a model folder."""
    config = _read_json(folder / "config.json")
    if not isinstance(config, dict):
        raise ModelError(
            f"expected an object in {folder / 'config.json'}, received a {type(config).__name__}; "
            "fetch the model anew"
        )
    return config


def load_tokenizer(folder: Path, max_tokens: int) -> "Tokenizer":
    """The folder's tokeniser, truncating at `max_tokens`; what it says about padding is dropped."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(
            f"expected a tokenizer in {path}, received {error}; fetch the model anew"
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def fastest_dtype() -> "torch.dtype":
    """bfloat16 where the CPU has AVX512-BF16 or AMX; float32 elsewhere, where bf16 is emulated."""
    import torch

    # Private probes: guarded, because a torch without them must still encode.
    for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        supported = getattr(torch.cpu, probe, None)
        if supported is not None and supported():
            return torch.bfloat16
    return torch.float32


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(
            f"expected JSON in {path}, received {error}; fetch the model anew"
        ) from error


def _pools_by_mean(pooling: dict[str, Any]) -> bool:
    """Either spelling of sentence-transformers' pooling config, old flags or the newer name."""
    return bool(pooling.get("pooling_mode_mean_tokens", pooling.get("pooling_mode") == "mean"))
