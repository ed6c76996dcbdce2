"""Records and their paper ids -> `papers`, `authorships`, `venue_coverage` of one venue-year.

Belongs here: which record speaks for a paper, and the accounts of where every row went. Not: who
is who (corpus/resolution.py) or citations (corpus/counts.py): a moved count never changes these
tables.
"""

import polars as pl

from pipeline.corpus.text import text_hash
from pipeline.tables import AUTHORSHIPS, PAPERS, VENUE_COVERAGE

FILLED = ("abstract", "doi", "url", "presentation")
LISTS = ("authors", "keywords")


def build_papers(records: pl.DataFrame, paper_ids: pl.DataFrame) -> pl.DataFrame:
    """`papers` of a venue-year from its `dump_records` and `paper_ids`.

    The record in the main track, with an abstract, with most authors speaks for the paper; what
    it lacks is taken from the others in the same order.
    """
    ranked = _ranked(records, paper_ids)
    # `first` after the sort is the best record; `drop_nulls().first()` the best that has a value.
    best = [pl.col(c).first() for c in ranked.columns if c not in (*FILLED, *LISTS, "paper_id")]
    filled = [pl.col(c).drop_nulls().first() for c in FILLED]
    lists = [pl.col(c).filter(pl.col(c).list.len() > 0).first() for c in LISTS]
    papers = ranked.group_by("paper_id", maintain_order=True).agg(
        *best, *filled, *lists, n_records=pl.len().cast(pl.Int32)
    )
    hashes = [text_hash(t, a) for t, a in papers.select("title", "abstract").iter_rows()]
    return (
        papers.with_columns(
            in_pools=pl.col("track") != "workshop",
            n_authors=pl.col("authors").list.len().fill_null(0).cast(pl.Int32),
            keywords=pl.col("keywords").fill_null(pl.lit([], dtype=pl.List(pl.String))),
            text_hash=pl.Series(hashes, dtype=pl.String),
        )
        .select(PAPERS.schema.names())
        .sort("paper_id")
    )


def build_authorships(records: pl.DataFrame, paper_ids: pl.DataFrame) -> pl.DataFrame:
    """`authorships` of a venue-year: the author list of the record that speaks for each paper."""
    longest = (
        _ranked(records, paper_ids)
        .filter(pl.col("authors").list.len() > 0)
        .group_by("paper_id", maintain_order=True)
        .first()
    )
    return (
        longest.select(
            "paper_id",
            "venue",
            "year",
            author_position=pl.int_ranges(pl.col("authors").list.len(), dtype=pl.Int32),
            author_name="authors",
        )
        .explode("author_position", "author_name")
        .select(AUTHORSHIPS.schema.names())
        .sort("paper_id", "author_position")
    )


def build_venue_coverage(
    records: pl.DataFrame, paper_ids: pl.DataFrame, papers: pl.DataFrame, quarantine: pl.DataFrame
) -> pl.DataFrame:
    """`venue_coverage` of a venue-year: records = papers + excluded + duplicates + quarantined.

    One row per source; a paper that several sources have counts in each.
    """
    in_force = records.filter(pl.col("list_order") == 0)
    bad = quarantine.filter(pl.col("in_force") & (pl.col("source_row") >= 0))
    place = ["venue", "year", "source"]
    found = in_force.join(paper_ids, on="record_key").select(*place, "paper_id").unique()
    parts = [
        in_force.group_by(place).agg(
            n_listed=pl.len(), n_excluded=pl.col("excluded_because").is_not_null().sum()
        ),
        bad.group_by(place).agg(n_quarantined=pl.len()),
        found.join(papers.select("paper_id", "in_pools", "abstract"), on="paper_id")
        .group_by(place)
        .agg(
            n_papers=pl.len(),
            n_workshop=(~pl.col("in_pools")).sum(),
            n_with_abstract=pl.col("abstract").count(),
        ),
    ]
    seen = pl.concat([records.select(place), quarantine.select(place)]).unique()
    for part in parts:
        seen = seen.join(part, on=place, how="left")
    counted = seen.with_columns(pl.exclude(place).fill_null(0).cast(pl.Int32))
    return (
        counted.with_columns(
            n_records=pl.col("n_listed") + pl.col("n_quarantined"),
            n_duplicates=pl.col("n_listed") - pl.col("n_excluded") - pl.col("n_papers"),
        )
        .select(VENUE_COVERAGE.schema.names())
        .sort(VENUE_COVERAGE.key)
    )


def _ranked(records: pl.DataFrame, paper_ids: pl.DataFrame) -> pl.DataFrame:
    ids = paper_ids.filter("in_force").select("record_key", "paper_id", "paper_row")
    return (
        records.join(ids, on="record_key", how="inner")
        .with_columns(
            _workshop=pl.col("track") == "workshop",
            _bare=pl.col("abstract").is_null(),
            _authors=-pl.col("authors").list.len().cast(pl.Int32),
        )
        .sort("paper_id", "_workshop", "_bare", "_authors", "title", "source_row")
        .drop("_workshop", "_bare", "_authors")
    )
