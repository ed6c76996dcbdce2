"""Stage `tncsi_sp`: scores from pools and counts.

Belongs here: reading what a cell's scores look at, and which source of counts is trusted. Not: how
a pool is scored (pipeline/impact).
"""

from collections.abc import Iterator

import polars as pl

from assets.stages import Job, Made, write_cell
from assets.windows import by_year, window_of
from pipeline.impact.tncsi import dense_counts, score_pools

# The most trusted first. One source is chosen per paper and its pool is counted from it alone.
# Sources of tables that users map themselves come last, in the order of their names.
CITATION_PRECEDENCE = ("google_scholar", "openalex", "semantic_scholar")


def tncsi_sp(job: Job) -> Iterator[Made]:
    """Topic- and time-normalised impact of every paper, from its pool and its members' counts."""
    workspace, lake = job.workspace, job.workspace.lake
    states = lake.states("papers")
    for cells in by_year(job.cells).values():
        window = window_of(workspace, cells, states)
        counts = lake.read_cells("citation_counts", window)
        papers = lake.read_cells("papers", window, ["paper_row", "publication_date"])
        n_rows = max(papers["paper_row"].to_list(), default=-1) + 1
        dense = dense_counts(counts, n_rows)
        undated = papers.filter(pl.col("publication_date").is_null())["paper_row"].to_numpy()
        for cell in cells:
            scores = score_pools(
                lake.read("topic_pools", cell),
                dense,
                undated=undated,
                precedence=_precedence(counts),
                rule=workspace.rule,
            ).sort("paper_id")
            scored = int((scores["status"] == "ok").sum())
            yield write_cell(
                job, "tncsi_sp", cell, {"tncsi_sp": scores}, facts={"papers_scored": scored}
            )


def _precedence(counts: pl.DataFrame) -> tuple[str, ...]:
    others = set(counts["citation_source"].unique()) - set(CITATION_PRECEDENCE)
    return (*CITATION_PRECEDENCE, *sorted(others))
