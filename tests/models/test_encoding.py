"""Batching, order, progress and the hash under which vectors are stored."""

import hashlib
from collections.abc import Generator, Iterable, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus.text import document_text, text_hash
from pipeline.models.bi_encoder import MeanPooledEncoder
from pipeline.models.encoding import (
    TokenIds,
    Vectors,
    encode_texts,
    length_batches,
    padded_length,
)


class CodePoints:
    """An encoder whose vector tells which text it came from: (length, first code point)."""

    dim = 2

    def tokenise(self, texts: Sequence[str]) -> list[TokenIds]:
        return [np.array([ord(c) for c in t], dtype=np.int32) for t in texts]

    def embed_batches(
        self, batches: Iterable[Sequence[TokenIds]]
    ) -> Generator[Vectors, None, None]:
        for batch in batches:
            rows = [(len(ids), ids[0] if len(ids) else -1) for ids in batch]
            yield np.array(rows, dtype=np.float32).reshape(-1, 2)


@given(st.lists(st.text(max_size=20), max_size=40), st.integers(1, 64))
def test_order_is_restored(texts: list[str], batch_tokens: int) -> None:
    """Vectors in the order of the length sort would be stored under other papers' keys."""
    vectors = encode_texts(CodePoints(), texts, batch_tokens=batch_tokens)
    expected = [[len(t), ord(t[0]) if t else -1] for t in texts]
    assert vectors.shape == (len(texts), 2)
    assert vectors.tolist() == expected


@given(st.lists(st.integers(0, 128), max_size=60), st.integers(1, 512))
def test_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    """A row left out keeps uninitialised memory as its vector; an oversized batch exhausts it."""
    batches = list(length_batches(lengths, budget))
    assert sorted(i for rows in batches for i in rows) == list(range(len(lengths)))
    for rows in batches:
        padded = {padded_length(lengths[i]) for i in rows}
        assert len(padded) == 1
        assert len(rows) == 1 or padded.pop() * len(rows) <= budget


def test_long_texts_share_no_batch_with_short_ones() -> None:
    """Without bucketing a title beside an abstract costs as much as the abstract."""
    assert list(length_batches([2, 19, 3, 20], 64)) == [[1, 3], [0, 2]]


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(24)), st.integers(1, 24), st.sampled_from([16, 64, 2048]))
def test_a_vector_depends_on_its_text_alone_to_the_last_bit(
    tiny: MeanPooledEncoder, order: list[int], n: int, batch_tokens: int
) -> None:
    """Two libraries of the same papers would get other pools, for being loaded in other steps."""
    texts = [f"{'word ' * (5 * i)}number {i}" for i in range(24)]
    alone = encode_texts(tiny, texts)
    some = encode_texts(tiny, [texts[i] for i in order[:n]], batch_tokens=batch_tokens)
    assert np.array_equal(some, alone[order[:n]])


def test_progress_ends_complete(tiny: MeanPooledEncoder) -> None:
    """A bar that stops short."""
    seen: list[int] = []
    texts = [f"paper number {i}" for i in range(50)]
    encode_texts(tiny, texts, batch_tokens=64, progress=seen.append)
    assert len(seen) > 1
    assert seen == sorted(set(seen))
    assert seen[-1] == 50


def test_nothing_to_encode(tiny: MeanPooledEncoder) -> None:
    """A venue-year without new papers must not crash the night."""
    assert tiny.encode_documents([]).shape == (0, tiny.dim)


def test_hash_golden_values() -> None:
    """A changed hash would make every stored vector unfindable and cost hours of encoding."""
    assert text_hash("Title", "Abstract") == hashlib.sha256(b"Title\nAbstract").hexdigest()[:32]
    assert text_hash("Title", "Abstract") == "e8ecb38b575a1389cbae4cc263870353"
    assert text_hash("Title", None) == text_hash("Title", "") != text_hash("Title", " ")
    assert text_hash("Gödel", None) == hashlib.sha256("Gödel\n".encode()).hexdigest()[:32]


def test_newline_between_title_and_abstract_costs_no_token(tiny: MeanPooledEncoder) -> None:
    """If the newline were a token, vectors would differ from those of 'title abstract'."""
    joined, spaced = tiny.tokenise([document_text("A title", "An abstract"), "A title An abstract"])
    assert joined.tolist() == spaced.tolist()
