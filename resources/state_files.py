"""What every output was made from, as small files: very many, read again and again, cheaply.

Belongs here: finding, parsing and remembering the files of states. Not: what a state means
(pipeline/staleness), or writing it and whether its tables are whole (lake.py).

One file per output and venue-year, each replaced by rename: writers never wait for each other, and
a crash spoils none. Two thousand venue-years are some 25,000 files, which every stage asks for.
A file is therefore parsed once per process, and later told from its successor by inode, time stamp
and size alone. Names and digests recur in hundreds of states and are kept once.
"""

import os
import time
from collections.abc import Iterator
from sys import intern
from typing import Any

import orjson

from pipeline.staleness import State
from pipeline.tables import Cell

_SETTLED_NS = 2_000_000_000
"""Younger files are not remembered: within one tick of the file system's clock, a successor of
equal length may come to have the same inode and time stamp."""

_Stamp = tuple[int, int, int]
_parsed: dict[str, tuple[_Stamp, State]] = {}


def scan_states(folder: str) -> Iterator[tuple[Cell | None, State]]:
    """Cell (None: of the whole output) and state of every readable file below `folder`."""
    for entry in _listed(folder):
        if entry.is_dir():
            for year in _listed(entry.path):
                if (cell := _cell(entry.name, year.name)) and (state := _read(year)):
                    yield cell, state
        elif entry.name == "all.json" and (state := _read(entry)):
            yield None, state


def read_state(path: str) -> State | None:
    """The state in a file; None if there is none, or none that can be read."""
    try:
        return _remembered(path, os.stat(path))
    except FileNotFoundError:
        return None


def _read(entry: os.DirEntry[str]) -> State | None:
    try:
        return _remembered(entry.path, entry.stat())
    except FileNotFoundError:  # forgotten since it was listed
        return None


def _listed(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _cell(venue: str, file: str) -> Cell | None:
    """The cell of a file; None for those that a killed process left half written."""
    year, _, suffix = file.partition(".")
    return (venue, int(year)) if suffix == "json" and year else None


def _remembered(path: str, stat: os.stat_result) -> State | None:
    stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
    known = _parsed.get(path)
    if known and known[0] == stamp:
        return known[1]
    state = _parse(path)
    if state and 0 <= stat.st_mtime_ns < time.time_ns() - _SETTLED_NS:
        _parsed[path] = stamp, state
    return state


def _parse(path: str) -> State | None:
    try:
        with open(path, "rb") as file:
            return _state(orjson.loads(file.read()))
    except (OSError, KeyError, TypeError, AttributeError, orjson.JSONDecodeError):
        return None  # unreadable is as good as absent: the output is redone


def _state(stored: dict[str, Any]) -> State:
    days = stored.pop("days", None)
    for name in ("inputs", "facets"):
        stored[name] = {intern(k): intern(v) for k, v in stored[name].items()}
    return State(**stored, days=tuple(days) if days else None)
