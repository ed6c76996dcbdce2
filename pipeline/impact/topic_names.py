"""What clusters of papers are called: the terms that set each apart from the others.

Belongs here: titles in, terms out. Not: how clusters are found (topics.py).

Method. Class-based TF-IDF (BERTopic, arXiv 2203.05794, eq. 2): a term weighs tf · log(1 + A / f)
in a topic, tf being its share of the topic's terms, f how often all topics have it and A the mean
number of terms of a topic. That alone leaves "image" and "method" among the first terms of many
topics, so the weight is multiplied by the logarithm of the term's lift: how many times as often
the topic's papers have it as papers at large. A lift below LIFT says nothing of a topic: so
boilerplate ("novel", "approach") is found, not listed. A paper counts a term once. Terms are one
to three adjoining words without stop words; the plural counts as its singular, and what is shown is
the commonest spelling. Of terms of one stem the heaviest is kept, or the longer where it makes up
much of the shorter ("graph neural network" of "graph neural").
"""

import re
from collections.abc import Sequence
from itertools import takewhile

import numpy as np
import polars as pl
from numpy.typing import NDArray

N_TERMS = 8
LIFT = 3.0
"""How many times as often as papers at large a topic's papers must have a term."""
ABSORBS = 0.4
"""A longer term replaces a shorter one within it if that share of the shorter is the longer."""
MIN_SHARE = 0.01
"""Of a topic's papers, for a term to be of the topic; two papers at least, where it has four."""
STEM = 0.6
"""Two words are of one stem if they begin alike for that share of the longer, 4 letters at least"""

_LONGEST = 3  # words of a term
_CANDIDATES = 60  # terms of a topic looked at before those of one stem are merged
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*\+*")
_MUTE = r"^\d*$|^.$"  # numbers and single letters name nothing


def name_topics(titles: Sequence[str], topic: NDArray[np.int32], n_topics: int) -> list[list[str]]:
    """Terms of each topic, the most distinctive first; none where no word sets it apart.

    Args:
        titles: of each paper.
        topic: of each paper, 0 … n_topics − 1.
        n_topics: topics to name.
    """
    terms = _terms(titles)
    sizes = np.bincount(topic, minlength=n_topics)
    of = pl.DataFrame({"paper": np.arange(len(topic), dtype=np.int32), "topic": topic})
    counted = terms.join(of, on="paper").group_by("topic", "term").agg(n=pl.len())
    ranked = _weighed(counted, sizes).partition_by("topic", as_dict=True)
    chosen = [_merged(ranked[i,]) if (i,) in ranked else [] for i in range(n_topics)]
    spelt = _spellings(terms, {term for some in chosen for term in some})
    return [[spelt[term] for term in some] for some in chosen]


def word_key(word: str) -> str:
    """What a word counts as: lower case, the plural as the singular, "graph-based" as "graph"."""
    key = word.casefold().replace("’", "'").removesuffix("'s").removesuffix("-based")
    if len(key) > 4 and key.endswith("ies"):
        return key[:-3] + "y"
    if len(key) > 4 and key.endswith(("shes", "ches", "xes", "sses")):
        return key[:-2]
    if len(key) > 3 and key.endswith("s") and not key.endswith(("ss", "us", "is")):
        return key[:-1]
    return key


