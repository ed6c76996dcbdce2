"""Frozen bi-encoders: texts in, unit vectors out.

Belongs here: the contract every encoder keeps, and bidirectional encoders such as all-MiniLM-L6-v2,
E5 or SPECTER2. Not: where weights come from (resources/model_hub.py), how a family writes its texts
(families.py), decoders (qwen3_encoder.py) or how texts are batched (encoding.py).
Method: Sentence-BERT (Reimers and Gurevych 2019, arXiv 1908.10084): the mean of the last hidden
states over real tokens, or the first of them, L2-normalised. Matrix products run in bfloat16 where
the CPU multiplies it natively, pooling and normalisation always in float32.

Importing this module is cheap; torch is loaded when an encoder is.
"""

import json
from collections.abc import Callable, Generator, Iterable, Sequence
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
from pipeline.models.families import PLAIN, Family
from pipeline.models.running import one_batch_per_core

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

    from pipeline.models.bert import BertBody
    from pipeline.models.foreign import ForeignBody

MAX_TOKENS = 128  # title and the first sentences of the abstract; longer costs more, gains little


class BiEncoder(TokenEncoder, Protocol):
    """A frozen encoder. Vectors of one `encoder_id` are comparable; others never are."""

    @property
    def encoder_id(self) -> str:
        """Name, first 8 hex digits of the weights' SHA-256, token limit."""
        ...

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Unit vectors [text, dim] of documents; `progress` gets the number done so far."""
        ...

    def encode_queries(self, texts: Sequence[str], instruction: str = "") -> Vectors:
        """Unit vectors [text, dim] of queries, behind an instruction in the family's format."""
        ...


class MeanPooledEncoder:
    """A bidirectional body, its family's pooling (mostly the mean), L2 norm."""

    def __init__(
        self,
        encoder_id: str,
        tokenizer: "Tokenizer",
        body: "BertBody | ForeignBody",
        family: Family = PLAIN,
    ) -> None:
        self.encoder_id, self.family = encoder_id, family
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
        family: Family = PLAIN,
    ) -> "MeanPooledEncoder":
        """The encoder of a folder in hub format; dtype None picks the CPU's fastest."""
        config = read_encoder_config(folder, max_tokens, family)
        tokenizer = load_tokenizer(folder, max_tokens)
        return cls(encoder_id, tokenizer, _load_body(folder, config, dtype), family)

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
        yield from one_batch_per_core(self.embed_tokens, batches)

    def embed_tokens(self, batch: Sequence[TokenIds]) -> Vectors:
        """Unit vectors [text, dim] of one batch of texts of one padded length."""
        import torch

        lengths = np.array([len(ids) for ids in batch])
        width = min(padded_length(lengths.max()), self._body.shape.max_positions)
        padded = np.zeros((len(batch), width), dtype=np.int64)
        for row, ids in zip(padded, batch, strict=True):
            row[: len(ids)] = ids
        with torch.inference_mode():
            mask = torch.from_numpy(np.arange(padded.shape[1]) < lengths[:, None])
            hidden = self._body(torch.from_numpy(padded), None if mask.all() else mask)
            if self.family.pooling == "cls":
                pooled = hidden[:, 0].float()
            else:  # the sum points where the mean does, and only the direction is kept
                pooled = (hidden.float() * mask[:, :, None]).sum(1)
            vectors = torch.nn.functional.normalize(pooled, dim=1)
        return vectors.numpy()

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Unit vectors [text, dim] of documents; `progress` gets the number done so far."""
        written = [self.family.document_text(t) for t in texts]
        return encode_texts(self, written, progress=progress)

    def encode_queries(self, texts: Sequence[str], instruction: str = "") -> Vectors:
        """Unit vectors [text, dim] of queries."""
        return encode_texts(self, [self.family.query_text(t, instruction) for t in texts])


def read_encoder_config(folder: Path, max_tokens: int, family: Family = PLAIN) -> dict[str, Any]:
    """`config.json`, after checking that the folder pools as its family and reads `max_tokens`."""
    config = read_config(folder)
    received = read_pooling(folder) or family.pooling
    if received != family.pooling:
        raise ModelError(
            f"expected {family.pooling} pooling, received {received} in {folder}; use such a model"
        )
    if max_tokens > (most := most_tokens(config)):
        raise ModelError(
            f"expected at most {most} tokens for {folder.name}, received a limit of {max_tokens}; "
            "lower it"
        )
    return config


def read_pooling(folder: Path) -> str | None:
    """ "mean", "cls", "last" or another word; None where the folder does not say.

    Either spelling of sentence-transformers' pooling config, old flags or the newer name.
    """
    path = folder / "1_Pooling" / "config.json"
    if not path.exists():
        return None
    pooling = _read_object(path)
    if name := pooling.get("pooling_mode"):
        return {"lasttoken": "last"}.get(name, str(name))
    flags = {"mean_tokens": "mean", "cls_token": "cls", "lasttoken": "last"}
    found = [word for flag, word in flags.items() if pooling.get(f"pooling_mode_{flag}")]
    return found[0] if len(found) == 1 else "another"


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a model folder."""
    return _read_object(folder / "config.json")


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


def _load_body(
    folder: Path, config: dict[str, Any], dtype: "torch.dtype | None"
) -> "BertBody | ForeignBody":
    """The body that runs this kind of model; BERT's own refuses what it does not know."""
    from pipeline.models import foreign, roberta
    from pipeline.models.bert import load_bert

    dtype = dtype or fastest_dtype()
    if config.get("model_type") in roberta.MODEL_TYPES:
        return roberta.load_roberta(folder, config, dtype)
    if config.get("model_type") in foreign.MODEL_TYPES:
        return foreign.load_foreign(folder, config, dtype)
    return load_bert(folder, config, dtype)


def most_tokens(config: dict[str, Any]) -> int:
    """Longest sequence the model has positions for; most families count from behind padding."""
    positions = int(config.get("max_position_embeddings", 0))
    counted = config.get("model_type") in ("roberta", "xlm-roberta", "mpnet")
    return positions - (int(config.get("pad_token_id", 1)) + 1 if counted else 0)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(
            f"expected JSON in {path}, received {error}; fetch the model anew"
        ) from error
    if not isinstance(value, dict):
        raise ModelError(
            f"expected an object in {path}, received a {type(value).__name__}; fetch the model anew"
        )
    return value
