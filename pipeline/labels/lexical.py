"""Lexical candidates: BM25 over titles and abstracts.

Belongs here: an index of words, and the k best documents per query. Not: which of them become
candidates (candidates.py).

Method. Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", in
Lucene's form (k1 = 1.5, b = 0.75), through the library bm25s, which sums scores that were computed
when the index was built. Words are lower-cased runs of letters and digits; English stop words are
dropped, nothing is stemmed. A document that shares no word with the query is no answer, and equal
scores are ordered by row, so that an answer depends on nothing but index and query.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WORD = r"(?u)\b\w+\b"  # one letter is a word: C, R and K-means are what papers are about


@dataclass(frozen=True)
class LexicalIndex:
    """The words of n documents, row by row."""

    n: int
    _bm25: Any
    _vocabulary: dict[str, int]

    @classmethod
    def build(cls, texts: Sequence[str]) -> "LexicalIndex":
        """Index `texts`; row i of every answer is `texts[i]`. An empty text matches nothing."""
        import bm25s

        tokens = bm25s.tokenize(list(texts), token_pattern=_WORD, show_progress=False)
        if not tokens.vocab:
            return cls(len(texts), None, {})
        bm25 = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
        bm25.index(tokens, create_empty_token=False, show_progress=False)
        return cls(len(texts), bm25, bm25.vocab_dict)

    def nearest(
        self, queries: Sequence[str], k: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Rows and scores of the `k` best documents of each query, both [query, k].

        Best first, equal scores by row; −1 and NaN where fewer documents share a word with it.
        """
        rows = np.full((len(queries), k), -1, np.int32)
        scores = np.full((len(queries), k), np.nan, np.float32)
        for i, words in enumerate(self._words(queries)):
            best, found = _best(self._scores(words), k)
            rows[i, : best.size], scores[i, : best.size] = best, found
        return rows, scores

    def _words(self, queries: Sequence[str]) -> list[list[str]]:
        import bm25s

        words: list[list[str]] = bm25s.tokenize(
            list(queries), token_pattern=_WORD, return_ids=False, show_progress=False
        )
        return words

    def _scores(self, words: Sequence[str]) -> NDArray[np.float32]:
        known = [self._vocabulary[word] for word in words if word in self._vocabulary]
        if not known:
            return np.zeros(self.n, np.float32)
        scores: NDArray[np.float32] = self._bm25.get_scores_from_ids(known)
        return scores


def _best(scores: NDArray[np.float32], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """At most `k` rows of positive score, by score downwards, then by row."""
    if 0 < k < scores.size:
        least = np.partition(scores, scores.size - k)[scores.size - k]
        rows = np.flatnonzero((scores >= least) & (scores > 0))  # ties beyond the k-th included
    else:
        rows = np.flatnonzero(scores > 0)
    rows = rows[np.argsort(-scores[rows], kind="stable")][:k]
    return rows.astype(np.int32), scores[rows]
