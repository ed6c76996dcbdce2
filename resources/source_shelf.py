"""Where the rows, edges and vanished ids of each source lie, as Parquet files by venue-year.

Belongs here: paths, reading, and replacing many files as one. Not: what is in them
(pipeline/corpus/standing.py) or what is to be written (source_merge.py).

A merge writes beside the shelf, into `pending`, and reads there what it has written; when all is
written, the files move into place one by one. Whoever is killed on the way leaves either a shelf as
it was, or one whose remaining files can still be moved.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import orjson
import polars as pl

from pipeline.corpus.standing import GONE_SCHEMA, HEAD_SCHEMA, PROVENANCE, STORED_SCHEMA
from pipeline.corpus.standing_edges import ENDS, STORED_EDGES, seen_edges
from pipeline.errors import StorageError
from pipeline.tables import Cell
from resources.lake import digest_of, read_frame, replace_file, write_frame

Kind = Literal["records", "edges", "merged"]
"""`merged`: ids that mean records of a venue-year since the source merged them away."""


class Shelf:
    """The files of every source below `root`; with `pending`, as they will be."""

    def __init__(self, root: Path, pending: Path | None = None) -> None:
        self._root, self._pending = root, pending

    def rows(self, source: str, cell: Cell) -> pl.DataFrame:
        """Rows in force (STORED_SCHEMA) of a venue-year."""
        frame = self._read(self._now(_file(source, "records", cell)))
        return pl.DataFrame(schema=STORED_SCHEMA) if frame is None else frame

    def edges(self, source: str, cell: Cell) -> pl.DataFrame:
        """Edges (STORED_EDGES) of a venue-year of citing records, those taken back included."""
        frame = self._read(self._now(_file(source, "edges", cell)))
        return pl.DataFrame(schema=STORED_EDGES) if frame is None else frame

    def heads(self, source: str) -> pl.DataFrame:
        """Where each id of a source lies (HEAD_SCHEMA)."""
        frames = [
            frame
            for cell in self.index(source, "records")
            if (frame := self._heads_of(source, cell)) is not None
        ]
        return pl.concat([pl.DataFrame(schema=HEAD_SCHEMA), *frames])

    def _heads_of(self, source: str, cell: Cell) -> pl.DataFrame | None:
        return self._read(self._now(_file(source, "records", cell)), HEAD_SCHEMA.names())

    def gone(self, source: str) -> pl.DataFrame:
        """Ids the source took back (GONE_SCHEMA)."""
        frame = self._read(self._now(f"{source}/gone.parquet"))
        return pl.DataFrame(schema=GONE_SCHEMA) if frame is None else frame

    def bad(self, source: str, seq: int) -> pl.DataFrame | None:
        """Rows of one delivery that could not be used, if there were any."""
        return self._read(self._now(_bad_file(source, seq)))

    def index(self, source: str, kind: Kind) -> dict[Cell, str]:
        """Digest of what is said in each venue-year."""
        path = self._now(_index_file(source, kind))
        stored = orjson.loads(path.read_bytes()) if path.exists() else {}
        return {(name.split("|")[0], int(name.split("|")[1])): d for name, d in stored.items()}

    def path(self, source: str, kind: Kind, cell: Cell) -> Path:
        """The file of a venue-year."""
        return self._now(_file(source, kind, cell))

    def holds(self, source: str, kind: Kind, cell: Cell, digest: str) -> bool:
        """Whether the file of a venue-year says what its digest does."""
        try:
            if kind == "records":
                return _said_by_rows(self.rows(source, cell)) == digest
            return _said_by_edges(self.edges(source, cell)) == digest
        except StorageError:
            return False

    def write_rows(self, source: str, cell: Cell, rows: pl.DataFrame) -> str:
        """Replace the rows of a venue-year; gives the digest of what they say."""
        ordered = rows.sort("source_id")
        write_frame(self._new(_file(source, "records", cell)), ordered)
        return _said_by_rows(ordered)

    def write_edges(self, source: str, cell: Cell, edges: pl.DataFrame) -> str:
        """Replace the edges of a venue-year; gives the digest of what they say."""
        ordered = edges.sort(ENDS)
        write_frame(self._new(_file(source, "edges", cell)), ordered)
        return _said_by_edges(ordered)

    def write_gone(self, source: str, gone: pl.DataFrame) -> None:
        """Replace the ids a source took back."""
        write_frame(self._new(f"{source}/gone.parquet"), gone.sort("source_id"))

    def write_bad(self, source: str, seq: int, bad: pl.DataFrame) -> None:
        """Keep what of a delivery could not be used."""
        write_frame(self._new(_bad_file(source, seq)), bad)

    def write_index(self, source: str, kind: Kind, index: Mapping[Cell, str]) -> None:
        """Replace the digests."""
        named = {f"{venue}|{year}": digest for (venue, year), digest in sorted(index.items())}
        replace_file(self._new(_index_file(source, kind)), orjson.dumps(named))

    def commit(self) -> None:
        """Move everything pending into place; what was moved before stays."""
        assert self._pending is not None
        # Digests last: whoever reads in between finds old ones, and looks again later.
        files = sorted(
            (p for p in self._pending.rglob("*") if p.is_file() and not p.name.startswith(".")),
            key=lambda p: (p.suffix == ".json", p),
        )
        for path in files:
            target = self._root / path.relative_to(self._pending)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)

    def _read(self, path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame | None:
        try:
            return read_frame(path, columns)
        except StorageError as problem:  # no table of the lake: it is rebuilt in another way
            raise StorageError(
                f"{path} cannot be read: restore {self._root} from a backup, or delete it and run "
                "`csimpact refresh`, which reads every file in the inbox again"
            ) from problem

    def _new(self, name: str) -> Path:
        assert self._pending is not None
        return self._pending / name

    def _now(self, name: str) -> Path:
        if self._pending and (written := self._pending / name).exists():
            return written
        return self._root / name


def _said_by_rows(rows: pl.DataFrame) -> str:
    return digest_of(rows.drop(PROVENANCE))


def _said_by_edges(edges: pl.DataFrame) -> str:
    return digest_of(seen_edges(edges))


def _file(source: str, kind: Kind, cell: Cell) -> str:
    return f"{source}/{kind}/venue={cell[0]}/year={cell[1]}.parquet"


def _index_file(source: str, kind: Kind) -> str:
    return f"{source}/{kind}.json"


def _bad_file(source: str, seq: int) -> str:
    return f"{source}/bad/{seq}.parquet"
