"""Asset `topics`: clusters of the library's document vectors, and the nearest one of each paper.

Belongs here: what is read, and when clusters stay. Not: how they are found and named
(pipeline/impact/topics.py). Clusters stay until the library or the encoder is another, so that a
topic's number means the same from night to night; papers are assigned anew whenever any moved.
"""

from typing import Any

import numpy as np
import polars as pl

from assets.derived import Drawn, derived
from assets.retriever import vectors_for
from pipeline.impact.topics import assign_topics, centroids_of, fit_topics, why_refit
from pipeline.tables import TABLES
from resources.workspace import Workspace

CODE = "1"
"""Raised by hand whenever topics are found or named in another way: then they are found anew."""
_COLUMNS = ("paper_id", "venue", "year", "title", "text_hash")


def topics(workspace: Workspace) -> Drawn:
    """Topics of the library and the nearest one of every paper.

    Clusters stay; they are found anew when the encoder changed, or the library by a tenth.
    """
    papers = workspace.lake.read_all("papers", _COLUMNS).sort("paper_id")
    vectors = vectors_for(workspace, papers)
    held = _held(workspace)
    why = why_refit(held, n_papers=papers.height, encoder_id=workspace.encoder_id)
    if why:
        workspace.report(f"finding topics of {papers.height:,} papers: {why}")
        held = fit_topics(
            vectors,
            papers["title"].to_list(),
            encoder_id=workspace.encoder_id,
            fitted_on=workspace.today,
        )
    nearest, similarity = assign_topics(vectors, centroids_of(held))
    assigned = papers.select(
        "paper_id", "venue", "year",
        topic_id=pl.Series(nearest, dtype=pl.Int32),
        similarity=pl.Series(similarity, dtype=pl.Float32),
    ).select(TABLES["paper_topics"].schema.names())  # fmt: skip
    sizes = assigned.group_by("topic_id").agg(n_papers=pl.len().cast(pl.Int32))
    found = (
        held.drop("n_papers")
        .join(sizes, on="topic_id", how="left")
        .with_columns(pl.col("n_papers").fill_null(0))
        .select(TABLES["topics"].schema.names())
        .sort("topic_id")
    )
    tables = {"topics": found, "paper_topics": assigned}
    return Drawn(tables, _facts(assigned, why), {"topics": _shown(found)})


def forget_topics(workspace: Workspace) -> None:
    """Have clusters found anew the next time; until then the tables stay as they are."""
    workspace.lake.forget("topics", None)


def _held(workspace: Workspace) -> pl.DataFrame:
    """Topics as they stand, none if they were found by other code or their file is damaged."""
    state = workspace.lake.state("topics", None)
    if state is None or state.damaged or state.inputs.get("code") != CODE:
        return TABLES["topics"].empty()
    return workspace.lake.read("topics")


def _facts(assigned: pl.DataFrame, why: str | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "papers": assigned.height,
        "fitted": why or "no: clusters stand",
    }
    if assigned.height:
        facts["mean_similarity"] = round(float(np.mean(assigned["similarity"].to_numpy())), 4)
    return facts


def _shown(found: pl.DataFrame) -> pl.DataFrame:
    return found.select("topic_id", "name", "n_papers").sort("n_papers", descending=True)


TOPICS = derived(
    topics,
    tables=("topics", "paper_topics"),
    looks_at=("papers", "paper_embeddings"),
    code=CODE,
    kinds=("scikitlearn", "parquet"),
)
