"""What pools were made from and the surroundings of their edges: working memory beside the lake.

Belongs here: files under `lake/_frontiers` and `lake/_members`. Not: what they mean
(pipeline/impact/frontier.py), when they are used (assets/topic_pools.py). Neither is a table, and
no release holds them; whatever is missing or damaged reads as None, and the pools are made anew.
"""

import hashlib
import io
from collections.abc import Collection
from pathlib import Path

import polars as pl

from pipeline.tables import Cell
from resources.lake import replace_file


class PoolMemory:
    """Frontiers by venue-year, and lists of members by the digest that planner and states name."""

    def __init__(self, lake: Path) -> None:
        """Open the memory of the lake at this root."""
        self._frontiers, self._members = lake / "_frontiers", lake / "_members"
        self._lists: dict[str, Path] = {}
        if self._members.exists():
            self._lists = {p.name.partition("-")[0]: p for p in self._members.glob("*-*.parquet")}

    def remember_frontier(self, cell: Cell, frame: pl.DataFrame) -> str:
        """Replace the frontier of a venue-year; returns the digest under which it is found."""
        # Products and rows of neighbours hardly compress, and time counts.
        data = _encoded(frame, "uncompressed")
        replace_file(self._frontier(cell), data)
        return _digest(data)

    def frontier(self, cell: Cell, digest: str) -> pl.DataFrame | None:
        """The frontier of a venue-year; None if it is not there, or not the one of this digest."""
        return _read(self._frontier(cell), digest)

    def remember_members(self, name: str, frame: pl.DataFrame) -> None:
        """Keep a list of papers under the digest it is called by, unless it is there already."""
        if name not in self._lists:
            data = _encoded(frame, "zstd")
            self._lists[name] = self._members / f"{name}-{_digest(data)}.parquet"
            replace_file(self._lists[name], data)

    def members(self, name: str) -> pl.DataFrame | None:
        """The list of papers called by this digest; None if it is not there, or damaged."""
        if (path := self._lists.get(name)) is None:
            return None
        if (frame := _read(path, path.stem.partition("-")[2])) is None:
            self._lists.pop(name)  # to be written again
        return frame

    def sweep(self, names: Collection[str], cells: Collection[Cell]) -> None:
        """Delete the lists of other names, and the frontiers of other venue-years."""
        for name in self._lists.keys() - set(names):
            self._lists.pop(name).unlink(missing_ok=True)
        kept = {self._frontier(cell) for cell in cells}
        for path in self._frontiers.glob("*/*.parquet"):
            if path not in kept:
                path.unlink(missing_ok=True)

    def _frontier(self, cell: Cell) -> Path:
        return self._frontiers / cell[0] / f"{cell[1]}.parquet"


def _encoded(frame: pl.DataFrame, compression: str) -> bytes:
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression=compression, statistics=False)  # type: ignore[arg-type]
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _read(path: Path, digest: str) -> pl.DataFrame | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return pl.read_parquet(io.BytesIO(data)) if _digest(data) == digest else None
