"""Two texts as the one sequence that a cross-encoder reads.

Belongs here: special tokens around and between the texts, truncation, and tokenising a text once
however many pairs it is in. Not: batching or the model (cross_encoder.py).
Method: tokenisers treat the texts of a pair apart and join them by a template, so the ids of a
pair are its texts' ids between fixed special tokens; that is tested on awkward texts when the
tokeniser is loaded, and a tokeniser of another kind tokenises every pair as a whole. Pairs that are
too long lose tokens as tokenizers' `longest_first` takes them, at the end of the longer text first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.models.encoding import TokenIds
from pipeline.models.reranker import PairGroup

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_PROBES = ("graph nets", " Leading space", "ends\n", "Über 图, $x^2$!", "the", "")


@dataclass(frozen=True)
class PairIds:
    """ids [token] of one pair, and 0 or 1 for each: which of the two texts it belongs to."""

    ids: TokenIds
    types: NDArray[np.int32]


@dataclass(frozen=True)
class _Template:
    """Special tokens before, between and after the texts, with their types and the texts'."""

    special: tuple[TokenIds, TokenIds, TokenIds]
    special_types: tuple[TokenIds, TokenIds, TokenIds]
    text_types: tuple[int, int]

    def join(self, query: TokenIds, document: TokenIds) -> PairIds:
        before, between, after = self.special
        types = [
            self.special_types[0],
            np.full(len(query), self.text_types[0], np.int32),
            self.special_types[1],
            np.full(len(document), self.text_types[1], np.int32),
            self.special_types[2],
        ]
        ids = np.concatenate([before, query, between, document, after])
        return PairIds(ids, np.concatenate(types))

    @property
    def size(self) -> int:
        return sum(map(len, self.special))


class PairTokens:
    """Groups to token ids of their pairs."""

    def __init__(self, tokenizer: "Tokenizer", max_tokens: int) -> None:
        """`tokenizer` without padding; how it truncates is set here."""
        self.max_tokens = max_tokens
        self._tokenizer = tokenizer
        tokenizer.no_truncation()
        self._template = _find_template(tokenizer)
        if self._template is None:
            tokenizer.enable_truncation(max_tokens)

    @property
    def joins(self) -> bool:
        """Whether every text is tokenised once, rather than every pair."""
        return self._template is not None

    def tokenise(self, groups: Sequence[PairGroup]) -> list[PairIds]:
        """Ids of all pairs of all groups, in order, none longer than `max_tokens`."""
        if self._template is None:
            pairs = [(g.query, d) for g in groups for d in g.documents]
            return [_whole(e) for e in self._tokenizer.encode_batch_fast(pairs)]
        texts = list(dict.fromkeys(t for g in groups for t in (g.query, *g.documents)))
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        ids = {t: np.asarray(e.ids, np.int32) for t, e in zip(texts, encodings, strict=True)}
        room = self.max_tokens - self._template.size
        joined = []
        for group in groups:
            query = ids[group.query]
            for document in (ids[d] for d in group.documents):
                a, b = longest_first(len(query), len(document), room)
                joined.append(self._template.join(query[:a], document[:b]))
        return joined


def longest_first(a: int, b: int, room: int) -> tuple[int, int]:
    """How many tokens of texts of `a` and `b` stay where `room` are allowed in all."""
    if a + b <= room:
        return a, b
    short = min(a, b)
    long = room - short
    if long < short:
        short, long = room // 2, room - room // 2
    return (short, long) if a <= b else (long, short)


def _find_template(tokenizer: "Tokenizer") -> _Template | None:
    """How the tokeniser joins two texts; None unless every pair of probes is joined that way."""
    template = _template_of(tokenizer, *_PROBES[:2])
    for query in _PROBES:
        for document in _PROBES:
            a, b = (
                np.asarray(tokenizer.encode(t, add_special_tokens=False).ids, np.int32)
                for t in (query, document)
            )
            expected, joined = _whole(tokenizer.encode(query, document)), template.join(a, b)
            if not (
                np.array_equal(expected.ids, joined.ids)
                and np.array_equal(expected.types, joined.types)
            ):
                return None
    return template


def _template_of(tokenizer: "Tokenizer", query: str, document: str) -> _Template:
    encoding = tokenizer.encode(query, document)
    pair = _whole(encoding)
    side = np.array([-1 if s is None else s for s in encoding.sequence_ids])
    first, second = np.flatnonzero(side == 0), np.flatnonzero(side == 1)
    cuts = (
        slice(0, first[0]),
        slice(first[-1] + 1, second[0]),
        slice(second[-1] + 1, len(side)),
    )
    return _Template(
        special=(pair.ids[cuts[0]], pair.ids[cuts[1]], pair.ids[cuts[2]]),
        special_types=(pair.types[cuts[0]], pair.types[cuts[1]], pair.types[cuts[2]]),
        text_types=(int(pair.types[first[0]]), int(pair.types[second[0]])),
    )


def _whole(encoding: "Encoding") -> PairIds:
    return PairIds(np.asarray(encoding.ids, np.int32), np.asarray(encoding.type_ids, np.int32))
