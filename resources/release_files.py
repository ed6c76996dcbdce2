"""The files of a release: hashed, counted, and the pages written beside the tables.

Belongs here: bytes on disk. Not: when a release is made (releases.py) or what its pages say
(pipeline/release/).
"""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.release.manifest import FileEntry

READ_ONLY = 0o444
UNREADABLE = -1  # in place of the rows of a Parquet file that is none
_THREADS = 4  # hashing lets the others go on


def files_below(folder: Path) -> list[Path]:
    """Every file below `folder`, sorted by path."""
    found = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def file_entries(folder: Path, paths: Iterable[Path]) -> list[FileEntry]:
    """Size, hash and rows of each file; rows of Parquet files, UNREADABLE if one is none."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda path: _entry(folder, path), paths))


def _entry(folder: Path, path: Path) -> FileEntry:
    data = path.read_bytes()
    return FileEntry(
        path=path.relative_to(folder).as_posix(),
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        rows=_rows(data) if path.suffix == ".parquet" else None,
    )


def _rows(data: bytes) -> int:
    try:
        return int(pq.ParquetFile(pa.BufferReader(data)).metadata.num_rows)
    except (pa.ArrowException, OSError):
        return UNREADABLE


def write_page(folder: Path, name: str, text: str | bytes) -> FileEntry:
    """Write a page of the release and say what it is."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return _entry(folder, path)


def make_read_only(folder: Path) -> None:
    """Take the right to write from every file; the lake's end of a link loses it too.

    No harm: the lake replaces its files by renaming and never writes into one.
    """
    for path in files_below(folder):
        with suppress(PermissionError):  # a file of another user, who may well forbid it
            path.chmod(READ_ONLY)
