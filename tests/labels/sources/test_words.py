"""Words, sentences and the collection's language model, by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.labels.sources.words import (
    content_words,
    poisson_length,
    read_collection,
    sentences,
    weighted_words,
    word_spans,
)


def test_words_of_any_script() -> None:
    """A tokeniser of a-z loses accents, Greek and Chinese, and with them whole papers."""
    text = "The state-of-the-art α-divergence, naïve Bayes' 3D models: 神经网络 in 2020, x"
    assert content_words(text) == [
        "state-of-the-art",
        "α-divergence",
        "naïve",
        "bayes",
        "models",
        "神经网络",
    ]
    for start, end, word in word_spans(text):
        assert text[start:end].casefold() == word


@given(st.text())
def test_no_text_breaks_the_cutting(text: str) -> None:
    """Surrogates, controls and combining marks occur in real lists."""
    assert all(part.strip() for part in sentences(text))
    assert all(content_words(text))
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


def test_sentences_end_where_a_reader_ends_them() -> None:
    """Fragments such as "J." or "e.g." become queries that match everything."""
    text = "We follow J. Doe, e.g. in CNNs. Does it work? Yes!  在这里。我们 0.5 is fine. 3D too."
    assert sentences(text) == [
        "We follow J. Doe, e.g. in CNNs.",
        "Does it work?",
        "Yes!",
        "在这里。",
        "我们 0.5 is fine.",
        "3D too.",
    ]


def test_the_collection_model_is_relative_frequency() -> None:
    """A share over kept words only, or over all words, shifts every smoothed probability."""
    collection = read_collection(["graph graph kernel", "graph the typo", "kernel"], min_count=2)
    assert collection.share == {"graph": 3 / 6, "kernel": 2 / 6}
    assert collection.mean_length == 2.0
    ratio = 1e-4 / 0.5
    assert collection.keep("graph") == pytest.approx(math.sqrt(ratio) + ratio)
    assert collection.keep("unheard") == 1.0


def test_drawing_follows_share_times_keep() -> None:
    """Quantiles off by one word would never draw the first or the last."""
    collection = read_collection(["graph graph kernel", "graph kernel"], min_count=1)
    border = 0.6 * collection.keep("graph") / collection.kept
    assert collection.draw(0.0) == "graph"
    assert collection.draw(border - 1e-6) == "graph"
    assert collection.draw(border + 1e-6) == "kernel"
    assert collection.draw(1.0) == "kernel"


def test_texts_without_words_are_refused() -> None:
    with pytest.raises(InputError, match="received 2 texts"):
        read_collection(["", "the"])


def test_lengths_are_poisson_within_bounds() -> None:
    """Zero-word queries, or all of one length."""
    rng = np.random.default_rng(0)
    lengths = np.array([poisson_length(rng, mean=3, least=1, most=6) for _ in range(4000)])
    assert lengths.min() == 1
    assert lengths.max() == 6
    poisson = [3.0**k / math.factorial(k) for k in range(40)]
    expected = poisson[2] / sum(poisson[1:])
    assert (lengths == 2).mean() == pytest.approx(expected, abs=0.03)  # sd 0.007


def test_words_are_drawn_by_weight_without_repeats() -> None:
    """Uniform draws forget what the attention said; weightless words must never be drawn."""
    rng, weights = np.random.default_rng(0), np.array([1.0, 0.0, 3.0])
    first = [weighted_words(["a", "b", "c"], weights, 1, rng)[0] for _ in range(2000)]
    assert first.count("c") / 2000 == pytest.approx(0.75, abs=0.05)  # sd 0.01
    assert sorted(weighted_words(["a", "b", "c"], weights, 5, rng)) == ["a", "c"]
