"""Words and sentences of real text, in any script.

Belongs here: cutting text, and what a collection's words weigh. Not: which of them become a query.
"""

import math
import re
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError

# Letters first: a bare number says nothing of a paper. Hyphens and apostrophes hold words together.
_WORD = re.compile(r"[^\W\d_][^\W_]*(?:[-'’][^\W_]+)*")
# A full stop ends a sentence before a space and no small letter, unless after an initial: "J. Doe".
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])(?<!\b\w\.)(?:\s+(?![a-z])|(?<=[。！？]))")

_FREQUENT = 1e-4  # word2vec's subsampling, as the authors of PROP use it


def word_spans(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, word) of each word, case folded; a lone letter is no word."""
    for match in _WORD.finditer(text):
        if len(match.group()) > 1 or not match.group().isascii():
            yield match.start(), match.end(), match.group().casefold()


def content_words(text: str) -> list[str]:
    """The words of a text in order, case folded, without English function words."""
    stop = _stop_words()
    return [word for _, _, word in word_spans(text) if word not in stop]


def is_content(word: str) -> bool:
    """Whether a case-folded word is more than an English function word."""
    return word not in _stop_words()


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, none blank."""
    return [part for cut in _SENTENCE_END.split(text) if (part := cut.strip())]


@dataclass(frozen=True)
class Collection:
    """Unigram language model of a collection: P(w|C) of its content words.

    `share`: word -> P(w|C); `mean_length`: content words per document; the rest serves drawing.
    """

    share: dict[str, float]
    mean_length: float
    words: Sequence[str]
    cumulative: Sequence[float]
    kept: float

    def keep(self, word: str) -> float:
        """Chance that a draw of this word stands: frequent words are thinned out (word2vec)."""
        return _keep(self.share[word]) if word in self.share else 1.0

    def draw(self, uniform: float) -> str:
        """The word at this quantile, 0 ≤ `uniform` < 1, of P(w|C)·keep(w)."""
        place = bisect(self.cumulative, uniform * self.kept)
        return self.words[min(place, len(self.words) - 1)]


def read_collection(texts: Iterable[str], *, min_count: int = 10) -> Collection:
    """The language model of texts; words rarer than `min_count` (mostly typos) are left out."""
    counts: Counter[str] = Counter()
    documents = 0
    for text in texts:
        counts.update(content_words(text))
        documents += 1
    total = counts.total()
    share = {w: c / total for w, c in sorted(counts.items()) if c >= min_count}
    if not share:
        raise InputError(
            f"expected words that occur {min_count} times, received {documents} texts without any; "
            "hand over more texts or lower min_count"
        )
    cumulative = list(accumulate(p * _keep(p) for p in share.values()))
    return Collection(share, total / documents, list(share), cumulative, cumulative[-1])


def poisson_length(rng: np.random.Generator, *, mean: float, least: int, most: int) -> int:
    """Words of a query: Poisson(mean), drawn again below `least`, cut at `most`."""
    while (length := int(rng.poisson(mean))) < least:
        pass
    return min(length, most)


def weighted_words(
    words: Sequence[str], weights: NDArray[np.float64], count: int, rng: np.random.Generator
) -> list[str]:
    """`count` different words, drawn by weight without replacement (Gumbel top-k); all, if fewer.

    A weight that moves a little moves hardly any draw, as one random number belongs to each word.
    """
    with np.errstate(divide="ignore"):
        keys = np.log(weights) + rng.gumbel(size=len(words))
    best = np.argsort(-keys, kind="stable")[: min(count, np.count_nonzero(weights))]
    return [words[i] for i in best]


def _keep(share: float) -> float:
    ratio = _FREQUENT / share
    return min(1.0, math.sqrt(ratio) + ratio)


@cache
def _stop_words() -> frozenset[str]:
    from bm25s.stopwords import STOPWORDS_EN_PLUS  # lazily: it imports more than a list

    return frozenset(STOPWORDS_EN_PLUS)