def _words(titles: Sequence[str]) -> pl.DataFrame:
    """A row per word, in order: paper, the word as shown, its key, whether it names nothing."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    found = [_WORD.findall(title) for title in titles]
    frame = pl.DataFrame(
        {"paper": np.arange(len(titles), dtype=np.int32), "word": found},
        schema={"paper": pl.Int32, "word": pl.List(pl.String)},
    )
    words = frame.explode("word", empty_as_null=False, keep_nulls=False)
    unique = sorted({word for some in found for word in some})
    keys = [word_key(word) for word in unique]
    stop = ENGLISH_STOP_WORDS | {word_key(word) for word in ENGLISH_STOP_WORDS}
    known = pl.DataFrame(
        {
            "word": unique,
            "key": keys,
            "shown": [_lowered(word) for word in unique],
            "mute": [key in stop or re.match(_MUTE, key) is not None for key in keys],
        },
        schema={"word": pl.String, "key": pl.String, "shown": pl.String, "mute": pl.Boolean},
    )
    return words.join(known, on="word", maintain_order="left")


def _terms(titles: Sequence[str]) -> pl.DataFrame:
    """`paper, term, shown`: every term of every paper once."""
    words, parts = _words(titles), []
    for n in range(1, _LONGEST + 1):
        joined = [
            pl.concat_str([pl.col(name).shift(-i) for i in range(n)], separator=" ").alias(term)
            for name, term in (("key", "term"), ("shown", "shown"))
        ]
        of_one = pl.col("paper").shift(1 - n) == pl.col("paper")
        whole = of_one & ~pl.any_horizontal(pl.col("mute").shift(-i) for i in range(n))
        parts.append(words.select("paper", *joined, whole=whole).filter("whole").drop("whole"))
    return pl.concat(parts).unique(["paper", "term"], keep="first", maintain_order=True)


def _weighed(counted: pl.DataFrame, sizes: NDArray[np.int64]) -> pl.DataFrame:
    """`topic, term, n` of terms that set a topic apart, heaviest first; `counted`: all of them."""
    n_papers, size = int(sizes.sum()), pl.col("size")
    mean_terms = counted["n"].sum() / max(1, counted["topic"].n_unique())
    of_topic = pl.DataFrame({"topic": np.arange(len(sizes), dtype=np.int32), "size": sizes})
    weighed = counted.join(of_topic, on="topic").with_columns(
        everywhere=pl.col("n").sum().over("term"),
        share=pl.col("n") / pl.col("n").sum().over("topic"),
    )
    # In a topic that is half of the library, nothing is more than twice as frequent.
    least = pl.min_horizontal(pl.lit(LIFT), (1 + n_papers / size) / 2)
    lift = pl.col("n") * n_papers / (size * pl.col("everywhere"))
    apart = lift >= least
    often = pl.col("n") >= pl.max_horizontal(
        MIN_SHARE * size, pl.when(size < 4).then(1).otherwise(2)
    )
    weight = pl.col("share") * (1 + mean_terms / pl.col("everywhere")).log() * lift.log()
    ordered = weighed.filter(apart & often).with_columns(weight=weight.round(12))
    return ordered.sort(["topic", "weight", "term"], descending=[False, True, False])


def _merged(ranked: pl.DataFrame) -> list[str]:
    """The topic's first N_TERMS terms, no two of which are of one stem."""
    pool = list(ranked.head(_CANDIDATES).select("term", "n").iter_rows())
    kept: list[str] = []
    for term, n in pool:
        for said in (_longest(term, n, pool), term):
            if not any(_says_the_same(said, other) for other in kept):
                kept.append(said)
        if len(kept) == N_TERMS:
            break
    return kept


def _longest(term: str, n: int, pool: Sequence[tuple[str, int]]) -> str:
    """The longest term that much of `term` is part of, or itself."""
    around = [(o, m) for o, m in pool if m >= ABSORBS * n and f" {term} " in f" {o} "]
    return max(around, key=lambda found: (found[0].count(" "), found[1], found[0]))[0]


def _says_the_same(term: str, other: str) -> bool:
    """Whether they share a stem, or one abbreviates the other."""
    mine, theirs = (re.split(r"[ -]", text) for text in (term, other))
    for short, long in ((mine, theirs), (theirs, mine)):
        if len(long) > 1 and short == ["".join(word[0] for word in long if word)]:
            return True
    return any(_one_stem(a, b) for a in mine for b in theirs)


def _one_stem(a: str, b: str) -> bool:
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
    return a == b or (alike >= 4 and alike >= min(len(a), len(b), STEM * max(len(a), len(b))))


def _spellings(terms: pl.DataFrame, chosen: set[str]) -> dict[str, str]:
    """How each of these terms is spelt most often."""
    wanted = terms.filter(pl.col("term").is_in(sorted(chosen)))
    counted = wanted.group_by("term", "shown").len().sort("len", "shown", descending=[True, False])
    return dict(counted.unique("term", keep="first").select("term", "shown").iter_rows())


def _lowered(word: str) -> str:
    """A title's word as a sentence has it: Graph becomes graph; GANs, SLAM and 3D stay."""
    parts = re.split(r"(-)", word)
    return "".join(part if _has_capitals(part) else part.lower() for part in parts)


def _has_capitals(part: str) -> bool:
    capitals = sum(letter.isupper() for letter in part)
    return capitals > 1 or (capitals == 1 and any(letter.isdigit() for letter in part))
