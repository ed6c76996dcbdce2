"""The second stage of a search: the first papers in a reranker's order.

Belongs here: what the reranker reads of a question and of papers, and their new order. Not: finding
the first papers (search.py), or rerankers (pipeline/models).
"""

import numpy as np
import polars as pl

from pipeline.corpus.text import document_text
from pipeline.errors import InputError
from pipeline.models.reranker import PairGroup
from pipeline.query.records import cells_of
from resources.workspace import Workspace

MAX_RERANK = 1000  # papers: a minute of late interaction on two cores


def check_depth(n: int, k: int) -> None:
    """Raises InputError unless `n` papers can be put in order to show `k` of them."""
    if not k <= n <= MAX_RERANK:
        raise InputError(
            f"expected from {k} (as many as are shown) to {MAX_RERANK} papers to rerank, "
            f"received {n}"
        )


def reranked(workspace: Workspace, text: str, found: pl.DataFrame) -> pl.DataFrame:
    """`found` in the order of the profile's reranker, its `score` in place of the cosine.

    The cosine is kept as `cosine`. Equal scores keep the order of cosines; papers that the reranker
    gives no score come last.

    Args:
        workspace: whose reranker reads, and whose papers have the abstracts.
        text: the question.
        found: `paper_id, title, venue, year, …, score`, best first.
    """
    scores = np.empty(0, np.float32)
    if found.height:
        (scores,) = workspace.teacher.score_groups([PairGroup(text, _texts(workspace, found))])
    score = pl.Series("score", scores.astype(np.float64).round(6)).fill_nan(None)
    return (
        found.with_columns(cosine="score")
        .with_columns(score)
        .sort("score", descending=True, nulls_last=True, maintain_order=True)
    )


def _texts(workspace: Workspace, found: pl.DataFrame) -> list[str]:
    """Title + abstract of each paper: with titles alone, rerankers fall behind the encoder."""
    held = workspace.lake.read_cells("papers", cells_of(found), ["paper_id", "abstract"])
    papers = found.select("paper_id", "title").join(
        held, on="paper_id", how="left", maintain_order="left"
    )
    return [document_text(t, a) for t, a in papers.select("title", "abstract").iter_rows()]
