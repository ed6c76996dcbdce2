"""BM25: against the formula by hand, ties, and queries without an answer."""

import math

import numpy as np
import pytest

from pipeline.labels.lexical import LexicalIndex

TEXTS = [
    "graph networks learn",
    "graph graph theory",
    "image retrieval",
    "",
    "graph networks learn",
]


def test_scores_are_bm25_by_hand() -> None:
    """Another variant, other parameters, or a document length that counts stop words."""
    index = LexicalIndex.build(["graph of the networks", "graph graph theory", "image"])
    rows, scores = index.nearest(["graph"], 3)
    idf, mean_length = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5)), (2 + 3 + 1) / 3

    def bm25(tf: int, length: int) -> float:
        return idf * tf / (tf + 1.5 * (0.25 + 0.75 * length / mean_length))

    assert rows.tolist() == [[1, 0, -1]]
    np.testing.assert_allclose(scores[0, :2], [bm25(2, 3), bm25(1, 2)], rtol=1e-6)
    assert np.isnan(scores[0, 2])


def test_equal_scores_stand_by_row_wherever_k_cuts() -> None:
    """Ties in the order of a partition: other candidates on another machine."""
    index = LexicalIndex.build(["same words"] * 50)
    for k in (1, 7, 49, 50, 60):
        rows, _ = index.nearest(["words"], k)
        assert rows[0, : min(k, 50)].tolist() == list(range(min(k, 50)))


@pytest.mark.parametrize("query", ["", "the of and", "unheard", "!?"])
def test_a_query_without_known_words_finds_nothing(query: str) -> None:
    """Documents of score 0 proposed as if they matched."""
    rows, scores = LexicalIndex.build(TEXTS).nearest([query, "retrieval"], 2)
    assert rows.tolist() == [[-1, -1], [2, -1]]
    assert np.isnan(scores[0]).all()


@pytest.mark.parametrize("texts", [[], [""], ["", "the"]])
def test_a_collection_without_words_answers_nothing(texts: list[str]) -> None:
    """An empty venue-year that crashes the index."""
    assert LexicalIndex.build(texts).nearest(["graph"], 2)[0].tolist() == [[-1, -1]]


def test_other_scripts_and_single_letters_are_words() -> None:
    """Greek, Chinese or the language C that cannot be found."""
    index = LexicalIndex.build(["Μάθηση γράφων", "深度学习 方法", "Compiling C", "other"])
    rows, _ = index.nearest(["μάθηση", "深度学习", "c"], 1)
    assert rows[:, 0].tolist() == [0, 1, 2]


def test_no_progress_bars(capfd: pytest.CaptureFixture[str]) -> None:
    """Bars of a library in the log of a run."""
    LexicalIndex.build(TEXTS).nearest(["graph"], 2)
    assert capfd.readouterr() == ("", "")
