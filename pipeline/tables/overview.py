"""Tables about the whole library: made from its scores, on demand or once a night."""

import polars as pl

from pipeline.tables.declaration import Column, Table
from pipeline.tables.impact import TNCSI_SP
from pipeline.tables.recurring import CITATION_SOURCE, CONFIG_ID, PAPER_ID, VENUE, YEAR

TNCSI_VARIANTS = Table(
    "tncsi_variants",
    "tncsi_variants",
    "Scores under other rules than that of `tncsi_sp`: as published, without a window, and others.",
    ("paper_id", "config_id"),
    {
        "paper_id": PAPER_ID,
        "venue": VENUE,
        "year": YEAR,
        "variant": Column(
            pl.String,
            "Name of the rule: `published`, `tncsi`, `similarity_weighted`, `winsorised`, "
            "`without_retracted` (docs/impact.md).",
        ),
        "config_id": CONFIG_ID,
        "status": TNCSI_SP.columns["status"],
        "citation_source": TNCSI_SP.columns["citation_source"],
        "cited_by_count": TNCSI_SP.columns["cited_by_count"],
        "variant_score": Column(
            pl.Float64,
            "1 − exp(−excess_ratio), 0 below loc: TNCSI_SP, or TNCSI where the rule has no window.",
            "0..1",
            nullable=True,
        ),
        "excess_ratio": Column(
            pl.Float64, "(c − loc) / scale of the rule.", "ratio", nullable=True
        ),
        "variant_loc": Column(
            pl.Float64,
            "Smallest count of the pool, as the rule counts.",
            "citations",
            nullable=True,
        ),
        "variant_scale": Column(
            pl.Float64,
            "(Weighted, winsorised) mean of the counts − loc.",
            "citations",
            nullable=True,
        ),
        "n_pool": Column(
            pl.Int32, "Members counted: known from `citation_source`, of weight above 0.", "papers"
        ),
        "n_effective": Column(
            pl.Float64,
            "(Σ w)² / Σ w² of the counted members' weights; n_pool where all weigh the same.",
            "papers",
            nullable=True,
        ),
        "pool_k": Column(pl.Int32, "Members of the pool under the rule.", "papers"),
    },
    partitioned=False,
)

CITATION_PROFILES = Table(
    "citation_profiles",
    "citation_profiles",
    "What a paper's references, its citations in time and their contexts say beside its score.",
    ("paper_id",),
    {
        "paper_id": PAPER_ID,
        "venue": VENUE,
        "year": YEAR,
        "n_references": Column(
            pl.Int32,
            "Works it cites, as the source that tells most of them does; null if none tells.",
            "works",
            nullable=True,
        ),
        "n_references_scored": Column(
            pl.Int32, "Of these, papers of the library with a TNCSI_SP.", "papers"
        ),
        "arq": Column(
            pl.Float64,
            "Average reference quality: mean TNCSI_SP of the scored references (arXiv 2402.12928).",
            "0..1",
            nullable=True,
        ),
        "s_mp": Column(
            pl.Int32,
            "Median age of the dated references at publication, in half-years begun, from 1 "
            "(arXiv 2402.12928).",
            "half-years",
            nullable=True,
        ),
        "rqm": Column(
            pl.Float64,
            "Reference quality measurement: 1 − exp(−β · exp(−(1 − arq) · s_mp)), β = 20 "
            "(arXiv 2402.12928).",
            "0..1",
            nullable=True,
        ),
        "n_citing": Column(
            pl.Int32,
            "Papers of the library that cite it; null if no source that tells of citations knows "
            "it.",
            "papers",
            nullable=True,
        ),
        "cited_within_1y": Column(
            pl.Int32,
            "Citing papers of the library published within 1 year after it; null if the year was "
            "not over, or no source tells who cites its kind (docs/impact.md).",
            "papers",
            nullable=True,
        ),
        "cited_within_2y": Column(pl.Int32, "Likewise, within 2 years.", "papers", nullable=True),
        "cited_within_5y": Column(pl.Int32, "Likewise, within 5 years.", "papers", nullable=True),
        "n_observations": Column(
            pl.Int32,
            "Days on which its count of record was seen to move, the first included.",
            "days",
        ),
        "iei": Column(
            pl.Float64,
            "Impact evolution index: mean slope of the Bézier curve through the citations of each "
            "of the last six months (arXiv 2402.12928), from snapshots; null unless every month "
            "was looked at.",
            "citations per month²",
            nullable=True,
        ),
        "n_with_context": Column(
            pl.Int32, "Citing edges of which a source says whether they are influential.", "edges"
        ),
        "influential_share": Column(
            pl.Float64, "Influential edges / n_with_context.", "0..1", nullable=True
        ),
        "n_with_intent": Column(pl.Int32, "Citing edges with an intent.", "edges"),
        "background_share": Column(
            pl.Float64, "Edges with intent `background` / n_with_intent.", "0..1", nullable=True
        ),
        "methodology_share": Column(
            pl.Float64, "Edges with intent `methodology` / n_with_intent.", "0..1", nullable=True
        ),
        "result_share": Column(
            pl.Float64, "Edges with intent `result` / n_with_intent.", "0..1", nullable=True
        ),
        "n_citing_domains": Column(
            pl.Int32,
            "Domains of the citing papers; null where n_citing is.",
            "domains",
            nullable=True,
        ),
        "outside_domain_share": Column(
            pl.Float64, "Citing papers of another domain / n_citing.", "0..1", nullable=True
        ),
    },
    partitioned=False,
)

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

IMPACT_VALIDATION = Table(
    "impact_validation",
    "impact_validation",
    "How far scores can be trusted: agreement, calibration, sensitivity, robustness, coverage.",
    ("study", "system", "slice", "measure"),
    {
        "study": Column(
            pl.String,
            "`naid`, `topic`, `calibration`, `coverage`, `sensitivity` or `robustness` "
            "(docs/impact.md).",
        ),
        "system": Column(pl.String, "The score, rule or method measured."),
        "slice": Column(pl.String, "Of what: a year, a planted distribution, or `all`."),
        "measure": Column(
            pl.String,
            "`spearman`, `gain_over_<system>` (of `spearman`, paired), `ks_uniform`, "
            "`pit_bin_01` … `pit_bin_10` (density, 1 if uniform), `coverage`, `moved_decile`, …",
        ),
        "n": Column(pl.Int32, "Papers, pools or simulations behind it.", "number"),
        "value": Column(pl.Float64, "The figure.", "as the measure", nullable=True),
        "low": Column(pl.Float64, "Lower bound of its 95% interval.", "as value", nullable=True),
        "high": Column(pl.Float64, "Upper bound of its 95% interval.", "as value", nullable=True),
        "note": Column(pl.String, "What it is measured against, or why there is no figure."),
        "measured_on": Column(pl.Date, "Day of the study.", "date"),
    },
    partitioned=False,
)
