"""Which citation counts moved, and by how much in all.

Belongs here: the section on `citation_counts`. A count seen again unchanged is no news.
"""

import polars as pl

from pipeline.release.changes import Changes
from pipeline.report.model import Listing, Section
from pipeline.wording import counted, listed

CELL = ["venue", "year"]


def counts_section(changes: Changes, titles: pl.DataFrame) -> Section:
    """Counts by source that moved, became known or were lost.

    `titles`: `paper_id, title` of the papers concerned.
    """
    moved = changes.moved("cited_by_count", CELL).with_columns(
        change=pl.col("after") - pl.col("before")
    )
    numbers = {
        "moved": moved.height,
        "change": int(moved["change"].sum()),
        "known": changes.added.height,
        "lost": changes.removed.height,
    }
    biggest = moved.join(titles, on="paper_id", how="left").sort(
        pl.col("change").abs(), "paper_id", descending=[True, False]
    )
    columns = [*CELL, "title", "citation_source", "before", "after", "change", "paper_id"]
    listings = (
        Listing("by_source", "Counts by source", _by_source(moved, changes)),
        Listing("moved", "Counts that moved, the farthest first", biggest.select(columns)),
    )
    told = tuple(one for one in listings if one.rows.height)
    return Section("counts", "Citation counts", _words(numbers), numbers, told)


def _words(numbers: dict[str, int]) -> str:
    said = []
    if numbers["moved"]:
        said.append(
            f"{counted(numbers['moved'], 'citation count')} moved ({numbers['change']:+,} in all)"
        )
    if numbers["known"]:
        said.append(f"{counted(numbers['known'], 'count')} became known")
    if numbers["lost"]:
        said.append(
            f"{counted(numbers['lost'], 'count')} {'was' if numbers['lost'] == 1 else 'were'} lost"
        )
    return f"{listed(said)}." if said else "No citation count moved."


def _by_source(moved: pl.DataFrame, changes: Changes) -> pl.DataFrame:
    parts = [
        moved.select("citation_source", "change", what=pl.lit("moved")),
        *(
            frame.select("citation_source", change=pl.lit(0, pl.Int32), what=pl.lit(what))
            for frame, what in ((changes.added, "known"), (changes.removed, "lost"))
        ),
    ]
    whats = [(pl.col("what") == w).sum().alias(w) for w in ("moved", "known", "lost")]
    rows = pl.concat(parts).group_by("citation_source").agg(*whats, pl.col("change").sum())
    return rows.select("citation_source", "moved", "change", "known", "lost").sort(
        "citation_source"
    )
