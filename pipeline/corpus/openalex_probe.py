"""Whether a venue-year moved at OpenAlex: its histogram of citation counts against what we hold.

Belongs here: the comparison. Not: asking (resources/openalex_probe.py), nor what is held
(resources/openalex_known.py).

One list call with `group_by=cited_by_count` tells how many works a venue-year has, and how many of
them have each count. What OpenAlex documents of it (https://developers.openalex.org/guides/grouping
and the source of the API, ourresearch/openalex-elastic-api):

- grouping by numbers is refused but for some fields, of which `cited_by_count` is one;
- `meta.count` is the number of works that pass the filter, whatever is grouped; `groups_count` is
  that of the groups on this page;
- at most 200 groups a page, the largest first (of equal ones the smaller count); `page` beyond 1
  is refused, `cursor` pages through all of them by key; `select` is refused beside `group_by`;
- keys are text; works without a count are left out unless asked for, then under the key -111;
- it is a list call: $0.0001, whatever it counts.

So a venue-year is compared by one call. Beyond 200 different counts the rest, mostly counts that
one work has, stays unseen: there, and where two works exchange their counts, or a title moves, the
weekly poll of every work finds what no histogram shows.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from pipeline.tables import Cell

MAX_GROUPS = 200  # of a page of groups


@dataclass(frozen=True)
class Told:
    """OpenAlex's answer: how many works there are, and count -> works of the largest groups."""

    n_works: int
    groups: Mapping[int, int]

    @property
    def digest(self) -> str:
        """16 hex digits; equal for equal answers."""
        told = orjson.dumps([self.n_works, sorted(self.groups.items())])
        return hashlib.sha256(told).hexdigest()[:16]


@dataclass(frozen=True)
class Held:
    """What is held of a venue-year; not `complete`: its pages contradicted each other."""

    n_works: int = 0
    groups: Mapping[int, int] = field(default_factory=dict)
    complete: bool = True


@dataclass(frozen=True)
class Probed:
    """What a probe says: which kind of news there is, under the digest of the answer."""

    cell: Cell
    digest: str
    works_moved: bool
    citations_moved: bool

    @property
    def moved(self) -> bool:
        """Whether there is any news."""
        return self.works_moved or self.citations_moved


def compare(cell: Cell, told: Told, held: Held) -> Probed:
    """Which news the answer holds against what we have."""
    works_moved = told.n_works != held.n_works or not held.complete
    return Probed(cell, told.digest, works_moved, _counts_moved(told, held))


def _counts_moved(told: Told, held: Held) -> bool:
    whole = len(told.groups) < MAX_GROUPS or sum(told.groups.values()) == told.n_works
    if whole:
        return dict(told.groups) != dict(held.groups)
    if any(held.groups.get(count, 0) != n for count, n in told.groups.items()):
        return True
    # A larger group than the smallest one shown would have been shown.
    smallest = min(told.groups.values())
    return any(n > smallest for count, n in held.groups.items() if count not in told.groups)
