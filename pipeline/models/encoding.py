"""Texts to vectors in bulk: batches of like length, order restored, progress reported.

Belongs here: everything about encoding that does not depend on the model's kind. Not: the models
(bi_encoder.py), their files (resources/model_hub.py), what a document's text is (corpus/text.py),
or which vectors are already stored.
Method: texts are sorted by padded length, longest first, and batches filled up to a token budget,
so that hardly any padding is computed; order is restored at the end. The vector of a text depends
on the text alone, to the last bit: equal libraries have equal vectors, however they were loaded.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # [text, dim], L2-normalised
TokenIds = NDArray[np.int32]  # [token]

BATCH_TOKENS = 2048  # padded tokens per batch; on the plateau, and small enough to share out
PADDING = 16  # texts are padded to multiples of this many tokens; costs about 1%
PAIR_PADDING = 8  # of two titles; 16 would cost a tenth more


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


def encode_texts(
    encoder: TokenEncoder,
    texts: Sequence[str],
    *,
    batch_tokens: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Vectors:
    """Unit vectors [text, dim] in the order of `texts`; `progress` gets the number done so far.

    `batch_tokens` None: what the encoder's device wants, which is `BATCH_TOKENS` on a CPU.
    """
    if batch_tokens is None:
        batch_tokens = int(getattr(encoder, "batch_tokens", BATCH_TOKENS))
    tokens = encoder.tokenise(texts)
    lengths = [len(t) for t in tokens]
    vectors = np.empty((len(texts), encoder.dim), dtype=np.float32)
    done = 0
    batches = list(length_batches(lengths, batch_tokens))
    embedded = encoder.embed_batches([tokens[i] for i in rows] for rows in batches)
    with closing(embedded):  # a traceback would keep it, and with it the queue, alive
        for rows, unit in zip(batches, embedded, strict=True):
            vectors[rows] = unit
            done += len(rows)
            if progress:
                progress(done)
    return vectors


def padded_length(tokens: int, padding: int = PADDING) -> int:
    """Tokens a text of this many is computed at: the next multiple of `padding`.

    A function of the text alone. What a text shares a batch with, and how large the batch is,
    changes no bit of its vector; the length it is padded to does (EXPERIMENTS.md).
    """
    return -(-max(1, tokens) // padding) * padding


def length_batches(
    lengths: Sequence[int], batch_tokens: int, padding: int = PADDING
) -> Iterator[list[int]]:
    """Row numbers of each batch, longest texts first, padded size at most `batch_tokens`.

    Texts of a batch have one padded length; one longer than the budget is a batch of its own.
    """
    padded = [padded_length(n, padding) for n in lengths]
    order = sorted(range(len(lengths)), key=lambda i: -padded[i])  # stable: equals keep order
    for length, rows in groupby(order, key=lambda i: padded[i]):
        alike, size = list(rows), max(1, batch_tokens // length)
        yield from (alike[start : start + size] for start in range(0, len(alike), size))
