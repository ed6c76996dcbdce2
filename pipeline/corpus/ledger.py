"""The identity ledger: which key has always meant which paper.

Belongs here: what ledger events mean and how they replay. Not: how records find their paper
(corpus/resolution.py) or where the file lies (resources/ledger_store.py).

Identity is source data, not a computed table: ids are minted once and never change, whatever is
imported later and in whatever order. Events are only ever appended; a rebuild replays them.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from pipeline.errors import LedgerError

Method = Literal["first", "source_id", "title"]
"""How a record found its paper: it is the first of it, or what tied it to the first."""


@dataclass(frozen=True)
class Event:
    """One line of the ledger: from now on `key` means `paper_id`.

    `mint` events also give the paper its row number and the surnames known at that time.
    """

    seq: int
    event: Literal["mint", "alias"]
    key: str
    paper_id: str
    paper_row: int
    surnames: tuple[str, ...] = ()


@dataclass
class Ledger:
    """Replayed events; `mint` and `alias` append to `news`, which the caller stores."""

    paper_of_key: dict[str, str] = field(default_factory=dict)
    row_of_paper: dict[str, int] = field(default_factory=dict)
    surnames_of_paper: dict[str, set[str]] = field(default_factory=dict)
    next_seq: int = 0
    news: list[Event] = field(default_factory=list)

    @classmethod
    def replay(cls, events: Iterable[Event]) -> "Ledger":
        """The ledger after `events`, which must be in order and without gaps."""
        ledger = cls()
        for event in events:
            ledger._apply(event)
        return ledger

    def mint(self, key: str, surnames: Iterable[str]) -> str:
        """A new paper id for `key`, derived from the key so that equal histories agree."""
        paper_id = paper_id_of(key)
        while paper_id in self.row_of_paper:  # a 60-bit collision; the ledger remembers which
            paper_id = paper_id_of(f"{key}\0{paper_id}")
        self._append("mint", key, paper_id, len(self.row_of_paper), tuple(sorted(surnames)))
        return paper_id

    def alias(self, key: str, paper_id: str) -> None:
        """Let `key` mean an existing paper from now on."""
        self._append("alias", key, paper_id, self.row_of_paper[paper_id], ())

    def _append(
        self,
        kind: Literal["mint", "alias"],
        key: str,
        paper_id: str,
        row: int,
        surnames: tuple[str, ...],
    ) -> None:
        event = Event(self.next_seq, kind, key, paper_id, row, surnames)
        self._apply(event)
        self.news.append(event)

    def _apply(self, event: Event) -> None:
        if event.seq != self.next_seq:
            raise LedgerError(
                f"ledger event {self.next_seq} was expected, {event.seq} found: "
                "restore data/ledger from a backup"
            )
        if (event.event == "mint") == (event.paper_id in self.row_of_paper):
            told = "mints a known paper" if event.event == "mint" else "names an unknown paper"
            raise LedgerError(f"ledger event {event.seq} {told}: restore data/ledger from a backup")
        if event.event == "mint":
            if event.paper_row != len(self.row_of_paper):
                raise LedgerError(
                    f"ledger event {event.seq} mints row {event.paper_row}, expected "
                    f"{len(self.row_of_paper)}: restore data/ledger from a backup"
                )
            self.row_of_paper[event.paper_id] = event.paper_row
            self.surnames_of_paper[event.paper_id] = set(event.surnames)
        self.paper_of_key[event.key] = event.paper_id
        self.next_seq += 1


def paper_id_of(key: str) -> str:
    """`p` and 12 letters or digits (60 bits) of the key's SHA-256."""
    digest = hashlib.sha256(key.encode()).digest()[:8]
    return "p" + base64.b32encode(digest).decode().lower()[:12]
