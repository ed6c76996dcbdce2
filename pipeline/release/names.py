"""Names of releases, their order, and which of them are kept.

Belongs here: names and days. Not: folders (resources/releases.py).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from pipeline.errors import ReleaseError

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.([2-9]|[1-9]\d+))?")

DAILY, MONTHLY = 14, 24


@dataclass(frozen=True, order=True)
class ReleaseName:
    """The day of a release, and which of that day it is, from 1."""

    day: date
    number: int = 1

    def __str__(self) -> str:
        return f"{self.day}" if self.number == 1 else f"{self.day}.{self.number}"

    @property
    def version(self) -> str:
        """As a semantic version: `2026.3.1`, the second of that day `2026.3.1+2`."""
        version = f"{self.day.year}.{self.day.month}.{self.day.day}"
        return version if self.number == 1 else f"{version}+{self.number}"


def parse_name(text: str) -> ReleaseName | None:
    """The name written like `2026-03-01` or `2026-03-01.2`; None if it is not one."""
    match = _NAME.fullmatch(text)
    if not match:
        return None
    try:
        return ReleaseName(date.fromisoformat(match[1]), int(match[2] or 1))
    except ValueError:  # 30 February
        return None


def next_name(existing: Iterable[ReleaseName], today: date) -> ReleaseName:
    """The name of a release made today.

    Raises ReleaseError if a release is of a later day: of two clocks one is wrong, and a release
    that sorts before the one it follows would tell its changes backwards.
    """
    newest = max(existing, default=None)
    if newest is None or newest.day < today:
        return ReleaseName(today)
    if newest.day > today:
        raise ReleaseError(
            f"release {newest} is dated after today, {today}: set the clock right, or delete that "
            "release if it was the clock that was wrong"
        )
    return ReleaseName(today, newest.number + 1)


def kept(
    names: Collection[ReleaseName], *, daily: int = DAILY, monthly: int = MONTHLY
) -> set[ReleaseName]:
    """Which releases stay.

    All of the `daily` days that end with the newest one's, the last of each of the `monthly`
    months before and of the newest one's, and the last of every year. Counted from the newest
    release and not from today: a machine that was off for a year loses nothing.
    """
    newest = max(names, default=None)
    if newest is None:
        return set()
    last_of: dict[tuple[str, int], ReleaseName] = {}
    for name in sorted(names):
        last_of["year", name.day.year] = name
        if _months(newest.day) - _months(name.day) <= monthly:
            last_of["month", _months(name.day)] = name
    recent = {name for name in names if (newest.day - name.day).days < daily}
    return recent | set(last_of.values())


def _months(day: date) -> int:
    return 12 * day.year + day.month
