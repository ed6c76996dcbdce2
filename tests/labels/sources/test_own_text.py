"""Queries cut from a paper's own text: its title, and spans of its abstract."""

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.labels.sources.own_abstract import abstract_documents, mine_own_abstract
from pipeline.labels.sources.spans import SpanRule, mine_spans

WORDS = [f"word{chr(97 + i)}" for i in range(26)]
LONG = " ".join(f"Sentence {w} tells {' '.join(WORDS[:20])}." for w in WORDS)
ABSTRACTS = [
    LONG,
    None,
    "",
    "No abstract available.",
    "Short graph kernels work. It is so.",
    LONG.upper(),
]
IDS = [f"p{i}" for i in range(6)]
EVERYONE = np.arange(6, dtype=np.int32)


def test_a_title_is_answered_by_its_paper_s_abstract() -> None:
    """Papers without an abstract have the title as document, and teach the identity."""
    titles = ["T0", "T1", "T2", "T3", "T4", " "]
    mined = mine_own_abstract(titles, ABSTRACTS, EVERYONE)
    assert list(mined.texts) == ["T0"]
    assert mined.papers.tolist() == [0]
    assert mined.positives.tolist() == [[0]]
    assert abstract_documents(ABSTRACTS, mined) == [LONG]


def test_spans_are_of_the_abstract_and_of_their_length() -> None:
    """A span that is no span of the text, or the whole text every time, is another task."""
    ids = [f"p{i}" for i in range(50)]
    for kind, least, most in (("phrase", 4, 16), ("sentence", 23, 23), ("paragraph", 64, 128)):
        rule = SpanRule(granularities=(kind,))
        mined = mine_spans([LONG] * 50, ids, np.arange(50, dtype=np.int32), rule, seed=0)
        lengths = [len(text.split()) for text in mined.texts]
        assert len(mined) == 50
        assert all(text in LONG for text in mined.texts)
        assert least <= min(lengths)
        assert max(lengths) <= most
        assert len(set(mined.texts)) > 10
    assert np.mean(lengths) == pytest.approx(64 + 64 * 4 / 6, abs=8)  # Beta(4, 2), sd of mean 1.6


def test_words_are_content_words() -> None:
    mined = mine_spans(ABSTRACTS, IDS, EVERYONE, SpanRule(granularities=("word",)), seed=0)
    assert set(mined.texts) <= {
        w for a in ABSTRACTS for w in (a or "").lower().replace(".", "").split()
    }
    assert not {"it", "is", "no", "so"} & set(mined.texts)


def test_short_abstracts_give_what_they_have() -> None:
    """A window longer than the text, or a query "It is so."."""
    mined = mine_spans(ABSTRACTS, IDS, EVERYONE[1:5], SpanRule(per_granularity=5), seed=0)
    assert set(mined.papers.tolist()) <= {4}
    assert set(mined.texts) <= {"Short graph kernels work."}


def test_spans_hang_on_paper_seed_and_kind_alone() -> None:
    """New papers, or one more kind of span, must not change the queries already encoded."""
    rule = SpanRule(granularities=("phrase",), per_granularity=3)
    before = mine_spans([LONG], ["p"], EVERYONE[:1], rule, seed=0)
    after = mine_spans([None, LONG, LONG], ["x", "p", "q"], EVERYONE[:3], rule, seed=0)
    assert [t for t, row in zip(after.texts, after.papers, strict=True) if row == 1] == list(
        before.texts
    )
    more = mine_spans(
        [LONG],
        ["p"],
        EVERYONE[:1],
        SpanRule(granularities=("sentence", "phrase"), per_granularity=3),
        seed=0,
    )
    assert set(before.texts) <= set(more.texts)
    assert set(mine_spans([LONG], ["p"], EVERYONE[:1], rule, seed=1).texts) != set(before.texts)
    assert len(before) <= 3


def test_long_sentences_are_cut_and_odd_characters_survive() -> None:
    """A page of text without a full stop costs as much as forty queries."""
    page = "Ωμέγα 😀 " + "graph kernel " * 500
    mined = mine_spans([page], ["p"], EVERYONE[:1], SpanRule(granularities=("sentence",)), seed=0)
    assert len(mined.texts[0].split()) == 128
    assert mined.texts[0].startswith("Ωμέγα 😀 graph")
    with pytest.raises(ValidationError):
        SpanRule(granularities=("chapter",))
    with pytest.raises(ValidationError):
        SpanRule(granularities=())
