"""The identity ledger on disk: numbered JSON-lines segments, only ever added.

Belongs here: reading and appending events. Not: what they mean (pipeline/corpus/ledger.py).
A segment is written whole under a temporary name and renamed, so a crash leaves no half line.
"""

import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson

from pipeline.corpus.ledger import Event, Ledger
from pipeline.errors import LedgerError
from resources.lake import replace_file

_BY = b'"by":"'


class LedgerStore:
    """Segments `identity-000001.jsonl`, … in one folder; back it up with the dumps."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def load(self) -> Ledger:
        """The ledger replayed from every segment."""
        return Ledger.replay(event for path in self._segments() for event in _events(path))

    def append(self, ledger: Ledger) -> int:
        """Store the ledger's news as one segment; returns how many events it holds."""
        news = ledger.news
        if news:
            number = len(self._segments()) + 1
            path = self.root / f"identity-{number:06d}.jsonl"
            replace_file(path, b"".join(_line(e) for e in news), durable=True)
            ledger.news = []
        return len(news)

    def decisions(self) -> str:
        """Digest of every event that a person decided; when it moves, identities are redone."""
        told = hashlib.sha256()
        for path in self._segments():
            data = path.read_bytes()
            if _BY in data:  # cheaper than reading events, and rules never write it
                told.update(b"".join(line for line in data.splitlines() if _BY in line))
        return told.hexdigest()[:16]

    def _segments(self) -> list[Path]:
        return sorted(self.root.glob("identity-*.jsonl"))


def _line(event: Event) -> bytes:
    told = {f.name: v for f in fields(event) if (v := getattr(event, f.name)) != f.default}
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def _events(path: Path) -> list[Event]:
    try:
        loaded = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        return [_event(told) for told in loaded]
    except (OSError, TypeError, KeyError, orjson.JSONDecodeError) as problem:
        raise LedgerError(
            f"{path} is damaged ({problem}): restore data/ledger from a backup"
        ) from problem


def _event(told: dict[str, Any]) -> Event:
    for name in ("surnames", "also"):
        if name in told:
            told[name] = tuple(told[name])
    return Event(**told)
