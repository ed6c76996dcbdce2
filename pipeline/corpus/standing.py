"""What a source says now: rows of a newer file merged into the rows in force.

Belongs here: which row of one source wins, column by column. Not: reading files (the importers),
storing rows (resources/source_store.py), telling papers apart across sources (resolution.py), or
citations (standing_edges.py).

All functions work on one source. Merging the same rows twice equals merging them once, and files
may come in any order: an id stands if the newest word on it is a row, and each of its columns has
the value of the newest file that tells this column. On one day, what is merged last counts, but a
patch counts more than a row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline.corpus.incoming import RECORD_SCHEMA
from pipeline.tables import DUMP_RECORDS, Cell

_FOLLOWS = {
    "citation_source": "cited_by_count",
    "date_precision": "publication_date",
    "author_ids": "authors",
    "affiliations": "authors",
}
"""Columns that mean nothing without another one: both are always told by the same row."""

_TOLD = tuple(
    n
    for n in RECORD_SCHEMA
    if n not in ("op", "merged_into", "source_id", "venue", "year", "source_row")
)
_LEADING = tuple(n for n in _TOLD if n not in _FOLLOWS)
_TOGETHER = {n: (n, *(f for f, leader in _FOLLOWS.items() if leader == n)) for n in _LEADING}

CLOCKS = {n: f"{n}_on" for n in _LEADING}
"""Column -> the day it was told, where that is not the day the row was confirmed."""

STORED_SCHEMA = pl.Schema(
    [
        *DUMP_RECORDS.schema.items(),
        ("confirmed_on", pl.Date()),
        *((clock, pl.Date()) for clock in CLOCKS.values()),
    ]
)
"""Rows in force: `dump_records`, and the days of the newest files that told of row and columns."""

HEAD_SCHEMA = pl.Schema(
    [(n, STORED_SCHEMA[n]) for n in ("source_id", "venue", "year", "confirmed_on")]
)
"""Where each id of a source lies, and since when that is confirmed."""

GONE_SCHEMA = pl.Schema(
    [("source_id", pl.String()), ("gone_on", pl.Date()), ("merged_into", pl.String())]
)
"""Ids a source took back, and into which it merged them, if it did.

