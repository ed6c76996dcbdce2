"""Representative words of a document by an encoder's own attention (B-PROP).

Belongs here: term distributions from attention, their contrast with the collection's, and word sets
from it. Not: computing attention (cls_attention.py).
Source: Ma et al. 2021 (SIGIR, arXiv 2104.09791), section 4: the attention that [CLS] pays to a
word's occurrences, averaged over heads and summed, saturated as a / (a + b), normalised over the
document's words, is P(w|d); its mean over documents is the random distribution P(w|r), as in
divergence from randomness; γ(w) = −P(w|d)·log2 P(w|r) is the word's part of their cross entropy.

Two departures, both for queries that must find the document: function words are left out before
normalising, and words are drawn in proportion to γ. The authors draw by softmax(γ), which over the
eighty words of an abstract, where γ < 0.3, is nearly uniform.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.errors import InputError
from pipeline.labels.sampling import paper_rng
from pipeline.labels.sources.mined import MinedQueries, Rows, about_themselves
from pipeline.labels.sources.prop import WordSetRule
from pipeline.labels.sources.words import is_content, poisson_length, weighted_words

WordAttention = Mapping[str, float]
"""Case-folded word -> attention summed over its occurrences, at most 1 in all."""

_SATURATION = 0.01  # b: attention at which a word counts half, the authors' value
_LEAST_WORDS = 10


@dataclass(frozen=True)
class RandomTerms:
    """P(w|r) of the collection, and the probability of a word it has not seen."""

    share: Mapping[str, float]
    unseen: float


def term_distribution(attention: WordAttention) -> dict[str, float]:
    """P(w|d) over the content words of one document; sums to 1, or is empty."""
    saturated = {
        word: a / (a + _SATURATION) for word, a in attention.items() if a > 0 and is_content(word)
    }
    total = sum(saturated.values())
    return {word: value / total for word, value in saturated.items()}


def random_terms(attentions: Sequence[WordAttention]) -> RandomTerms:
    """Mean term distribution of a collection; an unseen word is as rare as the rarest seen."""
    total: Counter[str] = Counter()
    for attention in attentions:
        total.update(term_distribution(attention))
    if not total:
        raise InputError("expected documents with attention to words, received none; encode some")
    mass = sum(total.values())
    share = {word: value / mass for word, value in total.items()}
    return RandomTerms(share, min(share.values()))


def contrast(attention: WordAttention, random: RandomTerms) -> dict[str, float]:
    """γ(w) in bits of each content word of one document."""
    return {
        word: -p * float(np.log2(random.share.get(word, random.unseen)))
        for word, p in term_distribution(attention).items()
    }


def mine_b_prop(
    attentions: Sequence[WordAttention],
    paper_ids: Sequence[str],
    rows: Rows,
    random: RandomTerms,
    rule: WordSetRule,
    *,
    seed: int,
) -> MinedQueries:
    """One query per paper whose document has ten content words; the set of lower Σγ is the lesser.

    Args:
        attentions: of the papers `rows`, in their order.
        paper_ids: of every paper; with `seed` they alone decide the draws.
        rows: papers to make queries of.
        random: of the collection; keep it, and added papers change nothing.
        rule: length of the queries.
        seed: another seed, other words.
    """
    made = []
    for row, attention in zip(rows, attentions, strict=True):
        gamma = contrast(attention, random)
        if len(gamma) < _LEAST_WORDS:
            continue
        rng = paper_rng(paper_ids[row], seed=seed, purpose="b_prop")
        size = poisson_length(rng, mean=rule.mean_words, least=rule.min_words, most=rule.max_words)
        words, weights = list(gamma), np.fromiter(gamma.values(), np.float64, len(gamma))
        pair = [weighted_words(words, weights, size, rng) for _ in range(2)]
        pair.sort(key=lambda chosen: -sum(gamma[w] for w in chosen))
        made.append((row, *(" ".join(chosen) for chosen in pair)))
    return about_themselves(
        "b_prop", [m[1] for m in made], [m[0] for m in made], [m[2] for m in made]
    )
