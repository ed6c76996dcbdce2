"""Tables as streams of rows: CSV, JSON lines and Parquet.

Belongs here: bytes -> one mapping of column to value per row, or why it is none. Not: what the
columns mean (mapped_table.py).

CSV is read by the standard library: 147 MB/s on the machine where cleaning the texts afterwards
ran at 77 and pyarrow read at 199, and it alone goes on after a broken row and tells which it was.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.corpus.gathering import Unusable
from pipeline.corpus.lines import MAX_LINE, bounded_lines
from pipeline.errors import UnreadableFileError

Row = Mapping[str, Any]


def header_of(text: str, delimiter: str) -> list[str]:
    """Column names in the first record of a CSV file; empty if it has none."""
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []


def csv_rows(
    file: BinaryIO, needed: Sequence[str], encoding: str, delimiter: str
) -> Iterator[Row | Unusable]:
    """Rows of a CSV file with a header; quotes may hold newlines."""
    # Bytes that are not of the encoding become surrogates, so that they spoil their row only.
    text = io.TextIOWrapper(file, with_bom(encoding), errors="surrogateescape", newline="")
    try:
        reader = csv.reader(_pieces(text), delimiter=delimiter)
        header = next(reader, [])
        check_columns(header, needed)
        for fields in _records(reader):
            if fields:  # not an empty line
                yield _named(header, fields, delimiter, encoding)
    except UnicodeDecodeError as error:
        raise UnreadableFileError(
            f"expected text in {encoding}, received {error.reason}; set `encoding` in the mapping"
        ) from error
    except csv.Error as error:
        raise UnreadableFileError(f"expected a header of column names, received {error}") from error
    finally:
        text.detach()  # the file is the caller's to close


def _pieces(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(MAX_LINE):  # a file without line ends comes in pieces
        yield line


def _records(reader: Iterator[list[str]]) -> Iterator[list[str] | csv.Error]:
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield error


def _named(
    header: Sequence[str], fields: list[str] | csv.Error, delimiter: str, encoding: str
) -> Row | Unusable:
    if isinstance(fields, csv.Error):
        return Unusable(f"expected a row of CSV, received {fields}; is a quote left open?", "")
    whole = delimiter.join(fields)
    if len(fields) != len(header):
        return Unusable(f"expected {len(header)} fields, received {len(fields)}", whole)
    try:
        whole.encode()
    except UnicodeEncodeError:
        return Unusable(f"expected text in {encoding}, received bytes that are not", whole)
    return dict(zip(header, fields, strict=True))


def jsonl_rows(file: BinaryIO, encoding: str) -> Iterator[Row | Unusable]:
    """Objects of a file of JSON lines."""
    for line in bounded_lines(file):
        if line is None:
            yield Unusable(f"expected a line of at most {MAX_LINE >> 20} MiB, received more", "")
        elif line.strip():
            yield _object(line, encoding)


def _object(line: bytes, encoding: str) -> Row | Unusable:
    shown = line[:1200].decode(errors="replace")
    try:
        row = orjson.loads(line.decode(with_bom(encoding)))
    except UnicodeDecodeError:
        return Unusable(f"expected text in {encoding}, received bytes that are not", shown)
    except orjson.JSONDecodeError as error:
        return Unusable(f"expected a JSON object, received {error}", shown)
    if not isinstance(row, dict):
        return Unusable(f"expected a JSON object, received {type(row).__name__}", shown)
    return row


def parquet_rows(file: BinaryIO, needed: Sequence[str]) -> Iterator[Row]:
    """Rows of a Parquet file, of the needed columns only."""
    try:
        table = pq.ParquetFile(file)
        check_columns(table.schema_arrow.names, needed)
        for batch in table.iter_batches(batch_size=2_000, columns=list(needed)):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        found = " ".join(str(error).split())[:200]
        raise UnreadableFileError(f"expected a whole Parquet file, received {found}") from error


def check_columns(given: Sequence[str], needed: Sequence[str]) -> None:
    """Raises UnreadableFileError unless each needed column is there, once."""
    missing = [column for column in needed if column not in given]
    twice = [column for column in needed if given.count(column) > 1]
    if missing or twice:
        told = [*(f"no {c!r}" for c in missing), *(f"{c!r} twice" for c in twice)]
        raise UnreadableFileError(
            f"expected the columns of the mapping, received {', '.join(told)}; "
            "mend the mapping or the table"
        )


def with_bom(encoding: str) -> str:
    """The codec that drops the mark some programs put before UTF-8."""
    return "utf-8-sig" if encoding == "utf-8" else encoding
