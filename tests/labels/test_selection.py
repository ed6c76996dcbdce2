"""Training lists: what is left out, and that all of it is counted and named."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import LabelError
from pipeline.labels.selection import SelectionRule, Thresholds, calibrate, select_lists

PAPERS = pl.Series([f"d{i}" for i in range(60)])
KEEP = SelectionRule(min_spread=0)


def labels(scores: dict[str, list[float | None]], known: dict[str, list[int]] | None = None):
    rows = [(q, f"d{i}", s) for q, of_query in scores.items() for i, s in enumerate(of_query)]
    frame = pl.DataFrame(rows, schema=["query_id", "document_id", "score"], orient="row")
    frame = frame.with_columns(
        pl.lit("teacher").alias("teacher_id"),
        pl.lit("title").alias("text_input"),
        pl.col("score").cast(pl.Float32),
    )
    if known is None:
        return frame
    marks = [int(d[1:]) in known.get(q, []) for q, d, _ in rows]
    return frame.with_columns(pl.Series("is_known", marks))


def lost(lists) -> dict[str, tuple[int, int]]:
    return {r: (p, q) for r, p, q in lists.tally.iter_rows() if p}


def test_lists_are_sorted_and_padded() -> None:
    """Padding that is a document, or scores that belong to another document."""
    lists = select_lists(labels({"b": [0.1, 0.3, 0.2], "a": [1.0, 2.0]}), PAPERS, rule=KEEP)
    assert lists.query_ids == ["a", "b"]
    assert lists.documents.tolist() == [[1, 0, -1], [1, 2, 0]]
    np.testing.assert_array_equal(
        lists.scores, np.array([[2, 1, np.nan], [0.3, 0.2, 0.1]], np.float32)
    )
    assert (lists.documents.dtype, lists.scores.dtype) == (np.int32, np.float32)
    assert lost(lists) == {}


def test_quarantined_scores_and_unknown_documents_are_left_out() -> None:
    """NaN in a list: every loss of the query is NaN; a document of row −1: the last paper."""
    frame = labels({"a": [None, math.nan, math.inf, 0.5, 0.1], "b": [None, 0.2]})
    stranger = frame.head(1).with_columns(document_id=pl.lit("elsewhere"), score=pl.lit(9.0))
    lists = select_lists(pl.concat([frame, stranger.cast(frame.schema)]), PAPERS, rule=KEEP)
    assert lists.documents.tolist() == [[3, 4]]
    assert lost(lists) == {"quarantined": (4, 0), "unknown_document": (1, 0), "flat": (1, 1)}
    assert lists.dropped.rows() == [("b", "flat")]


def test_flat_queries_are_dropped_and_named() -> None:
    """Queries whose order is noise; a spread in the unit of one teacher's scale."""
    scores = {"flat": [0.50, 0.51], "steep": [0.0, 1.0], "equal": [0.3, 0.3]}
    for scale in (1, 100):  # deviation of all six is 0.30: the range 0.01 is too little
        scaled = {q: [scale * s for s in of] for q, of in scores.items()}
        lists = select_lists(labels(scaled), PAPERS, rule=SelectionRule())
        assert lists.query_ids == ["steep"]
        assert lists.dropped.rows() == [("equal", "flat"), ("flat", "flat")]
    assert select_lists(labels(scores), PAPERS, rule=KEEP).query_ids == ["flat", "steep"]


def test_thresholds_leave_out_the_unsure() -> None:
    """Pairs the teacher is unsure of taken as negatives; queries with one side only."""
    frame = labels({"both": [0.9, 0.5, 0.1], "high": [0.9, 0.95], "low": [0.1, 0.2, 0.5]})
    limits = Thresholds("teacher", "title", positive=0.9, negative=0.2)
    lists = select_lists(frame, PAPERS, rule=KEEP, thresholds=limits)
    # float32 0.9 is above the float64 0.9 or below it: at the threshold counts as reached.
    assert lists.query_ids == ["both"]
    assert lists.documents.tolist() == [[0, 2]]
    assert lost(lists) == {"unsure": (2, 0), "one_sided": (4, 2)}


