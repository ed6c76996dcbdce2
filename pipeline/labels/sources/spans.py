"""Random spans of the abstract, as queries that should find the document (ICT, COSTA).

Belongs here: choosing spans. Not: cutting sentences (words.py).
Sources: inverse cloze task, Lee et al. 2019 (arXiv 1906.00300): a random sentence is the query.
COSTA, Ma et al. 2022 (arXiv 2204.10641): spans of four granularities, of length
l = l_min + (l_max − l_min)·Beta(4, 2), beginning anywhere.

Granularities in words: `word` a content word, `phrase` 4–16 words of one sentence, `sentence` a
whole sentence (ICT), `paragraph` 64–128 words. Two departures. ICT takes the sentence out of its
document nine times in ten; here documents are frozen and encoded once, so the span stays in, as in
COSTA, and what is learnt leans towards shared words. And `word` is not among the defaults: one word
is as true of a thousand other papers, which would be pushed away; nor is `paragraph`: most of an
abstract finds its document anyway, and costs four times a title.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pipeline.labels.sampling import paper_rng
from pipeline.labels.sources.mined import MinedQueries, Rows, about_themselves
from pipeline.labels.sources.words import content_words, sentences

Granularity = Literal["word", "phrase", "sentence", "paragraph"]

_BOUNDS = {"phrase": (4, 16), "paragraph": (64, 128)}
_LEAST_CONTENT = 3  # content words of a span; "In this paper we" finds nothing


class SpanRule(BaseModel):
    """Which spans, how many, how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    granularities: tuple[Granularity, ...] = Field(
        ("phrase", "sentence"), min_length=1, description="one kind of span each"
    )
    per_granularity: int = Field(1, gt=0, description="spans of each kind per paper; COSTA has 5")
    max_words: int = Field(128, gt=0, description="longer sentences are cut, words")


def mine_spans(
    abstracts: Sequence[str | None],
    paper_ids: Sequence[str],
    rows: Rows,
    rule: SpanRule,
    *,
    seed: int,
) -> MinedQueries:
    """Spans of the papers `rows`; an abstract too short for a kind gives none of it."""
    texts, papers = [], []
    for row in rows:
        abstract = abstracts[row] or ""
        for kind in rule.granularities:
            # A generator per kind: one more kind leaves the spans of the others as they were.
            rng = paper_rng(paper_ids[row], seed=seed, purpose=f"spans:{kind}")
            spans = (_span(abstract, kind, rng) for _ in range(rule.per_granularity))
            for span in dict.fromkeys(s for s in spans if s):
                texts.append(" ".join(span.split()[: rule.max_words]))
                papers.append(int(row))
    return about_themselves("spans", texts, papers)


def _span(abstract: str, kind: Granularity, rng: np.random.Generator) -> str | None:
    """A span with enough content, or None."""
    if kind == "word":
        return _pick(content_words(abstract), rng)
    if kind == "paragraph":
        return _window(abstract.split(), kind, rng)
    telling = [s for s in sentences(abstract) if _tells(s)]
    sentence = _pick(telling, rng)
    if kind == "sentence" or sentence is None:
        return sentence
    span = _window(sentence.split(), kind, rng)
    return span if span and _tells(span) else None


def _window(words: Sequence[str], kind: str, rng: np.random.Generator) -> str | None:
    """Consecutive words of COSTA's length, as many as there are at most; None below the least."""
    least, most = _BOUNDS[kind]
    if len(words) < least:
        return None
    length = min(len(words), least + round(float(rng.beta(4, 2)) * (most - least)))
    start = int(rng.integers(len(words) - length + 1))
    return " ".join(words[start : start + length])


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str | None:
    return choices[int(rng.integers(len(choices)))] if choices else None


def _tells(span: str) -> bool:
    return len(content_words(span)) >= _LEAST_CONTENT
