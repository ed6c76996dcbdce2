"""Tables made on demand: scores under other rules, and how far scores can be trusted."""

import polars as pl

from pipeline.tables.declaration import Column, Table
from pipeline.tables.impact import TNCSI_SP
from pipeline.tables.recurring import CONFIG_ID, PAPER_ID, VENUE, YEAR

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
