"""Records and their paper ids -> `papers` and `authorships` of one venue-year.

Belongs here: which record speaks for a paper. Not: who is who (resolution.py), the accounts
(coverage.py) or citations (counts.py, citations.py): a moved count never changes these tables.
"""

import polars as pl

from pipeline.corpus.resolution import POSITIONAL, rank_of_source
from pipeline.corpus.text import text_hash
from pipeline.tables import AUTHORSHIPS, PAPERS

IDS = ("doi", "arxiv_id", "dblp_key", "s2_corpus_id", "openalex_id", "acl_id")
FILLED = ("abstract", "url", "presentation", *IDS)
LISTS = ("authors", "keywords")
PRECISION = {"day": 0, "month": 1, "year": 2}


def build_papers(records: pl.DataFrame, paper_ids: pl.DataFrame) -> pl.DataFrame:
    """`papers` of a venue-year from its `paper_ids` and the `dump_records` they name.

    The record of the most reliable source, of these one in the main track, with an abstract, with
    most authors, speaks for the paper; what it lacks is taken from the others in the same order.
    The date is the most precise one within a year of the edition: that of a preprint, or of a
    proceedings' late registration, is no date of the paper.
    """
    ranked = ranked_records(records, paper_ids)
    # `first` after the sort is the best record; `drop_nulls().first()` the best that has a value.
    best = ("paper_row", "venue", "year", "title", "track")
    papers = ranked.group_by("paper_id", maintain_order=True).agg(
        *(pl.col(c).first() for c in best),
        *(pl.col(c).drop_nulls().first() for c in FILLED),
        *(pl.col(c).filter(pl.col(c).list.len() > 0).first() for c in LISTS),
        *_dates(),
        is_retracted=pl.col("is_retracted").any(),
        sources=pl.col("source").unique().sort(),
        n_records=pl.len().cast(pl.Int32),
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


def _dates() -> tuple[pl.Expr, pl.Expr]:
    off_by = (pl.col("publication_date").dt.year() - pl.col("year")).abs()
    precision = pl.col("date_precision").replace_strict(PRECISION, default=3)
    # Beyond a year off it only counts where nothing else is known.
    order = pl.struct(off_by > 1, precision, pl.int_range(pl.len()))
    best = pl.col("publication_date").is_not_null()
    day = pl.col("publication_date").filter(best).sort_by(order.filter(best)).first()
    told = pl.col("date_precision").filter(best).sort_by(order.filter(best)).first()
    return day, told


def build_authorships(records: pl.DataFrame, paper_ids: pl.DataFrame) -> pl.DataFrame:
    """`authorships` of a venue-year: each source's author list, and which one to read."""
    named = ranked_records(records, paper_ids).filter(pl.col("authors").list.len() > 0)
    lists = (
        named.group_by("paper_id", "source", maintain_order=True)
        .first()
        .with_columns(is_of_record=pl.col("source") == pl.col("source").first().over("paper_id"))
    )
    n = pl.col("authors").list.len()
    nobody = pl.lit(None, dtype=pl.String).repeat_by(n)
    return (
        lists.select(
            "paper_id",
            "venue",
            "year",
            "source",
            author_position=pl.int_ranges(n, dtype=pl.Int32),
            author_name="authors",
            author_id=pl.col("author_ids").fill_null(nobody),
            affiliation=pl.col("affiliations").fill_null(nobody),
            is_of_record="is_of_record",
        )
        .explode("author_position", "author_name", "author_id", "affiliation")
        .with_columns(
            # An empty id or affiliation is one the source does not give.
            pl.col("author_id", "affiliation").replace("", None)
        )
        .select(AUTHORSHIPS.schema.names())
        .sort(AUTHORSHIPS.key)
    )


def ranked_records(records: pl.DataFrame, paper_ids: pl.DataFrame) -> pl.DataFrame:
    """Records in force with their paper and its venue-year, the one that speaks for it first."""
    ids = paper_ids.filter("in_force").select(
        "record_key", "paper_id", "paper_row", "venue", "year", "record_venue", "record_year"
    )
    ranks = {s: rank_of_source(s) for s in records["source"].unique()}
    order = ("_rank", "_workshop", "_bare", "_authors", "title", "_place", "record_key")
    return (
        records.drop("venue", "year")
        .join(ids, on="record_key", how="inner")
        .with_columns(
            _rank=pl.col("source").replace_strict(ranks, return_dtype=pl.Int32, default=0),
            _workshop=pl.col("track") == "workshop",
            _bare=pl.col("abstract").is_null(),
            _authors=-pl.col("authors").list.len().cast(pl.Int32),
            # Where in its newest file a source names an id is chance; a place in a list is not.
            _place=pl.when(pl.col("source").is_in(list(POSITIONAL))).then("source_row"),
        )
        .sort("paper_id", *order)
        .drop("_rank", "_workshop", "_bare", "_authors", "_place")
    )
