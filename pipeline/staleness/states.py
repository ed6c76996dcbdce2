"""What outputs were made from, and what they are made from besides each other.

Belongs here: the states that are compared, and which venue-years stand in whose window. Not: what
an output should be made from (rules.py), storing (resources/state_files.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from pipeline.tables import Cell

Inputs = Mapping[str, str]
"""Name of an input -> its digest. Names are what a person reads as the reason."""


@dataclass(frozen=True)
class State:
    """What an output was made from, and what it is.

    `inputs`: digests it was made from; `digest`: of its own values; `facets`: digests of parts
    of them that downstream outputs look at; `rows` and `files`: row count and bytes per table;
    `days`: first and last publication day (days since 1970) of its dated papers; `digests` and
    `mtimes`: of each table's file, to know it again; `damaged`: why its files are not what they
    were, found on reading and never stored. What it says of a damaged cell still holds: it is what
    the cell will be again.
    """

    inputs: Mapping[str, str]
    digest: str
    rows: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    facets: Mapping[str, str] = field(default_factory=dict)
    days: tuple[int, int] | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    mtimes: Mapping[str, int] = field(default_factory=dict)  # nanoseconds since the epoch
    damaged: tuple[str, ...] = ()


States = Mapping[str, Mapping[Cell | None, State]]
"""Output name -> cell -> its state."""


@dataclass(frozen=True)
class World:
    """What outputs are made from besides each other."""

    records: Mapping[Cell, str]  # digest of what every source says of each venue-year
    edges: Mapping[Cell, str]  # digest of the citations handed over apart from papers
    decisions: str  # digest of what people decided about identities
    encoder_id: str
    config_id: str
    half_window_days: int
    labelling: str  # rule of query papers and candidates
    teacher: str  # who labels, and on what input
    domains: Mapping[str, str] = field(default_factory=dict)  # of venues


def cell_windows(
    papers: Mapping[Cell | None, State], half_window_days: int
) -> Mapping[Cell | None, Sequence[Cell]]:
    """Of each cell with dated papers: cells that hold papers within the window of any of its.

    Sorted, itself included. Cells without dated papers have no window, and stand in nobody's.
    """
    dated = sorted((cell, s.days) for cell, s in papers.items() if cell and s.days)
    return _windows(tuple(dated), half_window_days)


@lru_cache(maxsize=4)  # every stage and tick asks, and days seldom move
def _windows(
    dated: tuple[tuple[Cell, tuple[int, int]], ...], half: int
) -> Mapping[Cell | None, Sequence[Cell]]:
    cells = [cell for cell, _ in dated]
    first, last = np.array([days for _, days in dated], np.int64).reshape(-1, 2).T
    return {
        cell: [cells[i] for i in np.flatnonzero((first <= end + half) & (last >= start - half))]
        for cell, (start, end) in dated
    }


def name_of(cell: Cell | None) -> str:
    """The cell as reasons name it."""
    return f"{cell[0]} {cell[1]}" if cell else "all"
