"""Files of every source but lists: opening them, and telling by content whose they are.

Belongs here: bytes, gzip, Parquet's columns, mapping files, and the choice of an importer. Not:
what rows mean (pipeline/corpus) or where they are kept (source_store.py).
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow.parquet as pq

from pipeline.corpus import aan, dblp, dblp_api, openalex_works, semantic_scholar
from pipeline.corpus.incoming import Head, Importer, Recognised
from pipeline.corpus.mapped_table import load_mapping, mapped_importer
from pipeline.errors import InputError, UnreadableFileError, UnrecognisedFileError

HEAD_BYTES = 1 << 16
MAPPING_SUFFIX = ".mapping.toml"
SUFFIXES = (
    *(".json", ".jsonl", ".ndjson", ".xml", ".csv", ".tsv", ".txt", ".parquet", ".gz"),
)  # fmt: skip
IMPORTERS: Sequence[Importer] = (
    openalex_works.IMPORTER,
    semantic_scholar.IMPORTER,
    dblp.IMPORTER,
    dblp_api.IMPORTER,
    aan.IMPORTER,
)


@dataclass(frozen=True)
class SourceFile:
    """A file somebody knows how to read."""

    path: Path
    importer: Importer
    recognised: Recognised


def recognise(path: Path, mapping: Path | None = None) -> SourceFile | None:
    """The file and its importer; None if it is a JSON array, which only lists are.

    `mapping`: the mapping file to read it by; a file `<name>.mapping.toml` beside it counts as
    well. Raises UnrecognisedFileError with one line if nobody knows the content.
    """
    beside = path.with_name(path.name + MAPPING_SUFFIX)
    mapping = mapping or (beside if beside.exists() else None)
    head = _head(path)
    if mapping:
        importers: Iterable[Importer] = (mapped_importer(load_mapping(_bytes(mapping))),)
    else:
        importers = IMPORTERS
    for importer in importers:
        if found := importer.recognise(head):
            return SourceFile(path, importer, found)
    if head.data.lstrip()[:1] == b"[" and not mapping:
        return None
    raise UnrecognisedFileError(f"{path}: {_unknown(head, mapping)}")


def _unknown(head: Head, mapping: Path | None) -> str:
    if mapping:
        return f"does not hold what {mapping.name} says: compare the columns it names"
    if page := dblp.describe_unknown(head):
        return page
    return (
        "no importer knows this content; expected a Paper Copilot list, OpenAlex works, Semantic "
        f"Scholar papers, abstracts or citations, dblp.xml, or a table with its {MAPPING_SUFFIX}"
    )


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, gunzipped if it is gzip; damage surfaces as UnreadableFileError."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
    except FileNotFoundError as problem:
        raise UnreadableFileError(f"{path}: no such file; nothing of it was used") from problem
    except (gzip.BadGzipFile, EOFError, zlib.error) as problem:
        raise UnreadableFileError(
            f"{path}: the gzip stream is damaged or truncated ({problem}); nothing of it was "
            "used: fetch the file again"
        ) from problem
    except OSError as problem:
        raise UnreadableFileError(
            f"{path}: {problem.strerror or problem}; nothing of it was used: check it, import again"
        ) from problem


def files_below(paths: Iterable[Path]) -> list[Path]:
    """The files named, and those below the folders named, sorted; InputError if there is none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.name.endswith(SUFFIXES))
        else:
            found.append(path)
    if not found:
        raise InputError(
            f"expected files ending in {', '.join(SUFFIXES)} below "
            f"{', '.join(map(str, paths))}, found none"
        )
    return found


def sha256_of(path: Path) -> str:
    """Of the file's bytes, read in pieces."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise UnreadableFileError(
            f"{path}: {problem.strerror or problem}; nothing of it was used: check it, import again"
        ) from problem


def _head(path: Path) -> Head:
    with opened(path) as file:
        data = file.read(HEAD_BYTES)
        if not data:
            raise UnreadableFileError(f"{path}: expected records, received an empty file")
        columns: tuple[str, ...] = ()
        if data[:4] == b"PAR1":
            try:
                columns = tuple(pq.ParquetFile(path).schema_arrow.names)
            except (OSError, ValueError) as problem:
                raise UnreadableFileError(
                    f"{path}: a Parquet file that cannot be read ({problem}): fetch it again"
                ) from problem
    return Head(data, path.name, columns)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise UnreadableFileError(f"{path}: {problem.strerror or problem}") from problem
