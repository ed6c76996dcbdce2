"""Citation counts of one venue-year: the newest known per source, and their history.

Belongs here: choosing among counts of one source. Not: choosing a source for a score
(impact/tncsi.py). Counts live apart from text so that a citation never wakes the encoder.
"""

import polars as pl

from pipeline.tables import CITATION_COUNTS, CITATION_SNAPSHOTS

_KEY = ["paper_id", "citation_source"]


def known_counts(records: pl.DataFrame, paper_ids: pl.DataFrame) -> pl.DataFrame:
    """One known count per paper, source and list, oldest list first.

    Repeats of a paper in one list or source are one work seen twice: the larger count, never the
    sum, whichever of the two moved last.
    """
    ids = paper_ids.select("record_key", "paper_id", "paper_row", "venue", "year")
    return (
        records.filter(pl.col("cited_by_count").is_not_null())
        .drop("venue", "year")  # of the record; the paper may be at home elsewhere
        .join(ids, on="record_key", how="inner")
        .sort("cited_by_count", "observed_on", descending=[True, False])
        .group_by(*_KEY, "source", "list_order", "paper_row", "venue", "year", maintain_order=True)
        .agg(pl.col("cited_by_count", "observed_on").first())
        .sort("list_order", "observed_on", "source", descending=[True, False, False])
        .sort(_KEY, maintain_order=True)
    )


def build_citation_counts(records: pl.DataFrame, paper_ids: pl.DataFrame) -> pl.DataFrame:
    """`citation_counts`: the newest *known* count of every paper in force.

    A newer list that does not know a count does not unlearn it: the older count stays, with the
    day it was observed.
    """
    in_force = paper_ids.filter("in_force").select("paper_id").unique()
    return (
        known_counts(records, paper_ids)
        .join(in_force, on="paper_id", how="semi")
        .group_by(_KEY, maintain_order=True)
        .last()
        .select(CITATION_COUNTS.schema.names())
        .sort(_KEY)
    )


def extend_snapshots(snapshots: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`citation_snapshots` with those of `known` appended that differ from the one before.

    Existing snapshots are never changed. A count for a day on or before the newest snapshot of
    its paper and source is already history and is left out.
    """
    newest = (
        snapshots.sort("observed_on")
        .group_by(_KEY)
        .agg(
            pl.col("observed_on").last().alias("newest"),
            pl.col("cited_by_count").last().alias("before"),
        )
    )
    ordered = known.join(newest, on=_KEY, how="left", maintain_order="left").filter(
        pl.col("newest").is_null() | (pl.col("observed_on") > pl.col("newest"))
    )
    # Two lists of one day: the one that came last is what that day ended with. Lists need not
    # stand in the order of their days: one without a date was observed when it was registered.
    ordered = ordered.unique([*_KEY, "observed_on"], keep="last", maintain_order=True)
    ordered = ordered.sort(*_KEY, "observed_on")
    before = pl.col("cited_by_count").shift().over(_KEY).fill_null(pl.col("before"))
    moved = ordered.filter(pl.col("cited_by_count").ne_missing(before))
    news = moved.select(CITATION_SNAPSHOTS.schema.names())
    return pl.concat([snapshots, news]).sort(*_KEY, "observed_on")
