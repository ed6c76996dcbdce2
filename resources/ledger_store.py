"""The identity ledger on disk: numbered JSON-lines segments, only ever added.

Belongs here: reading and appending events. Not: what they mean (pipeline/corpus/ledger.py).
A segment is written whole under a temporary name and renamed, so a crash leaves no half line.
"""

from pathlib import Path

import orjson

from pipeline.corpus.ledger import Event, Ledger
from pipeline.errors import LedgerError
from resources.lake import replace_file


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

    def _segments(self) -> list[Path]:
        return sorted(self.root.glob("identity-*.jsonl"))


def _line(event: Event) -> bytes:
    return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)


def _events(path: Path) -> list[Event]:
    try:
        loaded = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        return [Event(**{**event, "surnames": tuple(event["surnames"])}) for event in loaded]
    except (OSError, TypeError, KeyError, orjson.JSONDecodeError) as problem:
        raise LedgerError(
            f"{path} is damaged ({problem}): restore data/ledger from a backup"
        ) from problem
