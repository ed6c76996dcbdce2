"""Tables about groups of papers, made once a night: topics, aggregates, who rises."""

import polars as pl

from pipeline.tables.declaration import Column, Table
from pipeline.tables.recurring import CITATION_SOURCE, PAPER_ID, VENUE, YEAR

TOPIC_ID = Column(pl.Int32, "Number of the topic, from 0, in the order of size when fitted.")
TOPIC_NAME = Column(pl.String, "Its most distinctive terms, joined by `, `.")

TOPICS = Table(
    "topics",
    "topics",
    "Clusters of the library's document vectors, named by their distinctive terms.",
    ("topic_id",),
    {
        "topic_id": TOPIC_ID,
        "name": TOPIC_NAME,
        "terms": Column(
            pl.List(pl.String), "Distinctive terms by class-based TF-IDF, the best first."
        ),
        "n_papers": Column(pl.Int32, "Papers nearest to it.", "papers"),
        "n_fitted": Column(pl.Int32, "Papers nearest to it when it was found.", "papers"),
        "centroid": Column(pl.List(pl.Float32), "Mean vector, L2-normalised."),
        "encoder_id": Column(pl.String, "Encoder of the vectors."),
        "fitted_on": Column(
            pl.Date, "Day the clusters were found; they stay until refitted.", "date"
        ),
    },
    partitioned=False,
)

PAPER_TOPICS = Table(
    "paper_topics",
    "topics",
    "The nearest topic of every paper.",
    ("paper_id",),
    {
        "paper_id": PAPER_ID,
        "venue": VENUE,
        "year": YEAR,
        "topic_id": TOPIC_ID,
        "similarity": Column(pl.Float32, "Cosine of the paper to the centroid.", "cosine"),
    },
    partitioned=False,
)

IMPACT_AGGREGATES = Table(
    "impact_aggregates",
    "impact_aggregates",
    "Impact of venues, domains, topics and the whole library, over all years and in each.",
    ("kind", "name", "period"),
    {
        "kind": Column(pl.String, "`venue`, `domain`, `topic` or `library`."),
        "name": Column(pl.String, "Venue slug, domain, topic number, or `all`."),
        "label": Column(pl.String, "What to show: venue name, domain, topic name, `all`."),
        "period": Column(pl.String, "Year of the editions, such as `2016`, or `all`."),
        "status": Column(pl.String, "`ok`, or `too_few` scored papers: then there are no figures."),
        "n_papers": Column(pl.Int32, "Papers of the group that are in pools.", "papers"),
        "n_scored": Column(pl.Int32, "Of these, with a score.", "papers"),
        "found_share": Column(
            pl.Float64,
            "Papers found by the source that tells of most, DBLP apart / papers expected, of the "
            "venue-years of which `venue_coverage` says what to expect; null of topics.",
            "0..1",
            nullable=True,
        ),
        "scored_share": Column(pl.Float64, "n_scored / n_papers.", "0..1", nullable=True),
        "own_share": Column(
            pl.Float64,
            "Mean pool_same_venue of a venue's scored papers, pool_same_domain of a domain's: near "
            "1 the group is measured against itself, and its mean says little; null of others.",
            "0..1",
            nullable=True,
        ),
        "mean_percentile": Column(
            pl.Float64,
            "Mean pool_percentile of the scored papers; to be held against the library's own.",
            "0..1",
            nullable=True,
        ),
        "mean_percentile_low": Column(
            pl.Float64, "Lower bound of its 95% interval (Student's t).", "0..1", nullable=True
        ),
        "mean_percentile_high": Column(
            pl.Float64, "Upper bound of its 95% interval.", "0..1", nullable=True
        ),
        "tncsi_sp_q25": Column(pl.Float64, "Lower quartile of tncsi_sp.", "0..1", nullable=True),
        "tncsi_sp_median": Column(pl.Float64, "Median of tncsi_sp.", "0..1", nullable=True),
        "tncsi_sp_q75": Column(pl.Float64, "Upper quartile of tncsi_sp.", "0..1", nullable=True),
        "top_decile_share": Column(
            pl.Float64, "Papers with pool_percentile >= 0.9 / n_scored.", "0..1", nullable=True
        ),
        "top_decile_low": Column(
            pl.Float64, "Lower bound of its 95% Wilson interval.", "0..1", nullable=True
        ),
        "top_decile_high": Column(
            pl.Float64, "Upper bound of its 95% Wilson interval.", "0..1", nullable=True
        ),
        "trend": Column(
            pl.Float64,
            "Slope of mean_percentile over 3 or more years with enough scored papers, each "
            "weighing its n_scored; of rows of all years only.",
            "per year",
            nullable=True,
        ),
        "trend_low": Column(
            pl.Float64, "Lower bound of its 95% interval.", "per year", nullable=True
        ),
        "trend_high": Column(
            pl.Float64, "Upper bound of its 95% interval.", "per year", nullable=True
        ),
    },
    partitioned=False,
)

RISING_PAPERS = Table(
    "rising_papers",
    "impact_aggregates",
    "Papers whose standing among their pools grew most, from the history of counts: the 200 "
    "steepest of those with 3 or more new citations.",
    ("paper_id",),
    {
        "paper_id": PAPER_ID,
        "venue": VENUE,
        "year": YEAR,
        "rank": Column(pl.Int32, "1 for the steepest rise.", "rank"),
        "since": Column(
            pl.Date, "Day looked back to: 180 days before `until`, or the first known.", "date"
        ),
        "until": Column(pl.Date, "Newest day on which a count moved.", "date"),
        "citation_source": CITATION_SOURCE,
        "cited_before": Column(pl.Int32, "Citations known on `since`.", "citations"),
        "cited_after": Column(pl.Int32, "Citations known on `until`.", "citations"),
        "excess_before": Column(pl.Float64, "excess_ratio as of `since`.", "ratio"),
        "excess_after": Column(pl.Float64, "excess_ratio as of `until`.", "ratio"),
        "rise": Column(pl.Float64, "excess_after − excess_before.", "ratio"),
    },
    partitioned=False,
)
