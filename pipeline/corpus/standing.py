"""What a source says now: rows of a newer file merged into the rows in force.

Belongs here: which row of one source wins. Not: reading files (the importers), storing rows
(resources/source_store.py), or telling papers apart across sources (resolution.py).

All functions work on one source. Merging the same rows twice equals merging them once, and rows
of an older file never overwrite what a newer one said, so files may come in any order.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from pipeline.corpus.incoming import EDGE_SCHEMA, RECORD_SCHEMA
from pipeline.tables import DUMP_RECORDS, Cell

STORED_SCHEMA = pl.Schema([*DUMP_RECORDS.schema.items(), ("confirmed_on", pl.Date())])
"""Rows in force: `dump_records`, and the day of the newest file that still said the same."""

STORED_EDGES = pl.Schema(
    [
        *((n, t) for n, t in EDGE_SCHEMA.items() if n not in ("op", "source_row")),
        ("first_seen", pl.Date()),
        ("last_seen", pl.Date()),
        ("in_force", pl.Boolean()),
    ]
)

HEAD_SCHEMA = pl.Schema(
    [(n, STORED_SCHEMA[n]) for n in ("source_id", "venue", "year", "confirmed_on")]
)
"""Where each id of a source lies, and since when that is confirmed."""

GONE_SCHEMA = pl.Schema(
    [("source_id", pl.String()), ("gone_on", pl.Date()), ("merged_into", pl.String())]
)
"""Ids a source took back, and into which it merged them, if it did."""

# Where a row was read is no part of what it says.
_PROVENANCE = ("source_file", "source_row", "observed_on", "confirmed_on")
_SAID = tuple(n for n in STORED_SCHEMA if n not in _PROVENANCE)


def place(
    rows: pl.DataFrame, heads: pl.DataFrame, gone: pl.DataFrame, day: date
) -> tuple[pl.DataFrame, int]:
    """(rows that every one has a venue-year, number of rows about unknown ids).

    `rows`: RECORD_SCHEMA. Patches and deletions go where their id lies; a row whose id lies
    elsewhere now also leaves there a row with op `leave`. Rows older than what is confirmed are
    dropped: what a newer file said stands.
    """
    lying = heads.rename({"venue": "_venue", "year": "_year"})
    joined = rows.join(lying, on="source_id", how="left", maintain_order="left").join(
        gone.select("source_id", "gone_on"), on="source_id", how="left", maintain_order="left"
    )
    overtaken = (pl.col("confirmed_on") > day) | (pl.col("gone_on") > day)
    fresh = joined.filter(~overtaken.fill_null(False))
    lost = fresh["venue"].is_null() & fresh["_venue"].is_null()
    moved = (
        (pl.col("op") == "row")
        & pl.col("_venue").is_not_null()
        & ((pl.col("_venue") != pl.col("venue")) | (pl.col("_year") != pl.col("year")))
    )
    leaving = fresh.filter(moved).with_columns(
        op=pl.lit("leave"), venue=pl.col("_venue"), year=pl.col("_year")
    )
    staying = fresh.filter(~lost).with_columns(
        venue=pl.coalesce("venue", "_venue"), year=pl.coalesce("year", "_year")
    )
    names = RECORD_SCHEMA.names()
    return pl.concat([staying.select(names), leaving.select(names)]), int(lost.sum())


def merge_records(
    before: pl.DataFrame,
    incoming: pl.DataFrame,
    *,
    source: str,
    file: str,
    day: date,
    untold: Sequence[str] = (),
) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """(rows of a venue-year in force after a file, how many are new, changed, removed, repeated).

    `before`: STORED_SCHEMA; `incoming`: RECORD_SCHEMA, placed in this venue-year. A row that says
    what was said before stays as it was, but for the day it was confirmed. Columns of `untold` are
    not told by this kind of file: a null there takes nothing away.
    """
    last = incoming.sort("source_row", maintain_order=True).unique(
        ["source_id", "op"], keep="last", maintain_order=True
    )
    # The last word on an id, patches apart: a deletion after the row, or the row after it.
    verdict = last.filter(pl.col("op") != "patch").unique(
        "source_id", keep="last", maintain_order=True
    )
    removed = verdict.filter(pl.col("op") != "row")["source_id"]
    told = _as_stored(verdict.filter(pl.col("op") == "row"), source, file, day)
    for name in untold:
        known = before.select("source_id", _known=name)
        told = told.join(known, on="source_id", how="left", maintain_order="left").with_columns(
            pl.coalesce(name, "_known").alias(name)
        )
    told = told.select(STORED_SCHEMA.names())
    kept = before.filter(~pl.col("source_id").is_in(removed.to_list()))
    same = _saying_the_same(kept, told)
    changed = kept.join(told, on="source_id", how="semi").height - same.height
    rest = kept.join(told, on="source_id", how="anti")
    confirmed = kept.join(same, on="source_id", how="semi").with_columns(confirmed_on=pl.lit(day))
    new = told.join(same, on="source_id", how="anti")
    after = pl.concat([rest, confirmed, new])
    after, patched = _patched(after, last.filter(pl.col("op") == "patch"), day)
    counts = {
        "n_new": told.height - same.height - changed,
        "n_changed": changed + patched,
        "n_removed": before.height - kept.height,
        "n_repeated": incoming.filter(pl.col("op") == "row").height - told.height,
    }
    return after.sort("source_id"), counts


def merge_edges(before: pl.DataFrame, incoming: pl.DataFrame, day: date) -> pl.DataFrame:
    """Edges (STORED_EDGES) of a venue-year after a file of `day`; `incoming`: EDGE_SCHEMA.

    An edge that was taken back stays, no longer in force, so that it is known when it was seen.
    """
    fresh = incoming.select(
        "citing_id",
        "cited_id",
        "intents",
        "is_influential",
        "edge_id",
        first_seen=pl.lit(day),
        last_seen=pl.lit(day),
        in_force=pl.col("op") == "row",
    )
    return (
        pl.concat([before, fresh])
        .sort("last_seen", maintain_order=True)
        .group_by("citing_id", "cited_id", maintain_order=True)
        .agg(
            pl.col("intents").drop_nulls().last(),
            pl.col("is_influential").drop_nulls().last(),
            pl.col("edge_id").drop_nulls().last(),
            pl.col("first_seen").min(),
            # Of one that was taken back: the last day it still stood.
            pl.coalesce(
                pl.col("last_seen").filter("in_force").max(), pl.col("last_seen").max()
            ).alias("last_seen"),
            pl.col("in_force").last(),
        )
        .sort("citing_id", "cited_id")
        .select(STORED_EDGES.names())
    )


def absent(heads: pl.DataFrame, named: pl.DataFrame, scope: Cell | None, day: date) -> pl.DataFrame:
    """Heads (of a venue-year, or of all) that a file which is the whole truth does not name."""
    held = heads if scope is None else heads.filter(venue=scope[0], year=scope[1])
    return held.filter(pl.col("confirmed_on") <= day).join(named, on="source_id", how="anti")


def _as_stored(rows: pl.DataFrame, source: str, file: str, day: date) -> pl.DataFrame:
    return rows.with_columns(
        source=pl.lit(source),
        record_key=pl.lit(f"{source}:") + pl.col("source_id"),
        source_file=pl.lit(file),
        observed_on=pl.lit(day),
        confirmed_on=pl.lit(day),
        list_order=pl.lit(0, dtype=pl.Int32),
    ).select(STORED_SCHEMA.names())


def _saying_the_same(kept: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    both = kept.join(told, on="source_id", how="inner", suffix="_told")
    agree = [pl.col(n).eq_missing(pl.col(f"{n}_told")) for n in _SAID if n != "source_id"]
    return both.filter(pl.all_horizontal(agree)).select("source_id")


def _patched(rows: pl.DataFrame, patches: pl.DataFrame, day: date) -> tuple[pl.DataFrame, int]:
    names = [
        n for n in patches.columns if n in rows.columns and patches[n].null_count() < patches.height
    ]
    names = [n for n in names if n not in ("source_id", "venue", "year", *_PROVENANCE)]
    if not names or rows.is_empty():
        return rows, 0
    joined = rows.join(
        patches.select("source_id", *names),
        on="source_id",
        how="left",
        suffix="_new",
        maintain_order="left",
    )
    told = {n: _told(n, rows.schema[n]) for n in names}
    moved = [told[n].ne_missing(pl.col(n)) for n in names]
    counted = moved[names.index("cited_by_count")] if "cited_by_count" in names else pl.lit(False)
    flagged = joined.with_columns(_moved=pl.any_horizontal(moved), _counted=counted)
    patched = flagged.with_columns(
        *(told[n].alias(n) for n in names),
        observed_on=pl.when("_counted").then(pl.lit(day)).otherwise("observed_on"),
    )
    return patched.select(rows.columns), int(flagged["_moved"].sum())


def _told(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column after a patch: what it tells, else what was there; an empty text takes it away."""
    new = pl.col(f"{name}_new")
    if dtype == pl.String:
        return pl.when(new == "").then(None).otherwise(pl.coalesce(new, name))
    return pl.coalesce(new, name)
