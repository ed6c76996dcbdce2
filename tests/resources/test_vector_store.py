"""The index must hold exactly the papers in force, and grow no version without news."""

import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.errors import DamagedError, StorageError
from resources import vector_store
from resources.vector_store import VectorStore, _arrow

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


PAPERS = rows(*[(f"p{i}", A if i % 2 else B, f"t{i}") for i in range(40)])


def whole(store: VectorStore) -> None:
    store.replace_cells(PAPERS[:20], [A, B])
    store.replace_cells(PAPERS, [A, B])
    store.compact()


def newest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)


def damaged(store: VectorStore, how: str) -> None:
    """Do to the newest version what a dying machine, a person or a disk does."""
    manifests, data = store._table / "_versions", store._table / "data"
    manifest = min(path for path in manifests.iterdir() if path.suffix == ".manifest")
    if how == "manifest cut":
        manifest.write_bytes(manifest.read_bytes()[:20])
    elif how == "manifest gone":
        manifest.unlink()
    elif how == "data gone":
        newest(data).unlink()
    elif how == "all gone":
        shutil.rmtree(store._table)
    elif how == "stamps cut":
        stamps = store._root / "papers.json"
        stamps.write_bytes(stamps.read_bytes()[:30])
    elif how == "another version":
        store._open().add(_arrow(PAPERS[:1], store._open().schema))
    else:
        path = newest(data)
        flipped = bytearray(path.read_bytes())
        flipped[len(flipped) // 3] ^= 255
        path.write_bytes(flipped)


@pytest.mark.parametrize(
    "how",
    ["manifest cut", "manifest gone", "data gone", "bits flipped", "all gone", "stamps cut",
     "another version"],
)  # fmt: skip
def test_a_damaged_table_is_named_dropped_and_made_anew(store: VectorStore, how: str) -> None:
    """LanceDB opens the version before a lost one and answers from it without a word."""
    whole(store)
    assert store.damage() == ""
    damaged(store, how)
    store = VectorStore(store._root.parent, "org/tiny@abc")
    assert "papers.lance was damaged (" in store.damage()
    for use in (
        lambda: store.search(np.ones(DIM), 3),
        lambda: store.vector_of("p1"),
        store.count,
        store.compact,
        lambda: store.replace_cells(PAPERS, [A, B]),
    ):
        with pytest.raises(DamagedError, match="`csimpact refresh` makes it anew") as caught:
            use()
        assert "\n" not in str(caught.value)
    store.drop()
    assert (store.exists(), store.damage()) == (False, "")
    whole(store)
    assert (store.count(), store.damage(deep=True)) == (40, "")


def test_rot_under_old_time_stamps_is_found_by_reading_all(store: VectorStore) -> None:
    """Vectors with flipped bits rank papers wrongly, and look like any others."""
    whole(store)
    path = newest(store._table / "data")
    stat = path.stat()
    damaged(store, "bits flipped")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert store.damage() == ""
    assert "was damaged" in store.damage(deep=True)


def test_a_copied_table_is_sound(store: VectorStore, tmp_path: Path) -> None:
    """A copy has time stamps of its own; indexed anew, a million papers take minutes."""
    whole(store)
    shutil.copytree(store._root.parent, tmp_path / "copy", copy_function=shutil.copy)
    copy = VectorStore(tmp_path / "copy", "org/tiny@abc")
    assert copy.damage() == ""
    assert copy.count() == 40


def test_what_a_killed_writer_left_is_read_before_it_is_written(store: VectorStore) -> None:
    """Nobody remembers the files of an unfinished write: half of one must not become the index."""
    whole(store)
    store._stamps.forget()
    assert store.damage() == ""
    assert store.search(np.ones(DIM), 3).height == 3  # the newest whole version
    damaged(store, "data gone")
    with pytest.raises(DamagedError):
        store.replace_cells(PAPERS, [A, B])
    with pytest.raises(DamagedError):
        store.search(np.ones(DIM), 3)


def test_a_paper_held_twice_is_damage(store: VectorStore) -> None:
    """Two writers at once leave two rows of one key, and a search that answers one paper twice."""
    whole(store)
    damaged(store, "another version")
    store._stamps.keep(None)  # as if a write of our own had ended so
    with pytest.raises(DamagedError, match="1 papers are held twice"):
        store.replace_cells(PAPERS, [A, B])
