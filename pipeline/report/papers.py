"""Which papers came, went and changed.

Belongs here: the section on `papers`. Not: how rows are compared (pipeline/release/changes.py).
"""

import polars as pl

from pipeline.release.changes import Changes
from pipeline.report.model import Listing, Section, cells_named
from pipeline.wording import capped, counted, listed

CELL = ["venue", "year"]
TOLD = ("title", "publication_date", "date_precision", *CELL)
"""Columns whose changes are told one by one; the others are counted."""
_FOLLOWING = ("paper_row", "text_hash", "n_records", "n_authors")  # they only follow others


def papers_section(changes: Changes, redirects: pl.DataFrame) -> Section:
    """Papers by venue-year that are new or gone, and what moved of those that stayed.

    `redirects` tell what became of a paper that is gone.
    """
    titles = changes.moved("title", (*CELL,))
    dates = changes.moved("publication_date", ("title", *CELL))
    homes = _rehomed(changes)
    details = {c: n for c, n in changes.columns().items() if c not in (*TOLD, *_FOLLOWING)}
    numbers = {
        "new": changes.added.height,
        "gone": changes.removed.height,
        "retitled": titles.height,
        "re_dated": dates.height,
        "moved_home": homes.height,
        "changed": changes.n_changed,
    }
    other = pl.DataFrame(
        list(details.items()), schema={"column": pl.String, "papers": pl.Int64}, orient="row"
    )
    listings = (
        Listing("by_venue_year", "Papers that came and went, by venue-year", _by_cell(changes)),
        Listing(
            "new",
            "New papers",
            changes.added.select(*CELL, "title", "paper_id").sort(*CELL, "title", "paper_id"),
            100,
        ),
        Listing("gone", "Papers gone", _gone(changes.removed, redirects)),
        Listing(
            "retitled",
            "Papers of another title",
            titles.select(*CELL, "before", "after", "paper_id"),
        ),
        Listing(
            "re_dated",
            "Papers of another date",
            dates.select(*CELL, "title", "before", "after", "paper_id"),
        ),
        Listing("moved_home", "Papers of another venue or year", homes),
        Listing("details", "Other details that changed", other),
    )
    told = tuple(one for one in listings if one.rows.height)
    return Section("papers", "Papers", _words(changes, numbers, details), numbers, told)


def _words(changes: Changes, numbers: dict[str, int], details: dict[str, int]) -> str:
    said = []
    for name, rows in (("new", changes.added), ("gone", changes.removed)):
        if rows.height:
            cells = (
                rows.group_by(CELL)
                .agg(pl.len())
                .sort("len", *CELL, descending=[True, False, False])
            )
            noun = counted(rows.height, f"{'new ' * (name == 'new')}paper") + " gone" * (
                name == "gone"
            )
            said.append(f"{noun} ({capped(cells_named(cells))})")
    for name, noun in (
        ("retitled", "retitled"),
        ("re_dated", "re-dated"),
        ("moved_home", "of another venue or year"),
    ):
        if numbers[name]:
            said.append(f"{numbers[name]:,} {noun}")
    if details:
        what = [f"{name.replace('_', ' ')} of {n:,}" for name, n in details.items()]
        said.append(f"other details ({capped(what, 4)})")
    return f"{listed(said)}." if said else "No paper came, went or changed."


def _by_cell(changes: Changes) -> pl.DataFrame:
    both = [
        frame.select(*CELL, new=pl.lit(int(new)), gone=pl.lit(int(not new)))
        for frame, new in ((changes.added, True), (changes.removed, False))
    ]
    return pl.concat(both).group_by(CELL).agg(pl.col("new", "gone").sum()).sort(CELL)


def _gone(removed: pl.DataFrame, redirects: pl.DataFrame) -> pl.DataFrame:
    now = redirects.select(
        pl.col("from_id").alias("paper_id"), pl.col("to_id").alias("merged_into")
    )
    named = removed.select(*CELL, "title", "paper_id").join(now, on="paper_id", how="left")
    return named.sort(*CELL, "title", "paper_id")


def _rehomed(changes: Changes) -> pl.DataFrame:
    def home(frame: pl.DataFrame) -> pl.Series:
        return frame.select(pl.format("{} {}", "venue", "year")).to_series()

    both = changes.after.select(
        "title",
        home(changes.before).alias("before"),
        home(changes.after).alias("after"),
        "paper_id",
    )
    return both.filter(pl.col("before") != pl.col("after"))
