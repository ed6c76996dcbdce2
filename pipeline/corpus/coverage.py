"""The accounts of one venue-year: where every record went, and what each source covers of it.

Belongs here: counting. Not: deciding what a paper is (resolution.py) or which record speaks for it
(papers.py).
"""

import polars as pl

from pipeline.corpus import paper_copilot
from pipeline.tables import VENUE_COVERAGE, Cell

EXPECTED_FROM = ("dblp", paper_copilot.SOURCE, "aan")
"""Who is trusted to list a venue-year completely, the most trusted first."""


def build_venue_coverage(
    cell: Cell,
    records: pl.DataFrame,
    paper_ids: pl.DataFrame,
    papers: pl.DataFrame,
    citations: pl.DataFrame,
    quarantine: pl.DataFrame,
) -> pl.DataFrame:
    """`venue_coverage` of a venue-year: records = papers + excluded + duplicates + quarantined.

    `records`: those of the cell and of the cells its papers' records stand in; `paper_ids`: of the
    same records; `papers`, `citations`, `quarantine`: of the cell. One row per source; a paper that
    several sources have counts in each.
    """
    in_force = records.filter(pl.col("list_order") == 0)
    listed = records.filter(venue=cell[0], year=cell[1])
    here = listed.filter(pl.col("list_order") == 0)
    bad = quarantine.filter(pl.col("in_force") & (pl.col("source_row") >= 0))
    known = in_force.join(paper_ids.select("record_key", "paper_id"), on="record_key")
    at_home = known.join(papers.select("paper_id", "in_pools"), on="paper_id")
    parts = [
        here.group_by("source").agg(
            n_listed=pl.len(), n_excluded=pl.col("excluded_because").is_not_null().sum()
        ),
        bad.group_by("source").agg(n_quarantined=pl.len()),
        known.filter(venue=cell[0], year=cell[1])
        .group_by("source")
        .agg(n_papers=pl.col("paper_id").n_unique()),
        at_home.group_by("source").agg(
            n_found=pl.col("paper_id").n_unique(),
            n_workshop=pl.col("paper_id").filter(~pl.col("in_pools")).n_unique(),
            n_with_abstract=_papers_with(pl.col("abstract").is_not_null()),
            n_with_count=_papers_with(pl.col("cited_by_count").is_not_null()),
        ),
        citations.filter("in_force")
        .group_by("source")
        .agg(n_with_references=pl.col("citing_paper_id").n_unique()),
    ]
    counted = pl.concat([f.select("source") for f in (listed, at_home, quarantine)]).unique()
    for part in parts:
        counted = counted.join(part, on="source", how="left")
    counted = counted.with_columns(pl.exclude("source").fill_null(0).cast(pl.Int32))
    expected = _expected(counted)
    return (
        counted.with_columns(
            venue=pl.lit(cell[0]),
            year=pl.lit(cell[1], dtype=pl.Int32),
            n_records=pl.col("n_listed") + pl.col("n_quarantined"),
            n_duplicates=pl.col("n_listed") - pl.col("n_excluded") - pl.col("n_papers"),
            n_expected=pl.lit(expected[1], dtype=pl.Int32),
            expected_from=pl.lit(expected[0], dtype=pl.String),
        )
        .select(VENUE_COVERAGE.schema.names())
        .sort(VENUE_COVERAGE.key)
    )


def _papers_with(condition: pl.Expr) -> pl.Expr:
    return pl.col("paper_id").filter(condition).n_unique()


def _expected(counted: pl.DataFrame) -> tuple[str | None, int | None]:
    found = dict(counted.select("source", "n_found").iter_rows())
    return next(((s, found[s]) for s in EXPECTED_FROM if found.get(s)), (None, None))
