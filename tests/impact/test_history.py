"""Scores of earlier days, by counts small enough to reckon by hand."""

from datetime import date
from itertools import pairwise
from math import exp

import numpy as np
import polars as pl
import pytest

from pipeline.impact.history import TRAJECTORY_COLUMNS, counts_on, scores_as_of, trajectory
from pipeline.impact.pools import PoolRule
from pipeline.impact.segments import flatten
from pipeline.tables import CITATION_SNAPSHOTS, TNCSI_SP, TOPIC_POOLS, violations

RULE = PoolRule(k_min=1, k_max=9, share=1, n_min=2)
SOURCES = ("google_scholar", "openalex")
# q is counted by two sources; the pool of p is (q, r, s), and s is first heard of on day 9.
SEEN = [
    ("p", "google_scholar", 1, 4), ("p", "google_scholar", 5, 10),
    ("q", "google_scholar", 1, 2), ("q", "google_scholar", 3, 6),
    ("r", "google_scholar", 1, 0),
    ("s", "google_scholar", 9, 0),
    ("q", "openalex", 7, 99),
]  # fmt: skip


def day(number: int) -> date:
    return date(2026, 1, number)


def snapshots(rows: list[tuple[str, str, int, int]] = SEEN) -> pl.DataFrame:
    return pl.DataFrame(
        [(p, "cvpr", 2016, source, day(when), count) for p, source, when, count in rows],
        schema=CITATION_SNAPSHOTS.schema,
        orient="row",
    )


ROWS = pl.DataFrame(
    {"paper_id": list("pqrs"), "paper_row": [0, 1, 2, 3]}, schema_overrides={"paper_row": pl.Int32}
)


def pool_of(paper: str, members: list[int]) -> pl.DataFrame:
    row = (paper, "pqrs".index(paper), "cvpr", 2016, "rule", 3, len(members), 0.5, members, "")
    return pl.DataFrame([row], schema=TOPIC_POOLS.schema, orient="row")


KNOWN = {"paper_rows": ROWS, "undated": np.array([], np.int32), "precedence": SOURCES, "rule": RULE}


def score(number: int) -> tuple[object, ...]:
    """Count, n, loc, scale, status of p as of a day."""
    rows = scores_as_of(pool_of("p", [1, 2, 3]), snapshots(), day(number), **KNOWN)
    assert violations(TNCSI_SP, rows) == []
    return rows.select("cited_by_count", "n_pool", "pool_loc", "pool_scale", "status").row(0)


def test_a_day_knows_what_was_observed_by_then() -> None:
    """The newest count of today in an old score would make every history a flat line."""
    assert score(1) == (4, 2, 0, 1.0, "ok")  # 2 and 0
    assert score(3) == (4, 2, 0, 3.0, "ok")  # 6 and 0
    assert score(9) == (10, 3, 0, 2.0, "ok")  # 6, 0 and 0
    rows = scores_as_of(pool_of("p", [1, 2, 3]), snapshots(), day(3), **KNOWN)
    assert rows["tncsi_sp"][0] == pytest.approx(1 - exp(-4 / 3))


def test_a_day_before_all_counts_has_no_score() -> None:
    """A member nobody had counted yet must not count as 0."""
    before = scores_as_of(pool_of("p", [1, 2, 3]), snapshots(), date(2025, 1, 1), **KNOWN)
    assert before.select("status", "n_pool", "tncsi_sp").row(0) == ("no_citation_count", 0, None)


def test_one_row_per_paper_and_source_on_a_day() -> None:
    """A paper that moved to another venue-year left rows there: two of a day break the arrays."""
    moved = snapshots([("p", "openalex", 2, 5)]).with_columns(venue=pl.lit("icml"))
    rows = counts_on(pl.concat([moved, snapshots([("p", "openalex", 2, 5)])]), day(2))
    assert rows.select("paper_id", "cited_by_count").rows() == [("p", 5)]


def test_a_trajectory_has_a_row_per_day_its_count_moved_and_ends_today() -> None:
    """The last row must be what is published now, though only the pool moved since."""
    rows = trajectory(pool_of("p", [1, 2, 3]), snapshots(), **KNOWN)
    assert rows.columns == list(TRAJECTORY_COLUMNS)
    seen = rows.select("day", "cited_by_count", "n_pool", "pool_scale").rows()
    assert seen == [(day(1), 4, 2, 1.0), (day(5), 10, 2, 3.0), (day(9), 10, 3, 2.0)]
    assert rows["excess_ratio"].to_list() == pytest.approx([4, 10 / 3, 5])


def test_the_days_of_the_pool_are_told_on_demand() -> None:
    """Day 3 moved the pool; day 7 moved a count nobody scores by, and no score."""
    rows = trajectory(pool_of("p", [1, 2, 3]), snapshots(), pool_days=True, **KNOWN)
    assert rows["day"].to_list() == [day(n) for n in (1, 3, 5, 9)]
    assert all(one != two for one, two in pairwise(rows.drop("day").rows()))


def test_a_paper_never_counted_has_an_empty_past() -> None:
    """No snapshot at all must give no row, not an error."""
    rows = trajectory(pool_of("p", [1]), snapshots([]), **KNOWN)
    assert rows.height == 0
    assert rows.columns == list(TRAJECTORY_COLUMNS)


def test_a_part_of_a_list_column_brings_no_other_values() -> None:
    """Filtered columns are views: members of papers left out were looked up as well."""
    lists = pl.DataFrame({"members": [[7], [1, 2], [9]]}, schema={"members": pl.List(pl.Int32)})
    values, offsets = flatten(lists.with_row_index().filter(index=1)["members"])
    assert (values.tolist(), offsets.tolist()) == ([1, 2], [0, 2])
