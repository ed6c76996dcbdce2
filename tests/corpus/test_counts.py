"""Counts: unknown is never zero, repeats are never summed, history is never rewritten."""

from datetime import date, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.counts import build_citation_counts, extend_snapshots, known_counts
from pipeline.tables import (
    CITATION_COUNTS,
    CITATION_SNAPSHOTS,
    DUMP_RECORDS,
    PAPER_IDS,
    violations,
)

DAY = date(2026, 1, 1)


def inputs(*rows: tuple[str, int, int | None, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records and ids from (paper, list order, count, days after DAY)."""
    records = pl.DataFrame(
        {
            "record_key": [f"k{i}" for i in range(len(rows))],
            "source": ["paper_copilot"] * len(rows),
            "citation_source": ["google_scholar"] * len(rows),
            "list_order": [r[1] for r in rows],
            "cited_by_count": [r[2] for r in rows],
            "observed_on": [DAY + timedelta(days=r[3]) for r in rows],
            "venue": ["cvpr"] * len(rows),
            "year": [2016] * len(rows),
        },
        schema_overrides=DUMP_RECORDS.schema,
    )
    ids = pl.DataFrame(
        {
            "record_key": records["record_key"],
            "paper_id": [r[0] for r in rows],
            "paper_row": [ord(r[0][-1]) for r in rows],
            "venue": ["cvpr"] * len(rows),
            "year": [2016] * len(rows),
            "in_force": [r[1] == 0 for r in rows],
        },
        schema_overrides=PAPER_IDS.schema,
    )
    return records, ids


def counts(*rows: tuple[str, int, int | None, int]) -> dict[str, tuple[int, int]]:
    """paper -> (count, days after DAY)."""
    frame = build_citation_counts(*inputs(*rows))
    assert violations(CITATION_COUNTS, frame) == []
    found = frame.select("paper_id", "cited_by_count", "observed_on").iter_rows()
    return {paper: (count, (day - DAY).days) for paper, count, day in found}


def test_repeats_are_one_work_seen_twice() -> None:
    """Summed, a paper listed twice would have twice its citations."""
    assert counts(("p", 0, 3, 0), ("p", 0, 5, 0), ("p", 0, None, 0)) == {"p": (5, 0)}


def test_of_two_records_in_force_the_larger_counts_whichever_moved_last() -> None:
    """OpenAlex holds a work twice; the stray one moved yesterday and hid a hundred citations."""
    assert counts(("p", 0, 100, 0), ("p", 0, 3, 9)) == {"p": (100, 0)}
    assert counts(("p", 0, 3, 9), ("p", 0, 100, 0)) == {"p": (100, 0)}


def test_unknown_counts_have_no_row() -> None:
    """An unknown count stored as 0 is a wrong number nobody can find again."""
    assert counts(("p", 0, None, 0), ("q", 0, 0, 0)) == {"q": (0, 0)}


def test_the_newest_known_count_wins() -> None:
    """Counts may fall when Scholar merges works: the newest, not the largest."""
    assert counts(("p", 0, 4, 9), ("p", 1, 7, 0)) == {"p": (4, 9)}


def test_a_newer_list_does_not_unlearn() -> None:
    """A list scraped without counts must not wipe out those of the list before."""
    assert counts(("p", 0, None, 9), ("p", 1, 7, 3), ("p", 2, 8, 0)) == {"p": (7, 3)}


def test_papers_out_of_force_have_no_count() -> None:
    """Their count would be scored without a paper beside it."""
    assert counts(("p", 1, 7, 0), ("q", 0, 1, 9)) == {"q": (1, 9)}


# ── snapshots ─────────────────────────────────────────────────────────────────────────
def history(snapshots: pl.DataFrame) -> list[tuple[int, int]]:
    assert violations(CITATION_SNAPSHOTS, snapshots) == []
    rows = snapshots.select("observed_on", "cited_by_count").iter_rows()
    return [((day - DAY).days, count) for day, count in rows]


def extended(before: pl.DataFrame | None, *rows: tuple[str, int, int | None, int]) -> pl.DataFrame:
    before = CITATION_SNAPSHOTS.empty() if before is None else before
    return extend_snapshots(before, known_counts(*inputs(*rows)))


def test_snapshots_hold_changes_only() -> None:
    """A row per night and paper would be a billion rows of the same number."""
    rows = [("p", 3, 5, 0), ("p", 2, 5, 1), ("p", 1, 7, 2), ("p", 0, 5, 3)]
    assert history(extended(None, *rows)) == [(0, 5), (2, 7), (3, 5)]


def test_snapshots_grow_as_lists_come() -> None:
    """Refreshed list by list, the history must be that of all lists at once."""
    one = extended(None, ("p", 0, 5, 0))
    two = extended(one, ("p", 1, 5, 0), ("p", 0, 5, 1))
    three = extended(two, ("p", 2, 5, 0), ("p", 1, 5, 1), ("p", 0, 7, 2))
    assert history(two) == history(one) == [(0, 5)]
    assert history(three) == [(0, 5), (2, 7)]


def test_history_is_never_rewritten() -> None:
    """An older list found later must not change what was published for that day."""
    before = extended(None, ("p", 0, 5, 10))
    assert history(extended(before, ("p", 0, 9, 10), ("p", 1, 3, 4))) == [(10, 5)]


def test_the_last_list_of_a_day_speaks_for_it() -> None:
    """Two counts of one day would break the key and stop the stage."""
    assert history(extended(None, ("p", 1, 5, 0), ("p", 0, 6, 0))) == [(0, 6)]


def test_lists_need_not_stand_in_the_order_of_their_days() -> None:
    """An undated list counts as oldest but may have been observed last."""
    rows = [("p", 2, 5, 20), ("p", 1, 7, 10), ("p", 0, 5, 30)]
    assert history(extended(None, *rows)) == [(10, 7), (20, 5)]


ROW = st.tuples(
    st.sampled_from(["p", "q"]),
    st.integers(0, 3),
    st.none() | st.integers(0, 2),
    st.integers(0, 6),
)
DELIVERIES = st.lists(st.lists(ROW, max_size=8), max_size=4)


@given(DELIVERIES)
def test_snapshots_are_append_only_changes(
    deliveries: list[list[tuple[str, int, int | None, int]]],
) -> None:
    """Whatever comes in whatever order: no row is lost or changed, no two equal in a row."""
    snapshots = CITATION_SNAPSHOTS.empty()
    for rows in deliveries:
        before, snapshots = snapshots, extended(snapshots, *rows)
        assert violations(CITATION_SNAPSHOTS, snapshots) == []
        assert before.join(snapshots, on=before.columns, how="anti").height == 0
        for _, group in snapshots.group_by("paper_id"):
            assert group["observed_on"].is_sorted()
            moved = group["cited_by_count"].diff().drop_nulls()
            assert (moved != 0).all()
