"""Representative words of a document, as a query that should find it (PROP).

Belongs here: sampling word sets from a document's language model. Not: the collection's model
(words.py), the contrastive form (b_prop.py).
Source: Ma et al. 2021 (WSDM, arXiv 2010.10137), section 3: with Dirichlet prior μ,
P(w|D) = (tf(w,D) + μ·P(w|C)) / (|D| + μ); the size of a set is Poisson; two sets of one size are
drawn, and Π P(w|D) says which represents the document better. As in the authors' code, frequent
words are thinned out by word2vec's rule.

Here the better set is the query and the other `lesser_texts`. Drawing from the smoothed model is
drawing, with the share of either mass, a word of the document or one of the collection: no vector
over the vocabulary is built.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.labels.sampling import paper_rng
from pipeline.labels.sources.mined import MinedQueries, Rows, about_themselves
from pipeline.labels.sources.words import Collection, content_words, poisson_length

PRIOR = 10.0
"""μ in words, a sixth of an abstract's. The authors' mean length gives the collection as many draws
as the document: apt for ranking two sets, but half of a query would be of other papers' words."""

_LEAST_WORDS = 10  # different words of a document; fewer make any two sets alike


class WordSetRule(BaseModel):
    """How many words a query of words has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean_words: float = Field(5.0, ge=1, description="λ of the Poisson length; the paper has 3")
    min_words: int = Field(2, gt=0, description="words; a lone word fits too many documents")
    max_words: int = Field(16, gt=0, description="words")

    @model_validator(mode="after")
    def _ordered(self) -> "WordSetRule":
        if not self.min_words <= self.mean_words <= self.max_words:
            raise ValueError(
                "expected min_words <= mean_words <= max_words, received "
                f"{self.min_words}, {self.mean_words}, {self.max_words}"
            )
        return self


def mine_prop(
    texts: Sequence[str | None],
    paper_ids: Sequence[str],
    rows: Rows,
    collection: Collection,
    rule: WordSetRule,
    *,
    seed: int,
    prior: float = PRIOR,
) -> MinedQueries:
    """One query per paper of `rows` whose text has ten different words.

    Args:
        texts: of every paper, title and abstract as they are known.
        paper_ids: of every paper; with `seed` they alone decide the draws.
        rows: papers to make queries of.
        collection: what the documents are smoothed with; keep it, and added papers change nothing.
        rule: length of the queries.
        seed: another seed, other words.
        prior: μ, words; the authors take `collection.mean_length`.
    """
    made = []
    for row in rows:
        counts = Counter(content_words(texts[row] or ""))
        if len(counts) < _LEAST_WORDS:
            continue
        rng = paper_rng(paper_ids[row], seed=seed, purpose="prop")
        size = poisson_length(rng, mean=rule.mean_words, least=rule.min_words, most=rule.max_words)
        size = min(size, len(counts))
        pair = [_draw_set(counts, size, collection, prior, rng) for _ in range(2)]
        pair.sort(key=lambda words: -log_likelihood(words, counts, collection, prior))
        made.append((row, *(" ".join(words) for words in pair)))
    return about_themselves(
        "prop", [m[1] for m in made], [m[0] for m in made], [m[2] for m in made]
    )


def log_likelihood(
    words: Sequence[str], counts: Counter[str], collection: Collection, mu: float
) -> float:
    """Σ log P(w|D), natural logarithm, over words of the document or of the collection."""
    mass = math.log(counts.total() + mu)
    shares = ((counts[w], collection.share.get(w, 0.0)) for w in words)
    return sum(math.log(tf + mu * share) - mass for tf, share in shares)


def _draw_set(
    counts: Counter[str], size: int, collection: Collection, mu: float, rng: np.random.Generator
) -> list[str]:
    """`size` different words of P(w|D)·keep(w)."""
    words = list(counts)
    weights = np.cumsum([counts[w] * collection.keep(w) for w in words])
    own, total = weights[-1], weights[-1] + mu * collection.kept
    chosen: dict[str, None] = {}
    while len(chosen) < size:
        at = rng.random() * total
        if at < own:
            chosen[words[int(np.searchsorted(weights, at, side="right"))]] = None
        else:
            chosen[collection.draw((at - own) / (total - own))] = None
    return list(chosen)
