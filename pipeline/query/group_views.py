"""Views of venues, venue-years, topics and other groups of papers.

Belongs here: their columns and SELECTs. Not: single papers (paper_views.py).
"""

from dataclasses import replace

import polars as pl

from pipeline.query.view import PLACE, View, columns_of
from pipeline.tables import TABLES, Column
from pipeline.tables.recurring import VENUE

_AGGREGATED = (
    "status", "n_papers", "n_scored", "found_share", "scored_share", "mean_percentile",
    "mean_percentile_low", "mean_percentile_high", "tncsi_sp_q25", "tncsi_sp_median",
    "tncsi_sp_q75", "top_decile_share", "top_decile_low", "top_decile_high", "trend", "trend_low",
    "trend_high",
)  # fmt: skip

VENUES = View(
    "venues",
    "The venue registry: what a slug stands for.",
    (),
    {
        "venue": VENUE,
        "venue_name": Column(pl.String, "Full name of the venue."),
        "domain": Column(pl.String, "Its domain, such as `nlp`, `vision`."),
        "first_year": Column(pl.Int32, "Year of the first edition.", "year"),
    },
    "SELECT * FROM (VALUES {venues}) AS t (venue, venue_name, domain, first_year)",
)

VENUE_YEARS = View(
    "venue_years",
    "One row per venue-year: how much of it is held, and how its scored papers stand.",
    ("venue_coverage", "scores", "venues"),
    {
        **PLACE,
        "n_records": Column(pl.Int64, "Rows of sources that say this venue-year.", "records"),
        "n_quarantined": Column(pl.Int64, "Rows that could not be used.", "records"),
        "n_papers": Column(pl.Int64, "Papers held.", "papers"),
        **columns_of("venue_coverage", "n_expected", "expected_from"),
        "found_share": Column(
            pl.Float64,
            "n_papers / n_expected; above 1 where other sources know of more papers.",
            "ratio",
            nullable=True,
        ),
        "n_with_count": Column(pl.Int64, "Papers whose citations are known.", "papers"),
        "n_scored": Column(pl.Int64, "Papers with a score.", "papers"),
        "scored_share": Column(pl.Float64, "n_scored / n_papers.", "0..1", nullable=True),
        "cited_by_median": Column(
            pl.Float64, "Median of the known citation counts.", "citations", nullable=True
        ),
        **columns_of("impact_aggregates", "tncsi_sp_q25", "tncsi_sp_median", "tncsi_sp_q75"),
        "mean_percentile": Column(
            pl.Float64, "Mean pool_percentile of the scored papers.", "0..1", nullable=True
        ),
    },
    """
SELECT venue, v.venue_name, v.domain, year, coalesce(n_records, 0) AS n_records,
       coalesce(n_quarantined, 0) AS n_quarantined, coalesce(n_papers, 0) AS n_papers, n_expected,
       expected_from, n_papers / n_expected AS found_share,
       coalesce(n_with_count, 0) AS n_with_count, coalesce(n_scored, 0) AS n_scored,
       n_scored / nullif(n_papers, 0) AS scored_share, cited_by_median, tncsi_sp_q25,
       tncsi_sp_median, tncsi_sp_q75, mean_percentile
FROM (
    SELECT venue, year, sum(n_records)::BIGINT AS n_records,
           sum(n_quarantined)::BIGINT AS n_quarantined, max(n_expected) AS n_expected,
           max(expected_from) AS expected_from
    FROM venue_coverage GROUP BY venue, year
) told
FULL JOIN (
    SELECT venue, year, count(*) AS n_papers, count(cited_by_count) AS n_with_count,
           count(tncsi_sp) AS n_scored, median(cited_by_count) AS cited_by_median,
           quantile_cont(tncsi_sp, 0.25) AS tncsi_sp_q25, median(tncsi_sp) AS tncsi_sp_median,
           quantile_cont(tncsi_sp, 0.75) AS tncsi_sp_q75, avg(pool_percentile) AS mean_percentile
    FROM scores GROUP BY venue, year
) held USING (venue, year)
LEFT JOIN venues v USING (venue)""",
)

TOPICS_OF_PAPERS = View(
    "topics_of_papers",
    "One row per paper: its topic by name.",
    ("paper_topics", "topics"),
    {
        **columns_of("paper_topics", "paper_id", "venue", "year", "topic_id"),
        "topic_name": replace(TABLES["topics"].columns["name"], nullable=True),
        **columns_of("paper_topics", "similarity"),
    },
    """
SELECT p.paper_id, p.venue, p.year, p.topic_id, t.name AS topic_name, p.similarity
FROM paper_topics p LEFT JOIN topics t USING (topic_id)""",
)

AGGREGATES = View(
    "aggregates",
    "Impact of venues, domains, topics and the whole library, in each year and over all.",
    ("impact_aggregates",),
    {
        **columns_of("impact_aggregates", "kind", "name", "label"),
        "year": Column(pl.Int32, "Year of the editions; null: all years.", "year", nullable=True),
        **columns_of("impact_aggregates", *_AGGREGATED),
    },
    f"""
SELECT kind, name, label, try_cast(period AS INTEGER) AS year, {", ".join(_AGGREGATED)}
FROM impact_aggregates""",
)
