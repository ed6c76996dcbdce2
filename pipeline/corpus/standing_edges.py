"""Which citations a source tells of now: edges of a newer file merged into those known.

Belongs here: which word on an edge is the last, and since when it is seen. Not: records
(standing.py), storing (resources/source_store.py), or whose papers the ends are (citations.py).

As with records, files may come in any order and the same file twice.
"""

from collections.abc import Mapping
from datetime import date

import polars as pl

from pipeline.corpus.incoming import EDGE_SCHEMA

ENDS = ["citing_id", "cited_id"]
_VALUES = ("intents", "is_influential", "edge_id")

STORED_EDGES = pl.Schema(
    [
        *((n, t) for n, t in EDGE_SCHEMA.items() if n not in ("op", "source_row")),
        ("first_seen", pl.Date()),  # null: only ever taken back, by a file that came first
        ("last_seen", pl.Date()),
        ("in_force", pl.Boolean()),
        ("told_on", pl.Date()),  # day of the newest file that spoke of it
    ]
)


def merge_edges(
    before: pl.DataFrame, incoming: pl.DataFrame, day: date
) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """(edges of a venue-year after a file of `day`, how many are new, changed, removed).

    `before`: STORED_EDGES; `incoming`: EDGE_SCHEMA with both ends. An edge that was taken back
    stays, no longer in force, so that it is known when it was seen. One that is told again as it
    was stays as it was: `last_seen` is the day it last was news.
    """
    words = incoming.sort("source_row", maintain_order=True).unique(
        ENDS, keep="last", maintain_order=True
    )
    told = words.select(*ENDS, "op", *(pl.col(n).alias(f"{n}_told") for n in _VALUES))
    both = before.join(told, on=ENDS, how="full", coalesce=True)
    says, today = (pl.col("op") == "row").fill_null(False), pl.lit(day)
    newer = pl.col("op").is_not_null() & (pl.col("told_on") <= day).fill_null(True)
    stood = pl.col("in_force").fill_null(False)
    # A file that does not tell a value takes none away; an older one only fills gaps.
    values = {
        n: pl.when(newer).then(pl.coalesce(f"{n}_told", n)).otherwise(pl.coalesce(n, f"{n}_told"))
        for n in _VALUES
    }
    moved = pl.any_horizontal(v.ne_missing(pl.col(n)) for n, v in values.items())
    seen = both.with_columns(
        _new=newer & says & ~stood, _moved=newer & says & stood & moved, _back=newer & ~says & stood
    )
    late = ~newer & says & pl.col("last_seen").is_null()
    after = seen.with_columns(
        **values,
        first_seen=pl.min_horizontal("first_seen", pl.when(says).then(today)),
        last_seen=pl.when(pl.col("_new") | pl.col("_moved") | late)
        .then(today)
        .otherwise("last_seen"),
        in_force=pl.when(newer).then(says).otherwise("in_force"),
        told_on=pl.when(newer).then(today).otherwise("told_on"),
    )
    counts = {f"n_{n}": int(seen[c].sum()) for n, c in
              (("new", "_new"), ("changed", "_moved"), ("removed", "_back"))}  # fmt: skip
    return after.select(STORED_EDGES.names()).sort(ENDS), counts


def seen_edges(edges: pl.DataFrame) -> pl.DataFrame:
    """Of STORED_EDGES those ever told of, without the clock."""
    return edges.drop_nulls("first_seen").drop("told_on")
