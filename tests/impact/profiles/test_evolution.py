"""IEI: the curve against its definition, and months out of cumulative counts."""

from datetime import date
from math import comb

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import Polynomial

from pipeline.impact.profiles.evolution import GRID, evolution_profiles, slope_weights
from tests.impact.profiles.rows import paper, papers_of, scores_of, snapshots_of

MONTH_ENDS = [date(2025, m, 28) for m in range(1, 9)]  # 7 levels, then the running month


def bezier_slope(points: list[int], t: float) -> float:
    """dy/dx at t of the Bézier curve through (0, y0), (1, y1), …, as polynomials in t."""
    n, x = len(points) - 1, Polynomial([0, 1])
    bernstein = [comb(n, i) * x**i * (1 - x) ** (n - i) for i in range(n + 1)]
    along = sum(i * b for i, b in enumerate(bernstein)).deriv()
    up = sum(y * b for y, b in zip(points, bernstein, strict=True)).deriv()
    return float(up(t) / along(t))


def iei(
    *counts: int | None, days: list[date] = MONTH_ENDS, more: pl.DataFrame | None = None
) -> tuple[int, float | None]:
    """`n_observations` and `iei` of `p`; another paper of its venue-year moves every month."""
    seen = [("p", day, c) for day, c in zip(days, counts, strict=False) if c is not None]
    beside = [("q", day, i) for i, day in enumerate(MONTH_ENDS)]
    rows = [snapshots_of(*seen, *beside)] if more is None else [snapshots_of(*seen), more]
    home = papers_of(*(paper(p, date(2000, 1, 1)) for p in "pq")).with_columns(
        year=pl.lit(2000, pl.Int32)
    )
    found = evolution_profiles(home, pl.concat(rows), scores_of({"p": None, "q": None}))
    return found.filter(paper_id="p").select("n_observations", "iei").row(0)


@given(st.lists(st.integers(0, 500), min_size=6, max_size=6))
def test_the_mean_slope_is_that_of_the_curve(points: list[int]) -> None:
    """Weights of differences are a derivation by hand; the curve itself is the definition."""
    differences = np.diff(points)
    mean = sum(bezier_slope(points, t) for t in GRID) / 6
    assert float(np.dot(differences, slope_weights())) == pytest.approx(mean, abs=1e-9)


def test_the_grid_is_that_of_the_authors() -> None:
    """Every twentieth of a hundred points and the last: 20/99, not 1/5."""
    assert pytest.approx(np.linspace(0, 1, 100)[[0, 20, 40, 60, 80, 99]]) == GRID
    assert sum(slope_weights()) == pytest.approx(1)


def test_steady_growth_has_no_slope_and_gathering_speed_has_one() -> None:
    """Cumulative counts taken for monthly ones would call every living paper a rising one."""
    assert iei(10, 13, 16, 19, 22, 25, 28, 31) == (8, 0.0)
    n, slope = iei(0, 1, 3, 6, 10, 15, 21, 99)  # months of 1, 2, 3, 4, 5, 6
    assert n == 8
    assert slope == pytest.approx(1.0)
    assert iei(0, 6, 11, 15, 18, 20, 21, 21)[1] == pytest.approx(-1.0)


def test_a_month_without_a_row_is_a_month_without_citations() -> None:
    """Counts are stored when they move: a gap is a zero, where the venue-year was looked at."""
    weights = slope_weights()
    assert iei(5, None, None, None, None, None, 8, 8)[1] == pytest.approx(3 * weights[4])
    assert iei(5)[1] == 0.0


def test_the_running_month_does_not_count() -> None:
    """Half a month beside whole ones would make every paper fall at the beginning of a month."""
    assert iei(0, 1, 2, 3, 4, 5, 6, 1000) == iei(0, 1, 2, 3, 4, 5, 6, 7)


def test_a_count_taken_back_never_was() -> None:
    """A source that corrects 900 to 4 would otherwise show the steepest fall of all papers."""
    assert iei(0, 1, 900, 3, 4, 5, 6, 7) == iei(0, 1, 3, 3, 4, 5, 6, 7)
    assert iei(0, 1, 2, 3, 4, 5, 60, 6)[1] == 0.0  # taken back in the running month


def test_too_few_months_say_nothing() -> None:
    """A count first known in the second month has no growth in the first."""
    assert iei(None, 1, 2, 3, 4, 5, 6, 7) == (7, None)


def test_a_month_in_which_nobody_looked_says_nothing() -> None:
    """Its citations would be counted in the next month, as a jump that never was."""
    looks = [("q", day, i) for i, day in enumerate(MONTH_ENDS) if day.month != 4]
    assert iei(0, 1, 2, None, 4, 5, 6, 7, more=snapshots_of(*looks)) == (7, None)
    elsewhere = snapshots_of(("q", MONTH_ENDS[3], 4), venue="cvpr")
    both = pl.concat([snapshots_of(*looks), elsewhere])
    assert iei(0, 1, 2, None, 4, 5, 6, 7, more=both) == (7, None)


def test_only_the_count_of_record_is_followed() -> None:
    """Another source's counts are higher: a change of source would be a jump."""
    looks = [("q", day, i) for i, day in enumerate(MONTH_ENDS)]
    other = snapshots_of(
        *(("p", day, 100 * i * i) for i, day in enumerate(MONTH_ENDS)), source="oa"
    )
    assert iei(*range(8), more=pl.concat([snapshots_of(*looks), other])) == (8, 0.0)


def test_a_paper_that_moved_home_has_one_row_a_day() -> None:
    """Its history stays in the old venue-year: two rows of a day are one observation."""
    looks = [("q", day, i) for i, day in enumerate(MONTH_ENDS)]
    moved = snapshots_of(("p", MONTH_ENDS[2], 2), venue="aaai")
    assert iei(*range(8), more=pl.concat([snapshots_of(*looks), moved])) == (8, 0.0)


def test_months_of_two_years_follow_each_other() -> None:
    """December and January are neighbours, not eleven months apart."""
    days = [
        date(2024, 10, 5),
        date(2024, 11, 5),
        date(2024, 12, 5),
        *(date(2025, m, 5) for m in range(1, 6)),
    ]
    rows = snapshots_of(*(("p", day, 2 * i) for i, day in enumerate(days)))
    home = papers_of(paper("p", date(2000, 1, 1)))
    found = evolution_profiles(home, rows, scores_of({"p": None}))
    assert found.row(0) == ("p", 8, 0.0)


def test_a_paper_without_a_count_of_record_is_left_out() -> None:
    """A history that no score is counted from is not the paper's."""
    rows = snapshots_of(("p", MONTH_ENDS[0], 1))
    home = papers_of(paper("p", date(2000, 1, 1)))
    assert evolution_profiles(home, rows, scores_of({"p": None}, source=None)).height == 0
