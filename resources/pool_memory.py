"""What pools were made from and the surroundings of their edges: working memory beside the lake.

Belongs here: files under `lake/_frontiers` and `lake/_members`. Not: what they mean
(pipeline/impact/frontier.py), when they are used (assets/topic_pools.py). Neither is a table, and
no release holds them; whatever is missing or damaged reads as None, and the pools are made anew.
"""

import hashlib
import io
from collections.abc import Collection, Mapping
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

    def remember_frontier(self, cell: Cell, inputs: Mapping[str, str], frame: pl.DataFrame) -> None:
        """Replace the frontier of a venue-year, whose pools were made from these inputs."""
        # Products and rows of neighbours hardly compress, and Arrow's own files are read ten times
        # as fast as Parquet with its lists.
        buffer = io.BytesIO()
        frame.write_ipc(buffer, compression="uncompressed")
        data = buffer.getvalue()
        path = self._frontier(cell, inputs, _digest(data))
        replace_file(path, data)
        self.forget_frontier(cell, but=path)

    def forget_frontier(self, cell: Cell, *, but: Path | None = None) -> None:
        """Delete what is remembered of a venue-year, except one file."""
        for path in (self._frontiers / cell[0]).glob(f"{cell[1]}-*.arrow"):
            if path != but:
                path.unlink(missing_ok=True)

    def frontier(self, cell: Cell, inputs: Mapping[str, str]) -> pl.DataFrame | None:
        """The frontier beside pools that were made from these inputs; None if it is not there.

        Those inputs are part of its name: after a crash between its file and the pools' state, the
        two do not belong together.
        """
        pattern = self._frontier(cell, inputs, "*")
        found = list(pattern.parent.glob(pattern.name))
        if len(found) != 1:
            return None
        data = _whole(found[0], found[0].stem.split("-")[-1])
        return None if data is None else pl.read_ipc(io.BytesIO(data))

    def remember_members(self, name: str, frame: pl.DataFrame) -> None:
        """Keep a list of papers under the digest it is called by, unless it is there already."""
        if name not in self._lists:
            buffer = io.BytesIO()
            frame.rechunk().write_parquet(buffer, compression="zstd", statistics=False)
            data = buffer.getvalue()
            self._lists[name] = self._members / f"{name}-{_digest(data)}.parquet"
            replace_file(self._lists[name], data)

    def members(self, name: str) -> pl.DataFrame | None:
        """The list of papers called by this digest; None if it is not there, or damaged."""
        if (path := self._lists.get(name)) is None:
            return None
        if (data := _whole(path, path.stem.partition("-")[2])) is None:
            self._lists.pop(name)  # to be written again
            return None
        return pl.read_parquet(io.BytesIO(data))

    def sweep(self, names: Collection[str], cells: Collection[Cell]) -> None:
        """Delete the lists of other names, and the frontiers of other venue-years."""
        for name in self._lists.keys() - set(names):
            self._lists.pop(name).unlink(missing_ok=True)
        kept = set(cells)
        for path in self._frontiers.glob("*/*.arrow"):
            if (path.parent.name, int(path.name.partition("-")[0])) not in kept:
                path.unlink(missing_ok=True)

    def _frontier(self, cell: Cell, inputs: Mapping[str, str], digest: str) -> Path:
        told = "\n".join(f"{name}={inputs[name]}" for name in sorted(inputs))
        return self._frontiers / cell[0] / f"{cell[1]}-{_digest(told.encode())}-{digest}.arrow"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _whole(path: Path, digest: str) -> bytes | None:
    """What the file holds; None if it is not there, or not what was written."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if _digest(data) == digest else None
