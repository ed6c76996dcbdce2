"""Texts to vectors in bulk: what a document's text is, its hash, and batches without padding.

Belongs here: everything about encoding that does not depend on the model's kind. Not: the models
(bi_encoder.py), their files (resources/model_hub.py), or which vectors are already stored.
Method: texts are sorted by token length, longest first, and batches filled up to a token budget,
so that hardly any padding is computed; order is restored at the end.
"""

import hashlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # [text, dim], L2-normalised
TokenIds = NDArray[np.int32]  # [token]

BATCH_TOKENS = 2048  # padded tokens per batch; on the plateau, and small enough to share out


class TokenEncoder(Protocol):
    """What batching needs of an encoder: texts to token ids, batches of them to vectors."""

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        ...

    def tokenise(self, texts: Sequence[str]) -> list[TokenIds]:
        """Token ids of each text, truncated, special tokens included, without padding."""
        ...

    def embed_batches(
        self, batches: Iterable[Sequence[TokenIds]]
    ) -> Generator[Vectors, None, None]:
        """Unit vectors [text, dim] of each batch, in order; batches may run side by side."""
        ...


@dataclass(frozen=True)
class Progress:
    """How far an encoding run is, counted in texts and in tokens."""

    done: int
    total: int
    tokens_done: int
    tokens_total: int
    seconds: float

    @property
    def texts_per_s(self) -> float:
        """Texts per second so far."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float:
        """Seconds still needed, extrapolated over tokens since long texts go first."""
        if not self.tokens_done:
            return 0.0
        return self.seconds * (self.tokens_total - self.tokens_done) / self.tokens_done


def document_text(title: str, abstract: str | None) -> str:
    """Title, newline, abstract: the text that is encoded, and the one that is hashed.

    BERT's tokeniser reads a newline as a space, so this equals "title abstract" there.
    """
    return f"{title}\n{abstract or ''}"


def text_hash(title: str, abstract: str | None) -> str:
    """First 32 hex digits of SHA-256 over title, newline, abstract."""
    return hashlib.sha256(document_text(title, abstract).encode()).hexdigest()[:32]


def text_hashes(titles: Iterable[str], abstracts: Iterable[str | None]) -> list[str]:
    """`text_hash` of each pair: polars columns or lists, about 250,000 per second."""
    return [text_hash(t, a) for t, a in zip(titles, abstracts, strict=True)]


def encode_texts(
    encoder: TokenEncoder,
    texts: Sequence[str],
    *,
    batch_tokens: int = BATCH_TOKENS,
    progress: Callable[[Progress], None] | None = None,
) -> Vectors:
    """Unit vectors [text, dim] in the order of `texts`; `progress` is called after each batch."""
    started = time.perf_counter()
    tokens = encoder.tokenise(texts)
    lengths = [len(t) for t in tokens]
    vectors = np.empty((len(texts), encoder.dim), dtype=np.float32)
    done = tokens_done = 0
    batches = list(length_batches(lengths, batch_tokens))
    embedded = encoder.embed_batches([tokens[i] for i in rows] for rows in batches)
    with closing(embedded):  # a traceback would keep it, and with it the queue, alive
        for rows, unit in zip(batches, embedded, strict=True):
            vectors[rows] = unit
            done += len(rows)
            tokens_done += sum(lengths[i] for i in rows)
            if progress:
                seconds = time.perf_counter() - started
                progress(Progress(done, len(texts), tokens_done, sum(lengths), seconds))
    return vectors


def length_batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Row numbers of each batch, longest texts first, padded size at most `batch_tokens`.

    A text longer than the budget is a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])  # stable: equal texts keep order
    start = 0
    while start < len(order):
        size = max(1, batch_tokens // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size
