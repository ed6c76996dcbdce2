"""Scholar dumps as files: reading them, and telling by content and name what they are.

Belongs here: bytes, gzip, JSON, and the venue-year a file is about. Not: which files are
registered (inbox.py) or what a row means (pipeline/corpus/paper_copilot.py).
"""

import gzip
import re
import zlib
from contextlib import suppress
from datetime import date
from pathlib import Path

import orjson

from pipeline.corpus import paper_copilot
from pipeline.errors import (
    InputError,
    NotFoundError,
    UnreadableFileError,
    UnrecognisedFileError,
)
from pipeline.tables import Cell
from pipeline.venues import VenueRegistry

_NAME = re.compile(r"(?P<folder>.*?[^\d])(?P<year>\d{4,})(?:-[0-9a-f]{8})?\.json(?:\.gz)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def load_document(path: Path, data: bytes) -> object:
    """The JSON document in `data`, gunzipped if it is gzip; UnreadableFileError says why not."""
    if not data:
        raise UnreadableFileError(f"{path}: expected a JSON list, received an empty file")
    try:
        text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as problem:
        raise UnreadableFileError(
            f"{path}: the gzip stream is damaged or truncated ({problem}): fetch the file again"
        ) from problem
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        raise UnreadableFileError(
            f"{path}: expected JSON ({problem}): fetch the file again"
        ) from problem


def read_file(path: Path) -> bytes:
    """The file's bytes; UnreadableFileError if it vanished or may not be read."""
    try:
        return path.read_bytes()
    except OSError as problem:
        raise UnreadableFileError(
            f"{path}: {problem.strerror or problem}; nothing of it was used: check it, import again"
        ) from problem


def cell_of(path: Path, document: object, venues: VenueRegistry, today: date) -> Cell:
    """The venue-year of a dump, known by its content and then by its name.

    Raises UnrecognisedFileError or InputError with one line if it is not one of ours.
    """
    if document == []:
        raise UnreadableFileError(f"{path}: expected a list of papers, received an empty list")
    if isinstance(document, dict):
        raise UnrecognisedFileError(
            f"{path}: expected a JSON list of papers, received a JSON object: "
            "hand over the list itself"
        )
    if not paper_copilot.recognise(document):
        raise UnrecognisedFileError(
            f"{path}: no importer knows this content; expected a Paper Copilot list "
            "(objects with title, author, status, …)"
        )
    return _cell_of_name(path, venues, today)


def _cell_of_name(path: Path, venues: VenueRegistry, today: date) -> Cell:
    match = _NAME.fullmatch(path.name)
    if not match:
        raise UnrecognisedFileError(
            f"{path}: expected a name like cvpr2016.json.gz, which says venue and year"
        )
    try:
        venue = venues.resolve(match["folder"])
    except NotFoundError as problem:
        raise UnrecognisedFileError(f"{path}: {problem}") from problem
    year, first = int(match["year"]), venues[venue].first_year
    if not first <= year <= today.year + 1:
        raise InputError(
            f"{path}: expected a year of {venue} in {first}..{today.year + 1}, received "
            f"{year}: rename the file, or correct first_year in venues.toml"
        )
    return venue, year


def date_in(path: Path) -> str:
    """The ISO date in the nearest folder name, or nothing."""
    for part in reversed(path.parts[:-1]):
        if _DATE.fullmatch(part):
            with suppress(ValueError):  # 2026-13-45 is a name like any other
                return date.fromisoformat(part).isoformat()
    return ""
