"""How much of each venue-year the library holds, and how many of its papers have a count.

Belongs here: the section on coverage. Not: accounts of records by source (`csimpact status`).
"""

import polars as pl

from pipeline.report.figures.coverage import share_map
from pipeline.report.model import Listing, Picture, Section
from pipeline.wording import capped, counted, part, percent, span

CELL = ["venue", "year"]
TITLE = "Coverage"
PANELS = {
    "found": "Papers held / papers expected",
    "with_count": "Papers with a citation count / papers held",
}


def coverage_section(scores: pl.DataFrame, coverage: pl.DataFrame) -> Section:
    """Maps of papers held of those expected, and of counts known; a table by venue."""
    if not scores.height:
        return Section("coverage", TITLE, "No paper is held yet.", {})
    cells = _cells(scores, coverage)
    known = cells.drop_nulls("n_expected")
    numbers = {
        "venue_years": cells.height,
        "papers": int(cells["n_papers"].sum()),
        "counted": int(cells["n_counted"].sum()),
        "expected": int(known["n_expected"].sum()),
        "found": int(known.select(pl.min_horizontal("n_papers", "n_expected").sum()).item()),
        "expected_unknown": cells.height - known.height,
    }
    words = " ".join([_held(numbers, coverage), _counted(numbers)])
    pictures = [_picture(cells, column) for column in PANELS if cells[column].count()]
    return Section("coverage", TITLE, words, numbers, (_by_venue(cells),), pictures)


def _cells(scores: pl.DataFrame, coverage: pl.DataFrame) -> pl.DataFrame:
    """venue, year, n_papers, n_counted, n_expected, found, with_count; null where unknown."""
    held = scores.group_by(CELL).agg(
        n_papers=pl.len().cast(pl.Int64), n_counted=pl.col("cited_by_count").count().cast(pl.Int64)
    )
    expected = coverage.group_by(CELL).agg(pl.col("n_expected").max().cast(pl.Int64))
    both = held.join(expected, on=CELL, how="full", coalesce=True).with_columns(
        pl.col("n_papers", "n_counted").fill_null(0),
        pl.when(pl.col("n_expected") > 0).then("n_expected"),
    )
    return both.with_columns(
        found=(pl.col("n_papers") / pl.col("n_expected")).clip(0, 1),
        with_count=pl.when(pl.col("n_papers") > 0).then(pl.col("n_counted") / pl.col("n_papers")),
    ).sort(CELL)


def _held(numbers: dict[str, int], coverage: pl.DataFrame) -> str:
    unknown = numbers["expected_unknown"]
    if unknown == numbers["venue_years"]:
        return "No source says how many papers to expect."
    own = coverage.filter(
        pl.col("expected_from").is_not_null() & (pl.col("expected_from") != "dblp")
    )
    alone = own.select(CELL).n_unique()
    parts = [f"{part(numbers['found'], numbers['expected'], 'expected papers')} are held"]
    if alone:
        parts.append(
            f"; in {counted(alone, 'venue-year')} the list itself says what to expect, so that a "
            "full share there says only that nothing was lost on the way"
        )
    if unknown:
        parts.append(f"; of {counted(unknown, 'venue-year')} nobody says what to expect")
    return "".join(parts) + "."


def _counted(numbers: dict[str, int]) -> str:
    return f"{part(numbers['counted'], numbers['papers'], 'papers')} have a citation count."


def _by_venue(cells: pl.DataFrame) -> Listing:
    rows = (
        cells.group_by("venue")
        .agg(
            pl.col("year").min().alias("from_year"),
            pl.col("year").max().alias("to_year"),
            pl.col("n_papers").sum(),
            n_expected=pl.when(pl.col("n_expected").count() > 0).then(pl.col("n_expected").sum()),
            counted_share=pl.col("n_counted").sum() / pl.col("n_papers").sum(),
        )
        .sort("venue")
        # A year is no quantity: as text it is neither grouped by thousands nor summed up.
        .with_columns(pl.col("from_year", "to_year").cast(pl.String))
    )
    heads = {
        "from_year": "from", "to_year": "to", "n_papers": "papers held",
        "n_expected": "papers expected", "counted_share": "with a count (0–1)",
    }  # fmt: skip
    return Listing("by_venue", "Papers by venue", rows, heads=heads, subject="venue")


def _picture(cells: pl.DataFrame, column: str) -> Picture:
    known = cells.drop_nulls(column).sort(column, *CELL)
    full, empty = (known.filter(pl.col(column) == share).height for share in (1, 0))
    poor = known.filter(pl.col(column) < 0.5).select(*CELL, column)
    few = [f"{venue} {year} ({percent(share)})" for venue, year, share in poor.iter_rows()]
    alt = (
        f"Heat map of {counted(cells['venue'].n_unique(), 'venue')} by year, {span(cells['year'])}:"
        f" {PANELS[column].lower()}. Of {counted(known.height, 'venue-year')}, {full:,} are at "
        f"100% and {empty:,} at 0%."
    )
    if few:
        alt += f" The lowest: {capped(few)}."
    caption = f"{PANELS[column]}, by venue and year. Grey: unknown; blank: not held."
    return Picture(column, caption, alt, share_map(cells.select(*CELL, column), PANELS[column]))
