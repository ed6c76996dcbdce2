"""A file as it was when it was written: size, time stamp and digest, and whether it still is.

Belongs here: comparing one file with its stamp. Not: where stamps are kept (lake.py,
vector_store.py), nor what becomes of a damaged file.

Size and time stamp are looked at every time, for one `stat`. Where only the time stamp moved, the
bytes decide: a copied library is sound, a file overwritten in place is not. Bytes that changed
under an unchanged time stamp are found by `deep` alone, which reads everything.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

GONE, DAMAGED = "is gone", "was damaged"


@dataclass(frozen=True)
class Stamp:
    """Bytes, nanoseconds since the epoch, first 16 hex digits of SHA-256 over the bytes.

    `mtime_ns` and `digest` are unknown (0, empty) of what was written before they were kept.
    """

    size: int
    mtime_ns: int = 0
    digest: str = ""


def stamp_of(path: Path, digest: str = "") -> Stamp:
    """The stamp of a file just written, read unless its digest is known."""
    stat = path.stat()
    return Stamp(stat.st_size, stat.st_mtime_ns, digest or digest_of_file(path))


def damage(path: str | Path, stamp: Stamp, *, deep: bool = False) -> str:
    """`GONE`, `DAMAGED`, or nothing if the file is what its stamp says."""
    try:
        stat = os.stat(path)
        if stat.st_size != stamp.size:
            return DAMAGED
        if not stamp.digest or (stat.st_mtime_ns == stamp.mtime_ns and not deep):
            return ""
        if deep:
            return "" if digest_of_file(path) == stamp.digest else DAMAGED
        return "" if _digest(str(path), stat.st_size, stat.st_mtime_ns) == stamp.digest else DAMAGED
    except FileNotFoundError:
        return GONE
    except OSError:  # the disk itself cannot read it
        return DAMAGED


def digest_of_file(path: str | Path) -> str:
    """First 16 hex digits of SHA-256 over the bytes; 0.7 s per gigabyte."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


@lru_cache(maxsize=200_000)
def _digest(path: str, _size: int, _mtime_ns: int) -> str:
    """Of a file known by size and time stamp: once per process, for libraries that were copied."""
    return digest_of_file(path)


def forget_digests() -> None:
    """Read every file again that is asked about: somebody could not use what was thought sound."""
    _digest.cache_clear()
