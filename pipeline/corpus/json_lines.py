"""Files of one JSON object per line -> batches, whatever stands in single lines.

Belongs here: lines, chunks of lines, and what becomes of a line that cannot be read. Not: what a
row means; that is the `Understand` an importer hands in.

Memory is that of a few chunks. A line that is no JSON, no UTF-8 or longer than any paper costs
itself and nothing else; a file that breaks off (a truncated gzip) is refused as a whole.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, BinaryIO, TypeVar

import orjson
from pydantic_core import from_json

from pipeline.corpus.incoming import Batch, bad_frame, edge_frame, record_frame
from pipeline.corpus.parallel import in_order
from pipeline.corpus.rows import BadRowError, Row, as_object, shown
from pipeline.errors import UnreadableFileError

MAX_LINE = 16 * 2**20  # the longest works of OpenAlex have about 2 MB
CHUNK_BYTES = 4 * 2**20

Item = TypeVar("Item")
Understand = Callable[[Row], dict[str, Any] | None]
"""A row of the file -> a row of the frame; None if it is sound but of no concern to us.

Raises BadRowError for what cannot be used.
"""


def read_batches(
    file: BinaryIO, understand: Understand, *, edges: bool = False, first: int = 0
) -> Iterator[Batch]:
    """Batches of the lines left in `file`, the next of which has number `first`.

    What `understand`, which must be picklable, makes of them are records or `edges`.
    """
    work = partial(_batch_of_lines, understand=understand, edges=edges)
    yield from in_order(work, chunks(file, first))


def _batch_of_lines(
    chunk: tuple[int, list[bytes]], *, understand: Understand, edges: bool
) -> Batch:
    first, lines = chunk
    return batch_of(enumerate(lines, first), parse_line, understand, edges=edges)


def batch_of(
    items: Iterable[tuple[int, Item]],
    parse: Callable[[Item], Row | None],
    understand: Understand,
    *,
    edges: bool = False,
) -> Batch:
    """One batch of numbered lines (or whatever `parse` makes rows of; None is no row at all)."""
    found: list[dict[str, Any]] = []
    bad: list[tuple[int, str, str]] = []
    n_outside = 0
    for number, item in items:
        try:
            if (row := parse(item)) is None:
                continue
            meant = understand(row)
        except BadRowError as problem:
            bad.append((number, str(problem), _excerpt(item)))
            continue
        if meant is None:
            n_outside += 1
        else:
            meant["source_row"] = number
            found.append(meant)
    if edges:
        return Batch(edges=edge_frame(found), bad=bad_frame(bad), n_outside=n_outside)
    return Batch(records=record_frame(found), bad=bad_frame(bad), n_outside=n_outside)


def chunks(file: BinaryIO, first: int = 0) -> Iterator[tuple[int, list[bytes]]]:
    """(number of the first line, lines) of about 4 MiB each; raises UnreadableFileError.

    A line that is too long is cut one byte above the limit, by which `parse_line` knows it.
    """
    lines: list[bytes] = []
    size = 0
    try:
        while line := file.readline(MAX_LINE + 1):
            rest = line
            while len(rest) >= MAX_LINE and not rest.endswith(b"\n"):
                rest = file.readline(MAX_LINE)
            lines.append(line)
            size += len(line)
            if size >= CHUNK_BYTES:
                yield first, lines
                first, lines, size = first + len(lines), [], 0
    except (EOFError, OSError, zlib.error) as error:
        raise UnreadableFileError(
            f"line {first + len(lines) + 1}: expected more of the file, received: {error}; "
            "it is truncated or damaged, fetch it again"
        ) from error
    if lines:
        yield first, lines


def parse_line(line: bytes) -> Row | None:
    """The object in a line; None if the line is blank."""
    if len(line) > MAX_LINE:
        raise BadRowError(f"expected a line of at most {MAX_LINE >> 20} MiB, received a longer one")
    try:
        return as_object(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        if line.isspace():
            return None
        raise BadRowError(_why_no_json(line, error)) from None


def first_objects(head: bytes) -> list[dict[str, Any]]:
    """The objects in the first lines of a file of which only the beginning is at hand.

    Lines that are no objects are passed over. If the beginning has not one whole line, as happens
    with works of OpenAlex, what stands before the cut comes as an object.
    """
    *whole, last = head.split(b"\n")
    values = [_value(line, cut=False) for line in whole[:50]]
    found = [value for value in values if isinstance(value, dict)]
    partial_value = None if found else _value(last, cut=True)
    return [partial_value] if isinstance(partial_value, dict) else found


def _value(line: bytes, *, cut: bool) -> object:
    try:
        if not cut:
            return orjson.loads(line)
        # A character may be cut in two. A text that is cut stays, so that its key does: a row
        # without its long abstract would look like one of a delete file.
        return from_json(line.decode(errors="ignore"), allow_partial="trailing-strings")
    except ValueError:
        return None


def _why_no_json(line: bytes, error: ValueError) -> str:
    try:
        line.decode()
    except UnicodeDecodeError as at:
        return f"expected UTF-8, received byte 0x{line[at.start]:02x} at column {at.start + 1}"
    return f"expected JSON, received a line that is none: {error}"


def _excerpt(item: object) -> str:
    return item[:1200].decode(errors="replace") if isinstance(item, bytes) else shown(item)
