"""The index must hold exactly the papers in force, and grow no version without news."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.errors import StorageError
from resources import vector_store
from resources.vector_store import VectorStore

A, B = ("acl", 2021), ("cvpr", 2021)
DIM = 16


def rows(*papers: tuple[str, tuple[str, int], str], seed: int = 0) -> pl.DataFrame:
    """Rows of (paper id, cell, text hash); the vector follows from the hash."""
    vectors = []
    for _, _, text in papers:
        vector = np.random.default_rng([seed, *text.encode()]).normal(size=DIM)
        vectors.append((vector / np.linalg.norm(vector)).astype(np.float32).tolist())
    return pl.DataFrame(
        {
            "paper_id": [p for p, _, _ in papers],
            "text_hash": [t for _, _, t in papers],
            "venue": [c[0] for _, c, _ in papers],
            "year": [c[1] for _, c, _ in papers],
            "publication_day": [None if t == "undated" else 18_000 for _, _, t in papers],
            "in_pools": [True] * len(papers),
            "vector": vectors,
        },
        schema={
            "paper_id": pl.String,
            "text_hash": pl.String,
            "venue": pl.String,
            "year": pl.Int32,
            "publication_day": pl.Int32,
            "in_pools": pl.Boolean,
            "vector": pl.List(pl.Float32),
        },
    )


@pytest.fixture
def store(tmp_path: Path) -> VectorStore:
    return VectorStore(tmp_path, "org/tiny@abc")


def versions(store: VectorStore) -> int:
    return len(store._open().list_versions())


def test_nothing_indexed_is_said(store: VectorStore) -> None:
    """A search before the first refresh must say what to do."""
    assert (store.exists(), store.count()) == (False, 0)
    with pytest.raises(StorageError, match="run `csimpact refresh`"):
        store.search(np.ones(DIM), 3)


def test_identical_rows_add_no_version(store: VectorStore) -> None:
    """An upsert of equal rows still writes: a quiet night would grow the index."""
    both = rows(("p1", A, "x"), ("p2", A, "undated"))
    first = store.replace_cells(both, [A])
    assert (first.written, first.deleted, first.rows) == (2, 0, 2)
    before = versions(store)
    again = store.replace_cells(both, [A])
    assert (again.written, again.deleted, again.rows) == (0, 0, 2)
    assert versions(store) == before


def test_only_what_moved_is_written(store: VectorStore) -> None:
    """Changed rows, new rows and rows that left; cells not named stay."""
    store.replace_cells(rows(("p1", A, "x"), ("p2", A, "y"), ("q", B, "z")), [A, B])
    done = store.replace_cells(rows(("p1", A, "x2"), ("p3", A, "w")), [A])
    assert (done.written, done.deleted, done.rows) == (2, 1, 3)
    assert store.vector_of("p2") is None
    new = store.vector_of("p1")
    assert new is not None
    np.testing.assert_array_equal(new, rows(("p1", A, "x2"))["vector"].to_list()[0])
    assert store.vector_of("q") is not None


def test_a_cell_may_become_empty(store: VectorStore) -> None:
    """A venue-year whose papers all left must not stay searchable."""
    store.replace_cells(rows(("p1", A, "x"), ("q", B, "z")), [A, B])
    done = store.replace_cells(rows(), [A])
    assert (done.deleted, store.count()) == (1, 1)


def test_quotes_in_ids_are_values_not_syntax(store: VectorStore) -> None:
    """An id with a quote would end the filter, and delete or find something else."""
    odd = "p' OR '1'='1"
    store.replace_cells(rows((odd, A, "x"), ("p2", A, "y")), [A])
    assert store.vector_of(odd) is not None
    assert store.vector_of("p'") is None
    store.replace_cells(rows(("p2", A, "y")), [A])
    assert store.count() == 1
    assert store.vector_of("p2") is not None


def test_search_gives_cosines_best_first(store: VectorStore) -> None:
    """Squared distances read as cosines would rank alike and mean nothing."""
    papers = rows(*[(f"p{i}", A if i % 2 else B, f"t{i}") for i in range(20)])
    store.replace_cells(papers, [A, B])
    vectors = np.array(papers["vector"].to_list(), dtype=np.float32)
    found = store.search(vectors[4], 5)
    expected = np.sort(vectors @ vectors[4])[::-1][:5]
    assert found["paper_id"][0] == "p4"
    np.testing.assert_allclose(found["score"].to_numpy(), expected, atol=1e-5)
    filtered = store.search(vectors[4], 5, where="venue = 'acl'")
    assert filtered["venue"].unique().to_list() == ["acl"]
    assert filtered.height == 5


def test_indices_are_built_from_a_minimum_on(
    store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the minimum a scan is exact; above it a library without index would be slow."""
    monkeypatch.setattr(vector_store, "MIN_ROWS_FOR_VECTOR_INDEX", 300)

    def indexed() -> set[str]:
        return {column for index in store._open().list_indices() for column in index.columns}

    papers = rows(*[(f"p{i}", A, f"t{i}") for i in range(300)])
    store.replace_cells(papers[:299], [A])
    store.compact()
    assert indexed() == {"paper_id", "year", "venue"}
    store.replace_cells(papers, [A])
    store.compact()
    assert indexed() == {"paper_id", "year", "venue", "vector"}
    more = rows(*[(f"p{i}", A, f"t{i}") for i in range(700)])
    store.replace_cells(more, [A])
    store.compact()  # the rows more than doubled: the index is made anew, for all of them
    stats = store._open().index_stats("vector_idx")
    assert stats is not None
    assert (stats.num_indexed_rows, stats.num_indices) == (700, 1)
    vector = np.array(papers["vector"][7].to_list(), dtype=np.float32)
    found = store.search(vector, 3)
    assert found["paper_id"][0] == "p7"
    assert found["score"][0] == pytest.approx(1.0, abs=1e-5)


def test_encoders_do_not_share_a_table(tmp_path: Path) -> None:
    """Vectors of two encoders in one table have no meaningful distance."""
    one, two = VectorStore(tmp_path, "a/b@1"), VectorStore(tmp_path, "a/b@2")
    one.replace_cells(rows(("p1", A, "x")), [A])
    assert (one.count(), two.count()) == (1, 0)
