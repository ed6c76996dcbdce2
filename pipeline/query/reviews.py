"""Doubts about who is who, with what both papers say.

Belongs here: reading `match_review` for a person. Not: deciding (pipeline/corpus/reviews.py).
"""

import polars as pl

from pipeline.errors import InputError
from resources.workspace import Workspace

STATUSES = ("open", "same", "different", "all")


def read_reviews(workspace: Workspace, status: str = "open") -> pl.DataFrame:
    """Doubts of a status, the open ones first: both titles, years and ids, and the reason."""
    if status not in STATUSES:
        raise InputError(f"status: expected {', '.join(STATUSES)}, received {status!r}")
    doubts = workspace.lake.read("match_review")
    if status != "all":
        doubts = doubts.filter(status=status)
    # A doubt may be older than a merge: people see the paper that is meant today.
    now = dict(workspace.lake.read("redirects").select("from_id", "to_id").iter_rows())
    doubts = doubts.with_columns(pl.col("paper_id", "other_paper_id").replace(now))
    papers = workspace.lake.read_all("papers", ["paper_id", "venue", "year", "title", "doi"])
    other = papers.rename({name: f"other_{name}" for name in papers.columns})
    return (
        doubts.join(papers, on="paper_id", how="left")
        .join(other, on="other_paper_id", how="left")
        .select(
            *("review_id", "status", "reason", "venue", "year", "title"),
            *("other_venue", "other_year", "other_title", "doi", "other_doi"),
            *("paper_id", "other_paper_id", "record_key", "decided_by", "decided_on"),
        )
        .sort(pl.col("status") != "open", "review_id")
    )
