"""LanceDB: the papers' vectors with the columns search filters by.

Belongs here: upserts, indices, compaction, nearest-neighbour queries. Not: encoding, or which
cells are stale. Counts and scores stay out: a partial update would rewrite whole rows.

Callers keep one writer at a time (Dagster pool `lancedb`); two concurrent upserts of one key
would leave two rows.

A damaged table is never searched (vector_table.py): the caller drops it and indexes all anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.tables import Cell
from resources.vector_table import VectorTable

if TYPE_CHECKING:
    from lancedb.table import Table

MIN_ROWS_FOR_VECTOR_INDEX = 10_000  # below, a full scan is exact and as fast
# 8-bit scalar quantisation: built in 8 s for 72,000 × 384, where product quantisation took 60 and
# found fewer (EXPERIMENTS.md).
ROWS_PER_PARTITION = 1_024
NPROBES = 48  # of 70 partitions at 72,000 papers
REFINE = 20  # re-rank 20 × k by exact vectors: as fast as 4 × k, and finds more


@dataclass(frozen=True)
class Upsert:
    """What an upsert changed."""

    written: int
    deleted: int
    rows: int


@dataclass(frozen=True)
class IndexHealth:
    """Rows, how many of them an index does not know yet, and when each stored version was made."""

    rows: int
    unindexed: int
    versions: tuple[datetime, ...]


class VectorStore(VectorTable):
    """The LanceDB table of one encoder's document vectors."""

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

    def compact(self, keep: timedelta = timedelta(days=1)) -> None:
        """Build missing indices, fold new rows into the others, drop versions older than `keep`.

        Raises DamagedError as `replace_cells` does.
        """
        with self._changing():
            self._compact(keep)

    def _compact(self, keep: timedelta) -> None:
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
        table.optimize(cleanup_older_than=keep)

    def health(self) -> IndexHealth:
        """What maintenance would do; nothing is changed."""
        with self._reading():
            return self._health(self._sound())

    def _health(self, table: "Table") -> IndexHealth:
        made = [version["timestamp"].astimezone(UTC) for version in table.list_versions()]
        rows, unindexed = table.count_rows(), 0
        for index in table.list_indices():
            stats = table.index_stats(index.name)
            unindexed = max(unindexed, stats.num_unindexed_rows if stats else rows)
        return IndexHealth(rows, unindexed, tuple(sorted(made)))

    def size(self) -> int:
        """Bytes on disk."""
        return sum(p.stat().st_size for p in self._root.rglob("*") if p.is_file())

    def search(
        self, vector: np.ndarray, k: int, *, where: str | None = None, exact: bool = False
    ) -> pl.DataFrame:
        """The `k` papers nearest to a unit vector: paper_id, venue, year, score (cosine).

        With `exact`, every row that `where` leaves is compared, past the index.

        Raises DamagedError if the table is.
        """
        with self._reading():
            # `search` is typed as the general builder; a vector makes it the vector one.
            query: Any = self._sound().search(vector.astype(np.float32))
            query = query.distance_type("cosine").nprobes(NPROBES).refine_factor(REFINE).limit(k)
            if where:
                query = query.where(where, prefilter=True)
            if exact:
                query = query.bypass_vector_index()
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


def _quoted(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
