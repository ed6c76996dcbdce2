"""Rows of JSON, JSON lines, Parquet and TREC files, with an error that names file and line.

Belongs here: reading whole small files. Not: what their fields mean (one module per layout).
"""

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from pipeline.errors import InputError, UnreadableFileError


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    try:
        value = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UnreadableFileError(
            f"expected JSON in {path}, received: {error}; fetch it again"
        ) from error
    if not isinstance(value, dict):
        raise UnreadableFileError(
            f"expected an object in {path}, received a {type(value).__name__}; fetch it again"
        )
    return value


def read_rows(path: Path, *fields: str, optional: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Rows of one .jsonl, .jsonl.gz or .parquet file, which must have all `fields`.

    Of Parquet only these and the `optional` columns are read: full texts are gigabytes.
    """
    if path.suffix == ".parquet":
        yield from _parquet_rows(path, fields, optional)
        return
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except ValueError as error:
            raise UnreadableFileError(
                f"{path}, line {number}: expected JSON, received: {error}; fetch it again"
            ) from error
        missing = [f for f in fields if not isinstance(row, dict) or f not in row]
        if missing:
            raise InputError(
                f"{path}, line {number}: expected fields {', '.join(fields)}, received no "
                f"{', '.join(missing)}; is it another layout?"
            )
        yield row


def read_parts(folder: Path, pattern: str, *fields: str) -> Iterator[dict[str, Any]]:
    """Rows of all files of `folder` that match `pattern`, by name."""
    for path in sorted(folder.glob(pattern)):
        yield from read_rows(path, *fields)


def read_qrels(path: Path) -> Iterator[tuple[str, str, float]]:
    """(query id, document id, gain) of TREC lines `query iteration document gain`, or of BEIR's
    tab-separated `query document gain` with a header."""
    for number, line in enumerate(_lines(path), 1):
        parts = line.decode(errors="replace").split()
        if not parts or (number == 1 and parts[-1] == "score"):
            continue
        try:
            query, *_, document, gain = parts
            yield query, document, float(gain)
        except ValueError as error:
            raise UnreadableFileError(
                f"{path}, line {number}: expected query, document and gain, received "
                f"{' '.join(parts)[:80]!r}; fetch it again"
            ) from error


def as_text(value: Any) -> str:
    """A field's text: null is empty, a list of sentences is joined."""
    if isinstance(value, list):
        return " ".join(as_text(part) for part in value)
    return "" if value is None else " ".join(str(value).split())


def paper_of(row: Mapping[str, Any], abstract: str = "abstract") -> tuple[str, str]:
    """(title, abstract) of a row."""
    return as_text(row.get("title")), as_text(row.get(abstract))


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from file
    except (OSError, EOFError) as error:
        raise UnreadableFileError(f"expected {path}, received: {error}; fetch it again") from error


def _parquet_rows(
    path: Path, fields: tuple[str, ...], optional: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    try:
        frame = pl.scan_parquet(path)
        columns = frame.collect_schema().names()
        missing = [f for f in fields if f not in columns]
        if not missing:
            wanted = [*fields, *(f for f in optional if f in columns)]
            yield from frame.select(wanted).collect().iter_rows(named=True)
            return
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnreadableFileError(
            f"expected Parquet in {path}, received: {error}; fetch it again"
        ) from error
    raise InputError(
        f"{path}: expected columns {', '.join(fields)}, received no {', '.join(missing)}; is it "
        "another layout?"
    )