def test_likely_false_negatives_are_masked() -> None:
    """Relevant papers nobody marked, pushed away because they are not the marked one."""
    frame = labels({"a": [0.5, 0.59, 0.65, 0.1], "b": [0.9, 0.1]}, known={"a": [0]})
    lists = select_lists(frame, PAPERS, rule=KEEP)
    assert lists.documents.tolist() == [[1, 0, 3], [0, 1, -1]]  # 0.65 > 0.5 + 0.1
    assert lost(lists) == {"false_negative": (1, 0)}
    relative = SelectionRule(min_spread=0, mask_margin=None, mask_share=0.2)
    lists = select_lists(frame, PAPERS, rule=relative)  # 0.5 + 0.2 · 0.4 = 0.58
    assert lists.documents.tolist() == [[0, 3], [0, 1]]
    two = labels({"a": [0.2, 0.5, 0.55, 0.1]}, known={"a": [0, 1]})  # s⁺ is the best known
    assert lost(select_lists(two, PAPERS, rule=KEEP)) == {}


def test_rank_gap_and_length() -> None:
    """Lists of the best alone, or neighbours in rank whose order nobody knows."""
    frame = labels({"a": [float(-i) for i in range(21)]})
    gap = select_lists(frame, PAPERS, rule=SelectionRule(rank_gap=4))
    assert gap.documents.tolist() == [[0, 4, 8, 12, 16, 20]]
    short = select_lists(frame, PAPERS, rule=SelectionRule(length=5))
    assert short.documents.tolist() == [[0, 5, 10, 15, 20]]
    assert lost(short) == {"thinned": (16, 0)}


@given(st.integers(1, 55), st.integers(2, 40), st.integers(1, 6))
def test_thinning_keeps_as_many_as_it_may(n: int, length: int, gap: int) -> None:
    """Off-by-one in the even grid: a list too long for its array, or without best or worst."""
    rule = SelectionRule(length=length, rank_gap=gap, min_spread=0)
    lists = select_lists(labels({"a": [float(-i) for i in range(n)]}), PAPERS, rule=rule)
    if n == 1:
        assert lists.query_ids == []
        return
    places = range(0, n, gap)
    kept = lists.documents[0].tolist()
    assert len(kept) == min(length, len(places))
    assert kept[0] == 0
    assert kept[-1] == places[-1] or len(kept) == 1
    assert set(kept) <= set(places)


def test_thresholds_are_quantiles_of_one_teacher() -> None:
    """A threshold carried from one teacher's scale to another's."""
    frame = labels({"a": [float(i) for i in range(11)], "b": [None]})
    limits = calibrate(frame, positive=0.9, negative=0.5)
    assert (limits.positive, limits.negative) == (9.0, 5.0)
    other = Thresholds("another", "title", 1, 0)
    with pytest.raises(LabelError, match="calibrate them anew"):
        select_lists(frame, PAPERS, rule=KEEP, thresholds=other)
    with pytest.raises(LabelError, match="farther apart"):
        calibrate(labels({"a": [1.0, 1.0]}))
    with pytest.raises(LabelError, match="received none"):
        calibrate(labels({"a": [None]}))


def test_labels_that_cannot_stand_together_are_refused() -> None:
    """Scores of two teachers or inputs in one list; one pair with two scores."""
    frame = labels({"a": [0.1, 0.9]})
    for column in ("teacher_id", "text_input"):
        mixed = pl.concat([frame, frame.with_columns(pl.lit("other").alias(column))])
        with pytest.raises(LabelError, match="one teacher on one text input"):
            select_lists(mixed, PAPERS, rule=KEEP)
    with pytest.raises(LabelError, match="each pair once, received 2 again"):
        select_lists(pl.concat([frame, frame]), PAPERS, rule=KEEP)


def test_no_labels_give_empty_lists() -> None:
    """An empty venue-year that crashes."""
    lists = select_lists(labels({"a": [0.1]}).clear(), PAPERS, rule=KEEP)
    assert lists.documents.shape == lists.scores.shape == (0, 0)
    assert lists.query_ids == []
