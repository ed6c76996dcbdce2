"""Files that are replaced whole, and Parquet in them: readers see the old file or the new.

Belongs here: writing under a temporary name, and reading one or many files. Not: which files there
are, nor whether they are what was written (lake.py, guard.py).
"""

import errno
import hashlib
import io
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

import polars as pl

from pipeline.errors import DamagedError, StorageError

_NO_DAMAGE = {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


def replace_file(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write `data` under a temporary name, then rename: readers see the old file or the new.

    `durable` also survives a power cut; tables that can be rebuilt do not pay for that.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as problem:
        with suppress(OSError):  # where the folder itself is the trouble, nothing is to be removed
            temporary.unlink()
        raise StorageError(
            f"could not write {path}: {problem.strerror or problem}; the old file is untouched: "
            "make room or grant access, then run again"
        ) from problem


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Replace a Parquet file atomically."""
    replace_file(path, parquet(frame))


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame | None:
    """The file's rows, or None if it is not there; raises DamagedError if it cannot be read."""
    try:
        # Opened once: handed a path, polars opens it several times, and panics, or mixes two
        # files, when it is replaced in between.
        with path.open("rb") as file:
            frame = pl.read_parquet(file, columns=list(columns) if columns else None)
    except FileNotFoundError:
        return None
    except OSError as problem:
        if problem.errno in _NO_DAMAGE:
            raise StorageError(
                f"{path} cannot be read ({problem.strerror}): grant access or make room, then run "
                "again"
            ) from problem
        raise damaged(path, problem) from problem
    except _UNREADABLE as problem:
        raise damaged(path, problem) from problem
    return frame.select(columns) if columns else frame


def read_frames(paths: Sequence[Path], schema: pl.Schema) -> list[pl.DataFrame]:
    """The rows of several files, those columns of `schema`; files that are not there add nothing.

    Together, since opening a small file with polars alone takes longer than reading it. Only where
    that fails does each file have to tell whether it was to blame: DamagedError names the first.
    """
    with ExitStack() as stack, suppress(OSError, *_UNREADABLE):
        files: list[IO[bytes]] = [
            stack.enter_context(path.open("rb")) for path in paths if path.exists()
        ]
        together = pl.scan_parquet(files).select(schema.names()).collect() if files else None
        if together is None or together.schema == schema:
            return [] if together is None else [together]
    frames = []
    for path in paths:
        if (frame := read_frame(path, schema.names())) is not None:
            if frame.schema != schema:
                raise damaged(path, f"its columns are {', '.join(frame.columns)}")
            frames.append(frame)
    return frames


def digest_of(frame: pl.DataFrame) -> str:
    """16 hex digits over the frame's values; equal values give equal digests."""
    return digest(parquet(frame))


def parquet(frame: pl.DataFrame) -> bytes:
    """The file of a frame; equal values give equal bytes."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="zstd", compression_level=1, statistics=True)
    return buffer.getvalue()


def digest(data: bytes) -> str:
    """16 hex digits."""
    return hashlib.sha256(data).hexdigest()[:16]


def damaged(path: Path, problem: Any) -> DamagedError:
    """That a file is of no use, in one line."""
    first_line = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    return DamagedError(f"{path} cannot be read ({first_line}): restore it from a backup")
