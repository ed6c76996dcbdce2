"""Which citations between works came and went.

Belongs here: the section on `citations`. A citation seen again is no news.
"""

import polars as pl

from pipeline.release.changes import Changes
from pipeline.report.model import Listing, Section
from pipeline.wording import counted, listed

CELL = ["venue", "year"]


def edges_section(changes: Changes) -> Section:
    """Citations in force that came or went, by venue-year of the citing paper."""
    flipped = pl.Series(changes.before["in_force"] != changes.after["in_force"])
    stayed = changes.after.filter(flipped)
    came = pl.concat([changes.added.filter("in_force"), stayed.filter("in_force")])
    went = pl.concat([changes.removed.filter("in_force"), stayed.filter(~pl.col("in_force"))])
    here = came["cited_paper_id"].count()
    numbers = {"new": came.height, "gone": went.height, "new_within": here}
    table = Listing(
        "by_venue_year", "Citations by venue-year of the citing paper", _by_cell(came, went)
    )
    told = (table,) if table.rows.height else ()
    return Section("edges", "Citations between papers", _words(numbers), numbers, told)


def _words(numbers: dict[str, int]) -> str:
    said = []
    if new := numbers["new"]:
        said.append(
            f"{counted(new, 'citation')} between works came "
            f"({numbers['new_within']:,} of papers held here)"
        )
    if gone := numbers["gone"]:
        said.append(f"{gone:,} went" if said else f"{counted(gone, 'citation')} between works went")
    return f"{listed(said)}." if said else ""


def _by_cell(came: pl.DataFrame, went: pl.DataFrame) -> pl.DataFrame:
    within = pl.col("cited_paper_id").is_not_null().cast(pl.Int32)
    both = [
        came.select(*CELL, new=pl.lit(1), gone=pl.lit(0), new_within=within),
        went.select(*CELL, new=pl.lit(0), gone=pl.lit(1), new_within=pl.lit(0)),
    ]
    return pl.concat(both).group_by(CELL).agg(pl.exclude(CELL).sum()).sort(CELL)
