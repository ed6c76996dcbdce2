"""References and edges of every source -> `citations` of one venue-year of citing papers.

Belongs here: putting ids of sources into ours, flags, and when an edge was seen. Not: who is who
(resolution.py), or counts (counts.py): a count is what a source says, never a sum of edges.
"""

import polars as pl

from pipeline.tables import CITATIONS

_KEY = ["citing_paper_id", "source", "cited_key"]


def known_works(paper_ids: pl.DataFrame, merged: pl.DataFrame) -> pl.DataFrame:
    """(cited_key, cited_paper_id, cited_year) of every record that can be cited by its id.

    `merged`: (from_id, to_id) of ids that sources merged away; edges may still name them.
    """
    works = paper_ids.select(
        cited_key="record_key", cited_paper_id="paper_id", cited_year="year"
    ).unique("cited_key")
    forwarded = merged.join(works, left_on="to_id", right_on="cited_key").select(
        "cited_paper_id", "cited_year", cited_key="from_id"
    )
    return pl.concat([works, forwarded.select(works.columns)]).unique("cited_key", keep="first")


def edges_of(
    records: pl.DataFrame, handed_over: pl.DataFrame, paper_ids: pl.DataFrame
) -> pl.DataFrame:
    """One row per (citing paper, source, cited key), from references and from edges files.

    `records`: `dump_records` in force; `handed_over`: edges as the sources' own files tell them;
    `paper_ids`: of the venue-year's papers.
    """
    listed = (
        records.filter(pl.col("references").is_not_null())
        .select("record_key", "source", "observed_on", cited_id="references")
        .explode("cited_id")
        .drop_nulls("cited_id")
        .select(
            "record_key",
            "source",
            "cited_id",
            intents=pl.lit(None, pl.List(pl.String)),
            is_influential=pl.lit(None, pl.Boolean),
            first_seen="observed_on",
            last_seen="observed_on",
            in_force=pl.lit(True),
        )
    )
    apart = handed_over.select(
        pl.concat_str("source", pl.lit(":"), "citing_id").alias("record_key"),
        "source", "cited_id", "intents", "is_influential", "first_seen", "last_seen", "in_force",
    )  # fmt: skip
    citing = paper_ids.select("record_key", "venue", "year", citing_paper_id="paper_id")
    return (
        pl.concat([listed, apart])
        .join(citing, on="record_key")
        .with_columns(cited_key=pl.concat_str("source", pl.lit(":"), "cited_id"))
        # Two records of one paper may both have an edge: one citation, told twice.
        .group_by(*_KEY, "venue", "year")
        .agg(
            pl.col("intents").drop_nulls().first(),
            pl.col("is_influential").drop_nulls().max(),  # null only if nobody tells
            pl.col("first_seen").min(),
            pl.col("last_seen").max(),
            pl.col("in_force").any(),
        )
    )


def still_here(
    before: pl.DataFrame, redirects: pl.DataFrame, elsewhere: pl.DataFrame
) -> pl.DataFrame:
    """What was stored of a venue-year's citations, under the papers that cite by now.

    Papers merged since are followed (`redirects`: from_id, to_id). Those that are at home
    `elsewhere` (paper_id) by now are left out: their citations went with them and are not gone.
    """
    now = dict(redirects.select("from_id", "to_id").iter_rows())
    return (
        before.with_columns(pl.col("citing_paper_id").replace(now))
        .join(elsewhere, left_on="citing_paper_id", right_on="paper_id", how="anti")
        .sort("in_force")
        .group_by(_KEY, maintain_order=True)
        .agg(
            pl.exclude("first_seen", "last_seen").last(),
            pl.col("first_seen").min(),
            pl.col("last_seen").max(),
        )
        .select(before.columns)
    )


def build_citations(edges: pl.DataFrame, works: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """`citations` of a venue-year: `edges` with what they cite, and what was seen `before`.

    What a source no longer tells stays, no longer in force. Self-loops and citations of later
    years are kept and flagged: some are errors, some are preprints.
    """
    vanished = (
        before.join(edges, on=_KEY, how="anti")
        .with_columns(in_force=pl.lit(False))
        .select(edges.columns)
    )
    seen = before.select(*_KEY, _first="first_seen")
    return (
        pl.concat([edges, vanished])
        .join(seen, on=_KEY, how="left")
        .join(works, on="cited_key", how="left")
        .with_columns(
            first_seen=pl.min_horizontal("first_seen", "_first"),
            is_self_loop=pl.col("cited_paper_id").eq_missing(pl.col("citing_paper_id")),
            is_forward=(pl.col("cited_year") > pl.col("year")).fill_null(False),
        )
        .select(CITATIONS.schema.names())
        .sort(CITATIONS.key)
    )
