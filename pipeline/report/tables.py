"""What moved table by table, coverage included, and what did not move at all.

Belongs here: the sections that hold for any table. Not: what a table's changes mean (papers.py,
counts.py, scores.py, edges.py).
"""

from collections.abc import Mapping

import polars as pl

from pipeline.release.changes import Changes
from pipeline.report.model import Listing, Section
from pipeline.wording import counted, listed

REOBSERVED: Mapping[str, frozenset[str]] = {
    "citation_counts": frozenset({"observed_on"}),
    "citations": frozenset({"last_seen"}),
}
"""Columns that say only that the same was seen again."""


def is_news(changes: Changes) -> bool:
    """Whether rows came, went or changed, other than by being seen again."""
    moved = changes.columns().keys() - REOBSERVED.get(changes.table, frozenset())
    return bool(changes.added.height or changes.removed.height or moved)


def tables_section(changes: Mapping[str, Changes], files: pl.DataFrame) -> Section:
    """Every table with its files (`table, files_changed, files, rows`) and rows that moved."""
    rows = [(n, c.added.height, c.removed.height, c.n_changed) for n, c in changes.items()]
    schema = {"table": pl.String, "added": pl.Int64, "removed": pl.Int64, "changed": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row").join(files, on="table", how="left")
    same = [name.replace("_", " ") for name, one in changes.items() if not is_news(one)]
    words = f"Tables unchanged: {listed(same)}." if same else ""
    listing = Listing("tables", "Rows and files that moved", frame)
    return Section(
        "tables", "What changed and what did not", words, {"unchanged": len(same)}, (listing,)
    )


def coverage_section(changes: Changes) -> Section:
    """How much of a venue-year each source covers, where that moved."""
    rows = [*_new(changes.added, "new"), *_new(changes.removed, "gone"), *_moved(changes)]
    schema = {"venue": pl.String, "year": pl.Int32, "source": pl.String, "what": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row").sort("venue", "year", "source")
    cells = frame.select("venue", "year").n_unique()
    words = f"Coverage moved in {counted(cells, 'venue-year')}." if cells else ""
    table = Listing("coverage", "Coverage that moved", frame)
    return Section("coverage", "Coverage", words, {"venue_years": cells}, (table,) if cells else ())


_Row = tuple[str, int, str, str]


def _new(rows: pl.DataFrame, what: str) -> list[_Row]:
    return [(v, y, s, what) for v, y, s in rows.select("venue", "year", "source").iter_rows()]


def _moved(changes: Changes) -> list[_Row]:
    told = []
    for old, new in zip(changes.before.to_dicts(), changes.after.to_dicts(), strict=True):
        parts = [
            f"{name.removeprefix('n_').replace('_', ' ')} {old[name]} → {new[name]}"
            for name in changes.compared
            if old[name] != new[name]
        ]
        told.append((new["venue"], new["year"], new["source"], ", ".join(parts)))
    return told
