"""Asset `tncsi_variants`: every paper's score under other rules than that of `tncsi_sp`.

Belongs here: reading the whole library for it. Not: the rules and the scores
(pipeline/impact/variants).

It is made on demand: papers are compared with those of all times as well, which takes a product of
every paper with every other.
"""

import polars as pl

from assets.derived import Drawn, derived
from assets.retriever import vectors_for
from assets.tncsi_sp import precedence_of
from pipeline.impact.tncsi import dense_counts
from pipeline.impact.variants import score_variants, variants_of
from resources.workspace import Workspace

_PAPER_COLUMNS = (
    *("paper_id", "paper_row", "venue", "year", "publication_date"),
    *("in_pools", "is_retracted", "text_hash"),
)


def tncsi_variants(workspace: Workspace) -> Drawn:
    """TNCSI_SP as published, without a window, weighted by similarity, winsorised, and others."""
    rows = _scored(workspace)
    facts = {"papers": rows["paper_id"].n_unique()}
    return Drawn({"tncsi_variants": rows}, facts, {"scores by rule": _summary(rows)})


def _scored(workspace: Workspace) -> pl.DataFrame:
    """Rows of all papers under all rules."""
    lake, variants = workspace.lake, variants_of(workspace.rule)
    papers = lake.read_all("papers", list(_PAPER_COLUMNS)).sort("paper_id")
    counts = lake.read_all("citation_counts", ["paper_row", "citation_source", "cited_by_count"])
    workspace.report(f"{papers.height:,} papers under {len(variants)} rules")
    return score_variants(
        list(variants.values()),
        papers,
        vectors_for(workspace, papers),
        dense_counts(counts),
        encoder_id=workspace.encoder_id,
        precedence=precedence_of(counts),
    )


def _summary(rows: pl.DataFrame) -> pl.DataFrame:
    """Per rule: papers scored, and the median of pool sizes and scores."""
    scored = pl.col("status") == "ok"
    return rows.group_by("variant", maintain_order=True).agg(
        scored.sum().alias("papers scored"),
        pl.col("n_pool").filter(scored).median().alias("median n_pool"),
        pl.col("variant_score").median().alias("median score"),
    )


TNCSI_VARIANTS = derived(
    tncsi_variants,
    tables=("tncsi_variants",),
    looks_at=("papers", "paper_embeddings", "citation_counts"),
    code="1",
)
