"""A partition, and how configurations, cursors and states write one."""

from pipeline.errors import InputError

Cell = tuple[str, int]
"""A partition: (venue slug, year)."""

UNRECOGNISED: Cell = ("unrecognised", 0)
"""Where quarantine keeps whole files whose venue-year nobody can tell."""


def cell_name(cell: Cell) -> str:
    """The venue-year in one word: `cvpr|2026`."""
    return f"{cell[0]}|{cell[1]}"


def cell_named(name: str) -> Cell:
    """The venue-year of such a word; raises InputError if it is none."""
    venue, _, year = name.partition("|")
    if not venue or not year.isdecimal():
        raise InputError(f"venue-year: expected one such as cvpr|2026, received {name!r}")
    return venue, int(year)
