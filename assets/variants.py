"""Asset `tncsi_variants`: every paper's score under other rules than that of `tncsi_sp`.

Belongs here: reading the whole library for it, and whether it must be made again. Not: the rules
and the scores (pipeline/impact/variants).

It is made on demand: papers are compared with those of all times as well, which takes a product of
every paper with every other.
"""

import polars as pl

from assets.derived import library_inputs, made_of, write_made
from assets.retriever import vectors_for
from assets.tncsi_sp import precedence_of
from assets.wholes import Result, TrainConfig, Whole
from pipeline.impact.tncsi import dense_counts
from pipeline.impact.variants import score_variants, variants_of
from resources.workspace import Workspace

_CODE = "1"  # raised whenever the same library gives other rows
_INPUTS = ("papers", "paper_embeddings", "citation_counts")
_PAPER_COLUMNS = (
    *("paper_id", "paper_row", "venue", "year", "publication_date"),
    *("in_pools", "is_retracted", "text_hash"),
)


def tncsi_variants(workspace: Workspace, _: TrainConfig) -> Result:
    """TNCSI_SP as published, without a window, weighted by similarity, winsorised, and others."""
    inputs = library_inputs(workspace, _CODE, _INPUTS)
    if made_of(workspace, "tncsi_variants", inputs):
        return Result(_version(workspace), {}, made=False)
    rows = _scored(workspace)
    write_made(workspace, {"tncsi_variants": rows}, inputs)
    facts = {"dagster/row_count": rows.height, "papers": rows["paper_id"].n_unique()}
    return Result(_version(workspace), facts, {"scores by rule": _summary(rows)})


def _version(workspace: Workspace) -> str:
    state = workspace.lake.state("tncsi_variants", None)
    assert state is not None  # made before
    return state.digest


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
        dense_counts(counts, max(counts["paper_row"].to_list(), default=-1) + 1),
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


TNCSI_VARIANTS = Whole(
    "tncsi_variants",
    tncsi_variants,
    "impact",
    ("paper_embeddings", "citation_counts", "tncsi_sp"),
    ("polars", "parquet"),
)
