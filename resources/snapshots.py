"""A state of the lake's tables kept for later: hard links where the file system can, else copies.

Belongs here: linking table files into a folder laid out like the lake, and which files two such
folders do not share. Not: what changed in them (pipeline/release/changes.py).

A link keeps the bytes it was made of, because no file of the lake is ever written to after it has
its name: `replace_file` of resources/lake.py writes a new file and renames it over the old one.
"""

import errno
import filecmp
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipeline.errors import StorageError
from pipeline.release.changes import Changes, changes_of, compared_columns
from pipeline.tables import TABLES, Cell
from resources.lake import Lake, read_frame

# Another file system, one without links or that forbids them, or too many links to one file.
CANNOT_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EOPNOTSUPP})
TEMPORARY, DOOMED = ".tmp", ".gone"


@dataclass(frozen=True)
class Linked:
    """What a snapshot took: files and bytes in all, and of these the bytes that were copied."""

    files: int = 0
    bytes: int = 0
    copied: int = 0


@dataclass(frozen=True)
class ChangedFile:
    """A file that two states do not share; None where a state has none."""

    table: str
    cell: Cell | None
    before: Path | None
    after: Path | None


def table_files(lake: Lake, table: str) -> list[tuple[Cell | None, Path]]:
    """Every file of a table with its cell."""
    if TABLES[table].partitioned:
        return [(cell, lake.path(table, cell)) for cell in lake.cells(table)]
    path = lake.path(table)
    return [(None, path)] if path.exists() else []


def link_tables(lake: Lake, tables: Iterable[str], folder: Path) -> Linked:
    """Link every file of `tables` below `folder`, in the lake's own layout.

    The caller keeps others from changing the lake meanwhile. Raises OSError.
    """
    files = size = copied = 0
    for table in tables:
        lake.check(table)  # nothing damaged is published
        for _, path in table_files(lake, table):
            target = folder / path.relative_to(lake.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            linked = link_or_copy(path, target)
            written = target.stat().st_size
            files, size, copied = files + 1, size + written, copied + (0 if linked else written)
    return Linked(files, size, copied)


def link_or_copy(source: Path, target: Path) -> bool:
    """Whether `target` became a link to `source`; else it is a copy."""
    try:
        os.link(source, target)
    except OSError as problem:
        if problem.errno not in CANNOT_LINK:
            raise
        shutil.copy2(source, target)  # its time too: equal size and time tell a copy unchanged
        return False
    return True


def take_snapshot(lake: Lake, tables: Collection[str], folder: Path) -> Linked:
    """Keep the tables as they are now in `folder`, in place of what it held.

    `Lake(folder)` reads it. A crash leaves the old snapshot, or none, never half of one.
    """
    with building(folder) as temporary:
        linked = link_tables(lake, tables, temporary)
        if folder.exists():
            discard(folder)
    return linked


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder` that gets its name if all goes well, and vanishes if not.

    What a killed process left of an earlier attempt is removed first.
    """
    temporary = folder.with_name(f".{folder.name}{TEMPORARY}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(folder)
    except OSError as problem:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StorageError(
            f"could not keep the tables in {folder} ({problem.strerror or problem}): make room or "
            "grant access, then run again; no table was harmed"
        ) from problem
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def discard(folder: Path) -> None:
    """Remove a folder whole: it is renamed first, so that half of it never bears its name."""
    doomed = folder.with_name(f".{folder.name}{DOOMED}")
    shutil.rmtree(doomed, ignore_errors=True)  # of a removal that was killed
    folder.rename(doomed)
    shutil.rmtree(doomed)


def changed_files(before: Path, after: Path, tables: Iterable[str]) -> list[ChangedFile]:
    """The files of `tables` that two states (lakes, snapshots, releases) do not share."""
    found = []
    for table in tables:
        old, new = dict(table_files(Lake(before), table)), dict(table_files(Lake(after), table))
        for cell in sorted(old.keys() | new.keys(), key=str):
            mine, other = old.get(cell), new.get(cell)
            if mine is None or other is None or not _same_bytes(mine, other):
                found.append(ChangedFile(table, cell, mine, other))
    return found


def changes_between(before: Path, after: Path, table: str) -> Changes:
    """What changed in a table from one state to the other; only files they do not share are read.

    A paper that moved to another venue-year is one whose venue or year changed.
    """
    files = changed_files(before, after, [table])
    return changes_of(
        TABLES[table],
        _read(table, [f.before for f in files if f.before]),
        _read(table, [f.after for f in files if f.after]),
    )


def _read(table: str, paths: Iterable[Path]) -> pl.DataFrame:
    """Rows of files, of which some may be of an older declaration of the table."""
    declared = TABLES[table]
    columns = compared_columns(declared)
    frames = [f for p in paths if (f := read_frame(p, _held(p, columns))) is not None]
    return pl.concat(frames) if frames else declared.empty().select(columns)


def _held(path: Path, columns: list[str]) -> list[str]:
    """Those of `columns` that a file has."""
    try:
        held = pl.read_parquet_schema(path)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return columns  # reading it says what is wrong
    return [name for name in columns if name in held]


def _same_bytes(one: Path, other: Path) -> bool:
    left, right = one.stat(), other.stat()
    if os.path.samestat(left, right):
        return True
    return left.st_size == right.st_size and filecmp.cmp(one, other, shallow=False)
