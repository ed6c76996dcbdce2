"""The files of a LanceDB table: whether they are as they were left, opening, dropping.

Belongs here: damage, and the schema. Not: what is written, asked or maintained (vector_store.py).

The stamps of all files of the table lie beside it, taken away before a write and put back after it.
A table that differs from its stamps, that LanceDB cannot read, or that has a paper twice, is
damaged. A writer that is killed leaves a table without stamps, whose newest whole version is sound.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from pipeline.errors import DamagedError, StorageError
from resources.folder_stamps import FolderStamps

if TYPE_CHECKING:
    from lancedb.table import Table

TABLE = "papers"
# Written at leisure, and LanceDB looks for newer versions anyway.
HINTS = ("_versions/latest_version_hint.json",)
LANCE_ERRORS = (RuntimeError, OSError, ValueError, pa.ArrowException, pl.exceptions.PanicException)
"""What LanceDB raises of files it cannot use; its panics are those of its language."""


class VectorTable:
    """The table of one encoder's vectors, by its files."""

    def __init__(self, root: Path, encoder_id: str) -> None:
        self._root = root / encoder_id.replace("/", "_").replace("@", "_")
        self._table = self._root / f"{TABLE}.lance"
        self._stamps = FolderStamps(self._table, self._root / f"{TABLE}.json", HINTS)

    def exists(self) -> bool:
        """Whether anything was ever indexed."""
        return self._table.exists() or self._stamps.exist()

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

    @property
    def folder(self) -> Path:
        """Where the table lies."""
        return self._table

    def doubt(self) -> None:
        """Have the table count as damaged from now on: somebody found it so by reading it."""
        self._stamps.spoil()

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

    def _open(self, dim: int | None = None) -> "Table":
        os.environ.setdefault("LANCEDB_LOG", "error")  # its warnings are for its developers
        import lancedb

        database = lancedb.connect(self._root)
        if self._table.exists():
            return database.open_table(TABLE)
        if dim is None:
            raise StorageError("nothing is indexed yet: run `csimpact refresh`")
        return database.create_table(TABLE, schema=_schema(dim))


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


def _line(problem: BaseException) -> str:
    text = str(problem).strip() or type(problem).__name__
    return text.splitlines()[0][:160]