`gone_on`: of one that a complete file did not name, the day of the last file that did.
"""

CLOSED_SCHEMA = pl.Schema([("venue", pl.String()), ("year", pl.Int32()), ("closed_on", pl.Date())])
"""Day of the newest file that was the whole truth about a venue-year."""

# Where and when something was read is no part of what is said.
PROVENANCE = ("source_file", "source_row", "confirmed_on", *CLOCKS.values())
_SAID = tuple(n for n in STORED_SCHEMA if n not in (*PROVENANCE, "observed_on"))
_NEVER = pl.lit(date(1, 1, 1))  # the clock of a column that no file told yet


@dataclass(frozen=True)
class Known:
    """What a source has told before a file is read.

    `heads`, `gone`, `closed`: HEAD_SCHEMA, GONE_SCHEMA, CLOSED_SCHEMA; `all_closed`: the day of the
    newest file that was the whole truth about the source, if there is one.
    """

    heads: pl.DataFrame
    gone: pl.DataFrame
    closed: pl.DataFrame
    all_closed: date | None = None


def place(rows: pl.DataFrame, known: Known, day: date) -> tuple[pl.DataFrame, int]:
    """(rows that are news of some kind, placed in venue-years; number of those on unknown ids).

    `rows`: RECORD_SCHEMA, of a file of `day`. Patches and deletions go where their id lies,
    deletions of unknown ids have no place. A row older than what is confirmed gets op `older`: it
    may still tell columns that no newer one tells. A row in a venue-year of which a newer file was
    the whole truth becomes a deletion: that file did not name it.
    """
    later = (pl.col("confirmed_on") > day).fill_null(False)
    later_gone = (pl.col("gone_on") > day).fill_null(False)
    is_row, is_patch = pl.col("op") == "row", pl.col("op") == "patch"
    unknown = pl.col("confirmed_on").is_null()
    closed_on = pl.max_horizontal("closed_on", pl.lit(known.all_closed, pl.Date))
    joined = (
        rows.join(
            known.heads.rename({"venue": "_venue", "year": "_year"}),
            on="source_id", how="left", maintain_order="left",
        )
        .join(known.gone.drop("merged_into"), on="source_id", how="left", maintain_order="left")
        .join(known.closed, on=["venue", "year"], how="left", maintain_order="left")
        .filter(~later_gone, is_row | is_patch | ~later)
    )  # fmt: skip
    lost = joined.filter(~is_row & unknown).height
    placed = (
        joined.filter(~(is_patch & unknown))
        .with_columns(
            op=pl.when(is_row & later)
            .then(pl.lit("older"))
            .when(is_row & (closed_on > day))
            .then(pl.lit("delete"))
            .otherwise("op")
        )
        .with_columns(
            venue=pl.when(is_row).then("venue").otherwise("_venue"),
            year=pl.when(is_row).then("year").otherwise("_year"),
        )
    )
    return placed.select(RECORD_SCHEMA.names()), lost


def last_words(named: pl.DataFrame) -> pl.DataFrame:
    """The last row, deletion or merge of each id of a file, patches apart.

    `named`: source_id, op, venue, year, source_row … of everything placed.
    """
    words = named.filter(pl.col("op").is_in(["row", "delete", "merge"]))
    return words.sort("source_row", maintain_order=True).unique(
        "source_id", keep="last", maintain_order=True
    )


def absent(heads: pl.DataFrame, named: pl.DataFrame, scope: Cell | None, day: date) -> pl.DataFrame:
    """Heads (of a venue-year, or of all) that a file which is the whole truth does not name."""
    held = heads if scope is None else heads.filter(venue=scope[0], year=scope[1])
    return held.filter(pl.col("confirmed_on") <= day).join(named, on="source_id", how="anti")


def merge_records(
    before: pl.DataFrame,
    incoming: pl.DataFrame,
    *,
    source: str,
    file: str,
    day: date,
    untold: Sequence[str] = (),
) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """(rows of a venue-year in force after a file, how many are new and changed).

    `before`: STORED_SCHEMA, those that came from another venue-year included and those that left
    or are deleted not; `incoming`: rows, `older` rows and patches of RECORD_SCHEMA. A row that says
    what was said before stays as it was, but for its clocks. Columns of `untold` are not told by
    this kind of file: a null there takes nothing away.
    """
    ordered = incoming.sort("source_row", maintain_order=True)
    rows, older = (
        ordered.filter(op=op).unique("source_id", keep="last", maintain_order=True)
        for op in ("row", "older")
    )
    after, n_new, n_changed = _replaced(before, _as_stored(rows, source, file, day), day, untold)
    after, n_late = _overlaid(
        after,
        older,
        day,
        # What no newer file told has an older clock of its own, however new the row is.
        lambda c: (
            (pl.col(CLOCKS[c]) < day) & (pl.col(f"{c}_told").is_not_null() | (c not in untold))
        ),
    )
    patches = ordered.filter(op="patch")
    gathered = patches.group_by("source_id", maintain_order=True).agg(
        pl.col(_TOLD).drop_nulls().last()
    )
    after, n_patched = _overlaid(
        after,
        gathered,
        day,
        lambda c: (
            pl.col(f"{c}_told").is_not_null() & (pl.coalesce(CLOCKS[c], "confirmed_on") <= day)
        ),
    )
    counts = {"n_new": n_new, "n_changed": n_changed + n_late + n_patched}
    return after.sort("source_id"), counts


def followed(gone: pl.DataFrame) -> pl.DataFrame:
    """(source_id, merged_into, gone_on) of merged ids, each with the last id of its chain."""
    merged = gone.drop_nulls("merged_into")
    into = dict(merged.select("source_id", "merged_into").iter_rows())
    last = []
    for start in into:
        seen, now = {start}, into[start]
        while now in into and now not in seen:  # a circle has no end: it stops where it closes
            seen.add(now)
            now = into[now]
        last.append(now)
    ended = merged.select("source_id", pl.Series("merged_into", last, pl.String), "gone_on")
    return ended.filter(pl.col("source_id") != pl.col("merged_into"))


def _as_stored(rows: pl.DataFrame, source: str, file: str, day: date) -> pl.DataFrame:
    return rows.with_columns(
        source=pl.lit(source),
        record_key=pl.lit(f"{source}:") + pl.col("source_id"),
        source_file=pl.lit(file),
        observed_on=pl.lit(day),
        confirmed_on=pl.lit(day),
        list_order=pl.lit(0, dtype=pl.Int32),
        **{clock: pl.lit(None, pl.Date) for clock in CLOCKS.values()},
    ).select(STORED_SCHEMA.names())


def _replaced(
    before: pl.DataFrame, told: pl.DataFrame, day: date, untold: Sequence[str]
) -> tuple[pl.DataFrame, int, int]:
    """(rows after `told` replaced those of the same ids, how many are new, how many changed)."""
    if told.is_empty():
        return before, 0, 0
    both = told.join(
        before, on="source_id", how="left", suffix="_before", maintain_order="left"
    ).with_columns(_known=pl.col("confirmed_on_before").is_not_null())
    columns: dict[str, pl.Expr] = {}
    kept: dict[str, pl.Expr] = {}
    for leader, clock in CLOCKS.items():
        silent = pl.col(leader).is_null() if leader in untold else pl.lit(False)
        patched = (pl.col(f"{clock}_before") >= day).fill_null(False)
        kept[leader] = pl.col("_known") & (silent | patched)
        for name in _TOGETHER[leader]:
            columns[name] = pl.when(kept[leader]).then(f"{name}_before").otherwise(name)
        told_on = pl.coalesce(f"{clock}_before", "confirmed_on_before", _NEVER)
        columns[clock] = pl.when(patched | silent).then(told_on)
    counted = kept["cited_by_count"] & pl.col("cited_by_count_before").is_not_null()
    merged = both.with_columns(**columns, _counted=counted)
    same = pl.col("_known") & pl.all_horizontal(
        pl.col(n).eq_missing(pl.col(f"{n}_before")) for n in _SAID if n != "source_id"
    )
    merged = merged.with_columns(_same=same).with_columns(
        *(
            pl.when("_same").then(f"{n}_before").otherwise(n).alias(n)
            for n in ("source_file", "source_row")
        ),
        observed_on=pl.when(pl.col("_same") | pl.col("_counted"))
        .then("observed_on_before")
        .otherwise("observed_on"),
    )
    rest = before.join(told, on="source_id", how="anti")
    n_known, n_same = int(merged["_known"].sum()), int(merged["_same"].sum())
    after = pl.concat([rest, merged.select(STORED_SCHEMA.names())])
    return after, merged.height - n_known, n_known - n_same


def _overlaid(
    rows: pl.DataFrame, told: pl.DataFrame, day: date, takes: Callable[[str], pl.Expr]
) -> tuple[pl.DataFrame, int]:
    """(`rows` with the columns that `takes` allows from `told`, how many rows that changed)."""
    if told.is_empty() or rows.is_empty():
        return rows, 0
    joined = rows.join(
        told.select("source_id", *(pl.col(n).alias(f"{n}_told") for n in _TOLD), _spoken=True),
        on="source_id", how="left", maintain_order="left",
    )  # fmt: skip
    # An empty abstract says that there is none any more.
    joined = joined.with_columns(_gone=pl.col("abstract_told") == "")
    columns: dict[str, pl.Expr] = {}
    moves: list[pl.Expr] = []
    for leader, clock in CLOCKS.items():
        taken = (pl.col("_spoken") & takes(leader)).fill_null(False)
        for name in _TOGETHER[leader]:
            value = pl.col(f"{name}_told")
            if name == "abstract":
                value = pl.when(~pl.col("_gone")).then(value)
            columns[name] = pl.when(taken).then(value).otherwise(name)
            moves.append(taken & value.ne_missing(pl.col(name)))
            if name == "cited_by_count":
                counted = moves[-1]
        columns[clock] = pl.when(taken).then(pl.lit(day)).otherwise(clock)
    columns["observed_on"] = pl.when(counted).then(pl.lit(day)).otherwise("observed_on")
    overlaid = joined.with_columns(**columns, _moved=pl.any_horizontal(moves))
    return overlaid.select(STORED_SCHEMA.names()), int(overlaid["_moved"].sum())
