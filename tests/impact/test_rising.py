"""Rising papers, on made-up histories of counts."""

from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.pools import PoolRule
from pipeline.impact.rising import gainers, rising_papers, two_days
from pipeline.tables import CITATION_SNAPSHOTS, RISING_PAPERS, TOPIC_POOLS, violations

RULE = PoolRule(k_min=2, k_max=10, n_min=2)
FIRST, LAST = date(2025, 1, 1), date(2025, 6, 1)
Seen = tuple[int, date, int]
NONE: NDArray[np.int32] = np.zeros(0, np.int32)


def snapshots(*seen: Seen, source: str = "openalex") -> pl.DataFrame:
    """(paper, day, count) as rows of the history."""
    rows = [(f"p{p}", "v", 2020, source, day, cited) for p, day, cited in seen]
    return pl.DataFrame(rows, schema=CITATION_SNAPSHOTS.schema, orient="row")


def pools(n: int) -> pl.DataFrame:
    """Every paper's pool is all others."""
    rows = [
        (f"p{i}", i, "v", 2020, "c", n - 1, n - 1, 0.5, [j for j in range(n) if j != i], "d")
        for i in range(n)
    ]
    return pl.DataFrame(rows, schema=TOPIC_POOLS.schema, orient="row")


def rising(history: pl.DataFrame, n: int, *, cut: int = 99, highest: int = 200) -> pl.DataFrame:
    """Rows between FIRST and LAST, from pools handed over in parts of `cut`."""
    return rising_papers(
        (pools(n)[i : i + cut] for i in range(0, n, cut)),
        history,
        since=FIRST,
        until=LAST,
        paper_rows=pl.DataFrame(
            {"paper_id": [f"p{i}" for i in range(n)], "paper_row": range(n)},
            schema={"paper_id": pl.String, "paper_row": pl.Int32},
        ),
        undated=NONE,
        precedence=("google_scholar", "openalex"),
        rule=RULE,
        highest=highest,
    )


def still(n: int, *, of: int = 10) -> list[Seen]:
    """Papers whose count stands: 0, `of`, 2 · `of`, …"""
    return [(i, FIRST, i * of) for i in range(n)]


def test_rise_is_the_difference_by_hand() -> None:
    """The pool of p3 is 0, 10, 20: loc 0, scale 10. From 30 to 50 is from 3.0 to 5.0."""
    found = rising(snapshots(*still(4), (3, LAST, 50)), 4)
    assert violations(RISING_PAPERS, found) == []
    assert found.row(0, named=True) == {
        "paper_id": "p3", "venue": "v", "year": 2020, "rank": 1, "since": FIRST, "until": LAST,
        "citation_source": "openalex", "cited_before": 30, "cited_after": 50,
        "excess_before": 3.0, "excess_after": 5.0, "rise": 2.0,
    }  # fmt: skip
    assert found.height == 1


def test_small_steps_and_losses_are_no_rise() -> None:
    """0 → 2 in a pool of zeros is infinitely steep, and noise."""
    history = snapshots(*still(5), (0, LAST, 2), (4, LAST, 35))
    assert rising(history, 5).height == 0
    assert gainers(history, FIRST, LAST).height == 0
    assert gainers(snapshots(*still(3), (1, LAST, 13)), FIRST, LAST).rows() == [("p1", "openalex")]


def test_another_source_is_no_rise() -> None:
    """Google Scholar counts several times as many: its first sight would top the list."""
    more = snapshots(*((i, LAST, 100 * i) for i in range(4)), source="google_scholar")
    assert rising(pl.concat([snapshots(*still(4)), more]), 4).height == 0


def test_a_pool_that_became_known_is_no_rise() -> None:
    """Members counted for the first time move the scale, not the paper."""
    early = [(0, FIRST, 0), (1, FIRST, 90), (5, FIRST, 50)]
    late = [(2, LAST, 1), (3, LAST, 1), (4, LAST, 1), (5, LAST, 60)]
    assert rising(snapshots(*early, *late), 6).height == 0
    assert rising(snapshots(*early, *((p, FIRST, c) for p, _, c in late[:3]), late[3]), 6).height


def test_ties_go_by_id_and_parts_do_not_matter() -> None:
    """Rank by chance, or by how the work was cut, would differ from night to night."""
    base = [(i, FIRST, 10 * (i % 2)) for i in range(8)]
    moved = [(i, LAST, 10 * (i % 2) + 10) for i in (6, 2, 4)]
    history = snapshots(*base, *moved)
    whole = rising(history, 8)
    assert whole["paper_id"].to_list() == ["p2", "p4", "p6"]
    assert whole["rank"].to_list() == [1, 2, 3]
    assert rising(history.sample(fraction=1, shuffle=True, seed=1), 8, cut=3).equals(whole)
    assert rising(history, 8, highest=2).equals(whole.head(2))


def test_days_looked_at() -> None:
    """Half a year back, or as far as the history goes; with one day there is no rise."""
    assert two_days(snapshots()) is None
    assert two_days(snapshots(*still(3))) is None
    assert two_days(snapshots((0, FIRST, 1), (0, LAST, 5))) == (FIRST, LAST)
    old = date(2020, 1, 1)
    assert two_days(snapshots((0, old, 1), (0, LAST, 5))) == (LAST - timedelta(180), LAST)
    assert rising(snapshots(), 0).equals(RISING_PAPERS.empty())
