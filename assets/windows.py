"""Which venue-years the pools and scores of others look at.

Belongs here: windows in terms of cells. Not: pools or scores themselves.
"""

from collections.abc import Collection, Mapping

from pipeline.staleness import State, cell_windows
from pipeline.tables import Cell
from resources.workspace import Workspace


def by_year(cells: Collection[Cell]) -> Mapping[int, list[Cell]]:
    """The cells of each year, in the order given."""
    years: dict[int, list[Cell]] = {}
    for cell in cells:
        years.setdefault(cell[1], []).append(cell)
    return years


def window_of(
    workspace: Workspace, cells: Collection[Cell], papers: Mapping[Cell | None, State]
) -> list[Cell]:
    """The cells themselves and all that hold papers within the window of theirs, sorted."""
    windows = cell_windows(papers, workspace.rule.half_window_days)
    return sorted({w for cell in cells for w in windows.get(cell, ())} | set(cells))
