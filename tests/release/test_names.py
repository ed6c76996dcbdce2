"""Names of releases, and which of them are kept."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ReleaseError
from pipeline.release.names import ReleaseName, kept, next_name, parse_name

NAMES = st.builds(ReleaseName, st.dates(date(2019, 1, 1), date(2026, 3, 1)), st.integers(1, 3))


@given(NAMES)
def test_a_name_is_read_back(name: ReleaseName) -> None:
    """A release that is not recognised by its folder is lost."""
    assert parse_name(str(name)) == name


@pytest.mark.parametrize("text", ["2026-02-30", "2026-03-01.1", "2026-3-1", ".2026-03-01.tmp", ""])
def test_other_folders_are_none(text: str) -> None:
    """A half-made release taken for one would be served, and the next compared with it."""
    assert parse_name(text) is None


def test_releases_of_a_day_are_numbered_in_order() -> None:
    """`.10` before `.2` would compare a release with one of the future."""
    day, made = date(2026, 3, 1), []
    for _ in range(11):
        made.append(next_name(made, day))
    assert [str(n) for n in made[:3]] == ["2026-03-01", "2026-03-01.2", "2026-03-01.3"]
    assert made == sorted(made)
    assert str(next_name(made, date(2026, 3, 2))) == "2026-03-02"


def test_a_clock_set_back_is_told() -> None:
    """A release that sorts before the one it follows tells its changes backwards."""
    with pytest.raises(ReleaseError, match="dated after today, 2026-03-01"):
        next_name([ReleaseName(date(2026, 3, 2))], date(2026, 3, 1))


@given(st.sets(NAMES, max_size=60), st.integers(1, 20), st.integers(0, 30))
def test_what_is_kept(names: set[ReleaseName], daily: int, monthly: int) -> None:
    """A policy that removes the newest, or a month's only one, loses what nobody can remake."""
    keep = kept(names, daily=daily, monthly=monthly)
    assert keep <= names
    if not names:
        return
    newest = max(names)
    assert newest in keep
    assert keep >= {n for n in names if n.day > newest.day - timedelta(days=daily)}
    assert {n.day.year for n in keep} == {n.day.year for n in names}
    months = {
        (n.day.year, n.day.month) for n in names if newest.day - n.day < timedelta(28 * monthly)
    }
    assert months <= {(n.day.year, n.day.month) for n in keep}
    # Pruned again, or one by one, it is the same.
    assert kept(keep, daily=daily, monthly=monthly) == keep


def test_what_goes() -> None:
    """A policy that keeps everything fills the disk."""
    first = date(2023, 1, 1)
    names = [ReleaseName(first + timedelta(days=i)) for i in range(3 * 365)]
    keep = kept(names)
    # 14 days with the newest; 24 months before its own; the ends of the years before.
    assert len(keep) == 14 + 24 + 0
    assert ReleaseName(date(2023, 12, 31)) in keep
    assert ReleaseName(date(2023, 12, 30)) not in keep
