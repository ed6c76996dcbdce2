"""Tables of impact: pools, scores and what stands beside them."""

import polars as pl

from pipeline.tables.declaration import Column, Table
from pipeline.tables.recurring import CITATION_SOURCE, CONFIG_ID, PAPER_ID, PAPER_ROW, VENUE, YEAR

TOPIC_POOLS = Table(
    "topic_pools",
    "topic_pools",
    "The nearest papers within ±183 days of each paper, itself excluded.",
    ("paper_id", "config_id"),
    {
        "paper_id": PAPER_ID,
        "paper_row": PAPER_ROW,
        "venue": VENUE,
        "year": YEAR,
        "config_id": CONFIG_ID,
        "n_window": Column(pl.Int32, "Other pool-eligible papers within the window.", "papers"),
        "pool_k": Column(
            pl.Int32, "Members: min(1000, max(100, n_window / 10)), at most n_window.", "papers"
        ),
        "pool_radius": Column(
            pl.Float32,
            "Cosine similarity of the farthest member, from quantised vectors.",
            "cosine",
            nullable=True,
        ),
        "members": Column(pl.List(pl.Int32), "`paper_row` of the members, ascending."),
        "pool_digest": Column(
            pl.String, "Digest of the members' paper ids; independent of row numbers."
        ),
    },
)

TNCSI_SP = Table(
    "tncsi_sp",
    "tncsi_sp",
    "Topic- and time-normalised impact of every paper (arXiv 2402.12928, 2408.03934).",
    ("paper_id", "config_id"),
    {
        "paper_id": PAPER_ID,
        "venue": VENUE,
        "year": YEAR,
        "config_id": CONFIG_ID,
        "status": Column(
            pl.String,
            "`ok`, `no_date`, `no_citation_count`, `pool_too_small`, `constant_pool`.",
        ),
        "citation_source": Column(pl.String, CITATION_SOURCE.meaning, nullable=True),
        "cited_by_count": Column(
            pl.Int32, "The paper's citations c; null when unknown.", "citations", nullable=True
        ),
        "tncsi_sp": Column(
            pl.Float64, "1 − exp(−excess_ratio), 0 below loc.", "0..1", nullable=True
        ),
        "excess_ratio": Column(
            pl.Float64, "(c − loc) / scale; does not saturate: sort by it.", "ratio", nullable=True
        ),
        "pool_loc": Column(
            pl.Int32, "Smallest known count in the pool.", "citations", nullable=True
        ),
        "pool_scale": Column(
            pl.Float64, "Mean of the known counts − loc.", "citations", nullable=True
        ),
        "n_pool": Column(
            pl.Int32, "Members whose count is known from `citation_source`.", "papers"
        ),
        "pool_k": TOPIC_POOLS.columns["pool_k"],
        "pool_share": Column(pl.Float64, "pool_k / n_window.", "0..1", nullable=True),
        "tncsi_sp_low": Column(
            pl.Float64,
            "Lower 95% bound of the score, were the pool a sample of an exponential: its loc and "
            "scale are unknown, c is given (docs/impact.md).",
            "0..1",
            nullable=True,
        ),
        "tncsi_sp_high": Column(
            pl.Float64, "Upper 95% bound of the score, likewise.", "0..1", nullable=True
        ),
        "robust_low": Column(
            pl.Float64,
            "Lower 95% bound of the score from the spread that the pool's counts have, whatever "
            "their distribution (docs/impact.md).",
            "0..1",
            nullable=True,
        ),
        "robust_high": Column(
            pl.Float64, "Upper 95% bound of the score, likewise.", "0..1", nullable=True
        ),
        "excess_low": Column(
            pl.Float64,
            "Lower 95% bound of excess_ratio, from the pool's own spread as robust_low, which is "
            "1 − exp(−excess_low); it does not saturate.",
            "ratio",
            nullable=True,
        ),
        "excess_high": Column(
            pl.Float64, "Upper 95% bound of excess_ratio, likewise.", "ratio", nullable=True
        ),
        "pool_percentile": Column(
            pl.Float64,
            "Mid-rank of c among the known counts: (those below c + half of those equal) / n_pool.",
            "0..1",
            nullable=True,
        ),
        "count_to_mean": Column(
            pl.Float64, "c / mean of the known counts.", "ratio", nullable=True
        ),
        "lognormal_cdf": Column(
            pl.Float64,
            "Φ((ln(1 + c) − μ) / σ), μ and σ being mean and standard deviation of ln(1 + count) "
            "over the known counts.",
            "0..1",
            nullable=True,
        ),
        "pool_ks": Column(
            pl.Float64,
            "Kolmogorov–Smirnov distance of the known counts from the fitted exponential: the "
            "largest difference of the two distribution functions.",
            "0..1",
            nullable=True,
        ),
        "pool_radius": TOPIC_POOLS.columns["pool_radius"],
        "pool_same_venue": Column(
            pl.Float64, "Members of the paper's venue / pool_k.", "0..1", nullable=True
        ),
        "pool_same_domain": Column(
            pl.Float64,
            "Members whose venue is of the paper's domain / pool_k.",
            "0..1",
            nullable=True,
        ),
        "date_precision": Column(
            pl.String,
            "How well the paper's own date is known: `day`, `month`, `year`.",
            nullable=True,
        ),
    },
)
