"""Rows of `citation_profiles`: everything that stands beside a score, of every paper.

Belongs here: putting the parts together, and what a paper of which nothing is told looks like.
Not: the parts (the modules beside this one), nor reading and writing tables (assets/).
"""

from collections.abc import Mapping

import polars as pl

from pipeline.errors import InputError
from pipeline.impact.profiles.contexts import context_profiles
from pipeline.impact.profiles.edges import edges_of
from pipeline.impact.profiles.evolution import evolution_profiles
from pipeline.impact.profiles.in_time import citing_profiles
from pipeline.impact.profiles.references import reference_profiles
from pipeline.tables import CITATION_PROFILES

SCORE_COLUMNS = ("paper_id", "config_id", "citation_source", "tncsi_sp")
_NOTHING_TOLD = ("n_references_scored", "n_observations", "n_with_context", "n_with_intent")


def citation_profiles(
    papers: pl.DataFrame,
    citations: pl.DataFrame,
    scores: pl.DataFrame,
    snapshots: pl.DataFrame,
    *,
    domain_of: Mapping[str, str],
    config_id: str,
) -> pl.DataFrame:
    """Rows of `citation_profiles`, one per paper, sorted by `paper_id`.

    The same values whatever the order of any rows: sums are of integers, medians of sorted days.

    Args:
        papers: `papers`, at least `PAPER_COLUMNS` of edges.py.
        citations: `citations`, at least `EDGE_COLUMNS` of edges.py.
        scores: `tncsi_sp`, at least SCORE_COLUMNS; those of other rules than `config_id` are left.
        snapshots: `citation_snapshots`.
        domain_of: the domain of every venue slug.
        config_id: whose scores count.

    Raises:
        InputError: a paper of a venue without domain.
    """
    if unknown := sorted(set(papers["venue"].unique()) - domain_of.keys()):
        raise InputError(
            f"expected a domain for every venue, received none for {', '.join(unknown)}: "
            "add them to venues.toml"
        )
    domain = pl.col("venue").replace_strict(dict(domain_of), return_dtype=pl.String)
    papers = papers.with_columns(domain=domain)
    scores = scores.filter(config_id=config_id)
    edges = edges_of(papers, citations)
    parts = [
        reference_profiles(edges, scores.select("paper_id", "tncsi_sp")),
        citing_profiles(edges),
        evolution_profiles(papers, snapshots, scores),
        context_profiles(edges),
    ]
    rows = papers.select("paper_id", "venue", "year")
    for part in parts:
        rows = rows.join(part, on="paper_id", how="left")
    return (
        rows.with_columns(
            pl.col(_NOTHING_TOLD).fill_null(0),
            pl.when(pl.col("n_citing") == 0)
            .then(0)
            .otherwise("n_citing_domains")
            .alias("n_citing_domains"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in CITATION_PROFILES.schema.items())
        .sort("paper_id")
    )
