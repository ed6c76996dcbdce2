"""LanceDB: the papers' vectors with the columns search filters by.

Belongs here: upserts, indices, compaction, nearest-neighbour queries. Not: encoding, or which
cells are stale. Counts and scores stay out: a partial update would rewrite whole rows.

Callers keep one writer at a time (Dagster pool `lancedb`); two concurrent upserts of one key
would leave two rows.

The stamps of all files of the table lie beside it, taken away before a write and put back after it.
A table that differs from its stamps, that LanceDB cannot read, or that has a paper twice, is
damaged: it is never searched, and the caller drops it and indexes everything anew. A writer that
is killed leaves a table without stamps, whose newest whole version is sound.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.errors import DamagedError, StorageError
from pipeline.tables import Cell
from resources.folder_stamps import FolderStamps

if TYPE_CHECKING:
    from lancedb.table import Table

TABLE = "papers"
# Written at leisure, and LanceDB looks for newer versions anyway.
HINTS = ("_versions/latest_version_hint.json",)
MIN_ROWS_FOR_VECTOR_INDEX = 10_000  # below, a full scan is exact and as fast
# 8-bit scalar quantisation: built in 8 s for 72,000 × 384, where product quantisation took 60 and
# found fewer (EXPERIMENTS.md).
ROWS_PER_PARTITION = 1_024
NPROBES = 48  # of 70 partitions at 72,000 papers
REFINE = 20  # re-rank 20 × k by exact vectors: as fast as 4 × k, and finds more


LANCE_ERRORS = (RuntimeError, OSError, ValueError, pa.ArrowException, pl.exceptions.PanicException)
"""What LanceDB raises of files it cannot use; its panics are those of its language."""


@dataclass(frozen=True)
class Upsert:
    """What an upsert changed."""

    written: int
    deleted: int
    rows: int


class VectorStore:
    """The LanceDB table of one encoder's document vectors."""

    def __init__(self, root: Path, encoder_id: str) -> None:
        self._root = root / encoder_id.replace("/", "_").replace("@", "_")
        self._table = self._root / f"{TABLE}.lance"
        self._stamps = FolderStamps(self._table, self._root / f"{TABLE}.json", HINTS)

    def exists(self) -> bool:
        """Whether anything was ever indexed."""
        return self._table.exists() or self._stamps.exist()

    # ── damage ────────────────────────────────────────────────────────────────────────

    def damage(self, *, deep: bool = False) -> str:
        """What is wrong with the table's files, in a few words; nothing if they are as written.

        A few milliseconds and without LanceDB; `deep` reads every byte.
        """
        stamps = self._stamps.read()
        if stamps is None:
            return ""
        strange = [
            v for v in self._stamps.files() if v.startswith("_versions/") and v not in stamps
        ]
        problem = self._stamps.problem(deep=deep) or (strange and f"{strange[0]} is not ours")
        return f"{TABLE}.lance was damaged ({problem})" if problem else ""

    def drop(self) -> None:
        """Forget the table: a damaged one, which is then made anew."""
        try:
            if self._table.exists():
                shutil.rmtree(self._table)
            self._stamps.forget()  # last: till then it counts as damaged
        except OSError as problem:
            raise StorageError(
                f"could not remove {self._table} ({problem.strerror}): grant access, then run again"
            ) from problem

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Writes happen inside; afterwards the table's files are remembered.

        Raises DamagedError if the table cannot be read, StorageError if it cannot be written.
        """
        before = self._stamps.read()
        if found := self.damage():
            raise self._refused(found)
        if before is None and self._table.exists():
            self._read_all()  # left by a writer that did not finish
        self._stamps.forget()
        try:
            yield
        except LANCE_ERRORS as problem:
            self._read_all()  # a damaged table is another matter than a full disk
            raise StorageError(
                f"could not write {self._table} ({_line(problem)}): make room or grant access, "
                "then run again"
            ) from problem
        self.paper_ids()
        self._stamps.keep(before)

    def _read_all(self) -> None:
        if self._table.exists():
            with self._reading():
                table = self._open()
                for _ in table.search().limit(table.count_rows() or 1).to_batches():
                    pass

    def paper_ids(self) -> pl.Series:
        """The id of every paper held; raises DamagedError if one is held twice."""
        with self._reading():
            table = self._open()
            found = table.search().select(["paper_id"]).limit(table.count_rows() or 1).to_arrow()
        ids = pl.Series("paper_id", pl.from_arrow(found["paper_id"]), dtype=pl.String)
        if twice := ids.len() - ids.n_unique():
            raise self._refused(f"{TABLE}.lance was damaged ({twice} papers are held twice)")
        return ids

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """What LanceDB cannot read is damaged."""
        try:
            yield
        except LANCE_ERRORS as problem:
            found = f"{TABLE}.lance was damaged ({_line(problem)})"
            raise self._refused(found) from problem

    def _refused(self, found: str) -> DamagedError:
        return DamagedError(
            f"{self._root}/{found}: `csimpact refresh` makes it anew from paper_embeddings"
        )

    def _sound(self) -> "Table":
        """The table to be read; raises DamagedError rather than serve what nobody wrote."""
        if found := self.damage():
            raise self._refused(found)
        return self._open()

    # ── reading and writing ───────────────────────────────────────────────────────────

    def _open(self, dim: int | None = None) -> "Table":
        os.environ.setdefault("LANCE_LOG", "error")  # its warnings are for its developers
        import lancedb

        database = lancedb.connect(self._root)
        if self._table.exists():
            return database.open_table(TABLE)
        if dim is None:
            raise StorageError("nothing is indexed yet: run `csimpact refresh`")
        return database.create_table(TABLE, schema=_schema(dim))

    def replace_cells(self, rows: pl.DataFrame, cells: Sequence[Cell]) -> Upsert:
        """Make the table hold exactly `rows` for `cells`; rows that did not change stay untouched.

        `rows`: paper_id, text_hash, venue, year, publication_day, in_pools, vector. Raises
        DamagedError if the table is: drop it, and index everything anew.
        """
        with self._changing():
            return self._replace_cells(rows, cells)

    def _replace_cells(self, rows: pl.DataFrame, cells: Sequence[Cell]) -> Upsert:
        table = self._open(len(rows["vector"][0]) if rows.height else None)
        before = self._rows_of(table, cells)
        plain = [c for c in before.columns if c != "vector"]
        # An identical upsert would still add a version: find what differs first.
        changed = rows.join(before, on=plain, how="anti", nulls_equal=True)
        gone = before.join(rows, on="paper_id", how="anti")
        if changed.height:
            data = _arrow(changed, table.schema)
            merge = table.merge_insert("paper_id").when_matched_update_all()
            merge.when_not_matched_insert_all().execute(data)
        for chunk in gone["paper_id"].to_frame().iter_slices(500):
            table.delete(f"paper_id IN ({_quoted(chunk['paper_id'])})")
        return Upsert(changed.height, gone.height, table.count_rows())

    def _rows_of(self, table: "Table", cells: Sequence[Cell]) -> pl.DataFrame:
        columns = [n for n in table.schema.names if n != "vector"]
        years = sorted({year for _, year in cells})
        held = table.search().where(f"year IN ({', '.join(map(str, years))})")
        found = held.select(columns).limit(table.count_rows() or 1).to_arrow()
        wanted = pl.DataFrame(
            list(cells), schema={"venue": pl.String, "year": pl.Int32}, orient="row"
        )
        frame = pl.DataFrame(pl.from_arrow(found)).select(columns)
        return frame.join(wanted, on=["venue", "year"], how="semi")

    def compact(self) -> None:
        """Build missing indices, fold new rows into the others, drop versions over a day old.

        Raises DamagedError as `replace_cells` does.
        """
        with self._changing():
            self._compact()

    def _compact(self) -> None:
        from lancedb.index import Bitmap, BTree, IvfSq

        table = self._open()
        there = {index.columns[0]: index.name for index in table.list_indices()}
        wanted: dict[str, Any] = {"paper_id": BTree(), "year": BTree(), "venue": Bitmap()}
        rows = table.count_rows()
        if rows >= MIN_ROWS_FOR_VECTOR_INDEX:
            partitions = max(1, rows // ROWS_PER_PARTITION)
            wanted["vector"] = IvfSq(distance_type="cosine", num_partitions=partitions)
        if "vector" in there and "vector" in wanted:
            # The partitions were chosen for the rows of that time: choose anew when they doubled.
            stats = table.index_stats(there["vector"])
            if stats and stats.num_unindexed_rows > stats.num_indexed_rows:
                del there["vector"]
        for column, config in wanted.items():
            if column not in there:
                table.create_index(column, config=config, replace=True)
        table.optimize(cleanup_older_than=timedelta(days=1))

    def search(self, vector: np.ndarray, k: int, *, where: str | None = None) -> pl.DataFrame:
        """The `k` papers nearest to a unit vector: paper_id, venue, year, score (cosine).

        Raises DamagedError if the table is.
        """
        with self._reading():
            # `search` is typed as the general builder; a vector makes it the vector one.
            query: Any = self._sound().search(vector.astype(np.float32))
            query = query.distance_type("cosine").nprobes(NPROBES).refine_factor(REFINE).limit(k)
            if where:
                query = query.where(where, prefilter=True)
            found = query.select(["paper_id", "venue", "year", "_distance"]).to_arrow()
        frame = pl.DataFrame(pl.from_arrow(found))
        return frame.select(
            "paper_id", "venue", "year", score=(1 - pl.col("_distance")).cast(pl.Float32)
        ).sort(["score", "paper_id"], descending=[True, False])

    def vector_of(self, paper_id: str) -> np.ndarray | None:
        """The stored vector of a paper, or None."""
        with self._reading():
            found = self._sound().search().where(f"paper_id IN ({_quoted([paper_id])})").limit(1)
            rows = found.select(["vector"]).to_arrow()["vector"].to_pylist()
        return np.asarray(rows[0], dtype=np.float32) if rows else None

    def count(self) -> int:
        """Rows in the table."""
        if not self.exists():
            return 0
        with self._reading():
            return self._sound().count_rows()


def _schema(dim: int) -> pa.Schema:
    return pa.schema(
        [
            pa.field("paper_id", pa.string(), nullable=False),
            pa.field("text_hash", pa.string()),
            pa.field("venue", pa.string()),
            pa.field("year", pa.int32()),
            pa.field("publication_day", pa.int32()),
            pa.field("in_pools", pa.bool_()),
            pa.field("vector", pa.list_(pa.float32(), dim)),
        ]
    )


def _arrow(rows: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    vector = schema.field("vector").type
    flat = pa.array(rows["vector"].explode(empty_as_null=False, keep_nulls=False).to_numpy())
    columns = [
        pa.FixedSizeListArray.from_arrays(flat, vector.list_size)
        if field.name == "vector"
        else rows[field.name].to_arrow().cast(field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _line(problem: BaseException) -> str:
    text = str(problem).strip() or type(problem).__name__
    return text.splitlines()[0][:160]


def _quoted(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
