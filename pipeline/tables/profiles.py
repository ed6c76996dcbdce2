"""Table of what stands beside a score: references, citations in time, their contexts."""

import polars as pl

from pipeline.tables.declaration import Column, Table
from pipeline.tables.recurring import PAPER_ID, VENUE, YEAR

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
