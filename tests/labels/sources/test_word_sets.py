"""PROP and B-PROP: the distributions by hand, the draws against them."""

import math
from collections import Counter
from functools import partial

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.errors import InputError
from pipeline.labels.sources.b_prop import contrast, mine_b_prop, random_terms, term_distribution
from pipeline.labels.sources.mined import MinedQueries
from pipeline.labels.sources.prop import WordSetRule, _draw_set, log_likelihood, mine_prop
from pipeline.labels.sources.words import read_collection

GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda"
LATIN = "unus duo tres quattuor quinque sex septem octo novem decem undecim"
TEXTS = [GREEK, LATIN, GREEK + " " + LATIN, "too short", None]
IDS = [f"p{i}" for i in range(5)]
COLLECTION = read_collection([t or "" for t in TEXTS], min_count=1)
EVERYONE = np.arange(5, dtype=np.int32)
RULE = WordSetRule()
prop = partial(mine_prop, collection=COLLECTION, rule=RULE)


def test_likelihood_is_dirichlet_smoothed() -> None:
    """Without the prior an unseen word has probability 0 and every set with it ties at −∞."""
    collection = read_collection(["graph graph kernel", "graph kernel kernel kernel"], min_count=1)
    counts = Counter(["graph", "graph", "kernel"])
    expected = math.log((2 + 4 * 3 / 7) / 7) + math.log((1 + 4 * 4 / 7) / 7)
    assert log_likelihood(["graph", "kernel"], counts, collection, 4.0) == pytest.approx(expected)


def test_draws_follow_the_smoothed_model() -> None:
    """The two-part draw must equal a draw from (tf + μ·P(w|C))·keep(w) over the vocabulary."""
    collection = read_collection(["graph graph kernel", "tree kernel kernel kernel"], min_count=1)
    counts, mu = Counter(["graph", "graph", "kernel", "unheard"]), 3.0
    share = {**collection.share, "unheard": 0.0}
    weights = {w: (counts[w] + mu * p) * collection.keep(w) for w, p in share.items()}
    rng = np.random.default_rng(0)
    drawn = Counter(_draw_set(counts, 1, collection, mu, rng)[0] for _ in range(6000))
    for word, weight in weights.items():
        expected = weight / sum(weights.values())
        assert drawn[word] / 6000 == pytest.approx(expected, abs=0.03)  # sd at most 0.0065


def test_prop_prefers_the_likelier_set() -> None:
    """Pairs the wrong way round teach the prompt to prefer what the paper is not about."""
    mined = prop(TEXTS, IDS, EVERYONE, seed=0, prior=10.0)
    assert mined.papers.tolist() == [0, 1, 2]  # the others have too few words
    assert mined.positives.tolist() == [[0], [1], [2]]
    for row, better, lesser in zip(
        mined.papers, mined.texts, mined.lesser_texts or [], strict=True
    ):
        counts = Counter((TEXTS[row] or "").split())
        scores = [log_likelihood(t.split(), counts, COLLECTION, 10.0) for t in (better, lesser)]
        assert scores[0] >= scores[1]
        assert len(better.split()) == len(set(better.split())) == len(lesser.split())


def test_a_prior_of_zero_keeps_to_the_document() -> None:
    for text, row in zip(
        *(lambda m: (m.texts, m.papers))(prop(TEXTS, IDS, EVERYONE, seed=0, prior=0.0)), strict=True
    ):
        assert set(text.split()) <= set((TEXTS[row] or "").split())


def test_attention_is_saturated_and_normalised_over_content_words() -> None:
    """Function words get the most attention; unsaturated, one word takes the distribution."""
    received = term_distribution({"graph": 0.03, "kernel": 0.01, "the": 0.9, "cut": 0.0})
    assert received == pytest.approx({"graph": 0.75 / 1.25, "kernel": 0.5 / 1.25})
    assert term_distribution({"the": 0.9}) == {}


def test_contrast_is_the_word_s_part_of_the_cross_entropy() -> None:
    """Without the contrast, "learning" represents every paper."""
    random = random_terms([{"graph": 0.01, "tree": 0.01}, {"graph": 0.01}])
    assert random.share == pytest.approx({"graph": 0.75, "tree": 0.25})
    received = contrast({"graph": 0.01, "unseen": 0.01}, random)
    assert received == pytest.approx({"graph": -0.5 * math.log2(0.75), "unseen": 0.5 * 2})
    with pytest.raises(InputError, match="received none"):
        random_terms([{}, {"the": 1.0}])


def attentions() -> list[dict[str, float]]:
    return [{w: 1 / (i + 2) for i, w in enumerate((t or "").split())} for t in TEXTS]


def test_b_prop_prefers_more_contrast() -> None:
    random = random_terms(attentions())
    mined = mine_b_prop(attentions(), IDS, EVERYONE, random, RULE, seed=0)
    assert mined.papers.tolist() == [0, 1, 2]
    for row, better, lesser in zip(
        mined.papers, mined.texts, mined.lesser_texts or [], strict=True
    ):
        gamma = contrast(attentions()[row], random)
        assert sum(gamma[w] for w in better.split()) >= sum(gamma[w] for w in lesser.split())


def mine_both(ids: list[str], rows: list[int], seed: int) -> list[MinedQueries]:
    """Both sources for papers GREEK and LATIN, wherever they stand."""
    texts = {"g": GREEK, "l": LATIN}
    chosen = np.array(rows, np.int32)
    random = random_terms(attentions())
    by_row = [dict.fromkeys(texts.get(ids[row], "").split(), 0.1) for row in rows]
    return [
        prop([texts.get(i) for i in ids], ids, chosen, seed=seed),
        mine_b_prop(by_row, ids, chosen, random, RULE, seed=seed),
    ]


def test_draws_hang_on_the_paper_alone() -> None:
    """One generator for all papers: a new paper early on changes every query after it."""
    before = mine_both(["g", "l"], [0, 1], 0)
    for first, later in zip(before, mine_both(["x", "l", "y", "g"], [1, 3], 0), strict=True):
        assert list(later.texts) == list(first.texts)[::-1]
        assert list(later.lesser_texts or []) == list(first.lesser_texts or [])[::-1]
    for first, other in zip(before, mine_both(["g", "l"], [0, 1], 1), strict=True):
        assert list(other.texts) != list(first.texts)


def test_lengths_keep_to_the_rule() -> None:
    """A rule that no Poisson draw can meet would draw for ever."""
    rule = WordSetRule(mean_words=4, min_words=3, max_words=5)
    ids = [f"q{i}" for i in range(60)]
    mined = mine_prop([GREEK] * 60, ids, np.arange(60, dtype=np.int32), COLLECTION, rule, seed=0)
    assert {len(text.split()) for text in mined.texts} == {3, 4, 5}
    with pytest.raises(ValidationError, match="min_words <= mean_words"):
        WordSetRule(mean_words=2, min_words=9, max_words=16)
