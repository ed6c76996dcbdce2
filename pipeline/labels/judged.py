"""Labelled queries as a set to measure by: the teacher's scores as graded judgments.

Belongs here: from label rows to arrays. Not: measures (pipeline/retrieval), or which queries are
labelled (labelling.py).
"""

import numpy as np
import polars as pl

from pipeline.retrieval.query_set import QuerySet, teacher_query_set


def judged_query_set(name: str, labels: pl.DataFrame, papers: pl.DataFrame) -> QuerySet:
    """The queries of `labels`, which are titles of papers, over the documents of `papers`.

    Args:
        name: as in `retrieval_quality`.
        labels: `query_id, document_id, domain, score` of one teacher; rows without a score and
            documents that `papers` lacks are left out.
        papers: `paper_id, title`, row by row the document matrix.
    """
    rows = papers.select("paper_id", "title").with_row_index("row")
    known = (
        labels.filter(pl.col("score").is_not_null())
        .join(rows.select("row", document_id="paper_id"), on="document_id")
        .join(rows.select("title", own="row", query_id="paper_id"), on="query_id")
        .sort("query_id", "row")
    )
    queries = known.group_by("query_id", maintain_order=True).agg(
        pl.col("domain", "title", "own").first(), "row", "score"
    )
    lengths = queries["row"].list.len().to_numpy()
    shape = (queries.height, int(lengths.max(initial=0)))
    filled = np.arange(shape[1]) < lengths[:, None]
    documents, scores = np.full(shape, -1, np.int32), np.full(shape, np.nan, np.float32)
    documents[filled], scores[filled] = known["row"].to_numpy(), known["score"].to_numpy()
    return teacher_query_set(
        name,
        queries["query_id"].to_list(),
        queries["title"].to_list(),
        queries["domain"].to_list(),
        itself=queries["own"].to_numpy().astype(np.int32),
        teacher_documents=documents,
        teacher_scores=scores,
    )
