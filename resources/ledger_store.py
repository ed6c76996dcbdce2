"""The identity ledger on disk: numbered JSON-lines segments, only ever added.

Belongs here: reading and appending events. Not: what they mean (pipeline/corpus/ledger.py).
A segment is written whole under a temporary name and renamed, so a crash leaves no half line.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from pipeline.corpus.ledger import Event, Ledger
from pipeline.errors import LedgerError
from resources.collector import rare_collections
from resources.lake import replace_file

_BY = b'"by":"'


class LedgerStore:
    """Segments `identity-000001.jsonl`, … in one folder; back it up with the dumps."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def load(self) -> Ledger:
        """The ledger replayed from every segment."""
        with rare_collections():
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
            stat = path.stat()
            told.update(_decided(path, stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return told.hexdigest()[:16]

    def _segments(self) -> list[Path]:
        return sorted(self.root.glob("identity-*.jsonl"))


@lru_cache(maxsize=4096)  # every planning asks, and a segment written is never written again
def _decided(path: Path, _inode: int, _mtime_ns: int, _size: int) -> bytes:
    data = path.read_bytes()
    if _BY not in data:  # cheaper than reading events, and rules never write it
        return b""
    return b"".join(line for line in data.splitlines() if _BY in line)


def _line(event: Event) -> bytes:
    default = Event._field_defaults
    told = {name: v for name, v in event._asdict().items() if v != default.get(name)}
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def _events(path: Path) -> list[Event]:
    try:
        return [_event(orjson.loads(line)) for line in path.read_bytes().splitlines()]
    except (OSError, TypeError, KeyError, orjson.JSONDecodeError) as problem:
        raise LedgerError(
            f"{path} is damaged ({problem}): restore data/ledger from a backup"
        ) from problem


def _event(told: dict[str, Any]) -> Event:
    if "surnames" in told:
        told["surnames"] = tuple(told["surnames"])
    if "also" in told:
        told["also"] = tuple(told["also"])
    return Event(**told)
