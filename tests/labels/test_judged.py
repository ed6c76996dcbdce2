"""Label rows as a query set: every score beside the document it is of."""

import numpy as np
import polars as pl

from pipeline.labels.judged import judged_query_set
from pipeline.retrieval.evaluation import NDCG, TAU, measure_systems

PAPERS = pl.DataFrame({"paper_id": list("dcba"), "title": ["D", "C", "B", "A"]})  # not by id
SCHEMA = {"query_id": pl.String, "document_id": pl.String, "domain": pl.String, "score": pl.Float32}


def labels(*rows: tuple[str, str, str, float | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def test_scores_stand_beside_their_documents() -> None:
    """Rows of the document matrix are not in the order of ids: a sort gives every score away."""
    queries = judged_query_set(
        "teacher test",
        labels(("b", "a", "nlp", 3.0), ("a", "d", "cv", 5.0), ("b", "c", "nlp", 4.0)),
        PAPERS,
    )
    assert list(queries.query_ids) == ["a", "b"]
    assert list(queries.texts) == ["A", "B"]
    assert list(queries.domains) == ["cv", "nlp"]
    assert queries.itself.tolist() == [3, 2]
    assert queries.teacher_documents is not None
    assert queries.teacher_scores is not None
    assert queries.teacher_documents.tolist() == [[0, -1], [1, 3]]
    np.testing.assert_array_equal(queries.teacher_scores, [[5, np.nan], [4, 3]])
    gains = queries.judgments.gains_of(np.array([[0, 1], [1, 3]]))
    np.testing.assert_allclose(gains, [[1.0, 0.0], [1.0, 0.95]])  # best of 20, second of 20


def test_what_has_no_score_or_no_document_is_left_out() -> None:
    """A quarantined pair read as 0, or a paper that left the library as another's row."""
    queries = judged_query_set(
        "teacher test",
        labels(
            ("a", "b", "cv", None), ("a", "gone", "cv", 9.0), ("a", "c", "cv", 1.0),
            ("b", "a", "nlp", None), ("gone", "a", "nlp", 9.0),
        ),
        PAPERS,
    )  # fmt: skip
    assert list(queries.query_ids) == ["a"]
    assert queries.teacher_documents is not None
    assert queries.teacher_documents.tolist() == [[1]]


def test_without_labels_there_are_no_queries() -> None:
    """An empty split must be an empty set, not an error in its shapes."""
    queries = judged_query_set("teacher dev", labels(), PAPERS)
    assert len(queries.texts) == 0
    assert queries.teacher_documents is not None
    assert queries.teacher_documents.shape == (0, 0)


def test_the_order_of_the_teacher_is_a_perfect_ranking() -> None:
    """A student that agrees with the teacher in everything must measure 1."""
    queries = judged_query_set(
        "teacher test",
        labels(*(("a", d, "cv", s) for d, s in (("b", 0.1), ("c", 0.5), ("d", 0.9)))),
        PAPERS,
    )
    documents = np.array([[0.9, 0], [0.5, 0], [0.1, 0], [0, 1.0]], np.float32)
    right = {"right": lambda texts: np.array([[1.0, 0]] * len(texts), np.float32)}
    wrong = {"wrong": lambda texts: np.array([[-1.0, 0]] * len(texts), np.float32)}
    numbers = measure_systems(queries, right | wrong, documents)
    assert numbers["right"][NDCG].tolist() == [1.0]
    assert numbers["right"][TAU].tolist() == [1.0]
    assert numbers["wrong"][TAU].tolist() == [-1.0]
    assert numbers["wrong"][NDCG][0] < 1
