"""The identity ledger: which key has always meant which paper.

Belongs here: what ledger events mean and how they replay. Not: how records find their paper
(corpus/resolution.py, corpus/matching.py) or where the file lies (resources/ledger_store.py).

Identity is source data, not a computed table: ids are minted once and never change, whatever is
imported later and in whatever order. Events are only ever appended; a rebuild replays them.
Merges, doubts and people's decisions are events like any other, so that they stick.

Keys: `title:venue:year:normalised title` (with `#surname` where a title is not enough),
`source:…` for the ids a source gives, `doi:…`, `arxiv:…`, `acl:…`, and `told:source:paper`, which
says that a source tells of a paper.
"""

import base64
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pipeline.errors import LedgerError

EventKind = Literal["mint", "alias", "merge", "apart", "doubt"]
RULES = ""  # who decided, where no person did


class Event(NamedTuple):
    """One line of the ledger.

    `mint`, `alias`: from now on `key` and the keys of `also` mean `paper_id`; a mint also gives the
    paper its row number and the surnames known at that time. `method`: how the record of that key
    found its paper. `merge`: `other` is `paper_id` from now on. `apart`: the two are never one.
    `doubt`: `key` is of `paper_id`, but may be of `other`. `by`, `on`: the person who decided and
    the ISO day.
    """

    seq: int
    event: EventKind
    key: str
    paper_id: str
    paper_row: int
    surnames: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    method: str = ""
    other: str = ""
    by: str = RULES
    on: str = ""


Place = tuple[str, int, str]
"""Venue, year and normalised title of a record."""


@dataclass
class Ledger:
    """Replayed events; whatever is appended also goes to `news`, for the caller to store."""

    paper_of_key: dict[str, str] = field(default_factory=dict)
    row_of_paper: dict[str, int] = field(default_factory=dict)
    surnames_of_paper: dict[str, set[str]] = field(default_factory=dict)
    keys_of_paper: dict[str, list[str]] = field(default_factory=dict)
    places_of_paper: dict[str, list[Place]] = field(default_factory=dict)
    sources_of_paper: dict[str, set[str]] = field(default_factory=dict)
    sources_of_cell: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    method_of_key: dict[str, str] = field(default_factory=dict)
    papers_of_title: dict[str, set[str]] = field(default_factory=dict)
    titles_of_cell: dict[tuple[str, int], dict[str, set[str]]] = field(default_factory=dict)
    papers_of_surname: dict[tuple[str, int], dict[str, dict[tuple[str, str], None]]] = field(
        default_factory=dict
    )
    placed_by_people: set[str] = field(default_factory=set)
    merges: dict[str, Event] = field(default_factory=dict)
    doubts: dict[frozenset[str], Event] = field(default_factory=dict)
    kept_apart: dict[frozenset[str], Event] = field(default_factory=dict)
    undecided: set[frozenset[str]] = field(default_factory=set)
    next_seq: int = 0
    news: list[Event] = field(default_factory=list)

    @classmethod
    def replay(cls, events: Iterable[Event]) -> "Ledger":
        """The ledger after `events`, which must be in order and without gaps."""
        ledger = cls()
        for event in events:
            ledger._apply(event)
        return ledger

    # ── what may be appended ──────────────────────────────────────────────────────────

    def mint(
        self,
        key: str,
        surnames: Iterable[str],
        also: Collection[str] = (),
        method: str = "",
        told_by: str = "",
    ) -> str:
        """A new paper id for `key`, derived from the key so that equal histories agree.

        `told_by`: the source that tells of the paper.
        """
        paper_id = paper_id_of(key)
        while paper_id in self.row_of_paper:  # a 60-bit collision; the ledger remembers which
            paper_id = paper_id_of(f"{key}\0{paper_id}")
        row, names = len(self.row_of_paper), tuple(sorted(surnames))
        told = [f"told:{told_by}:{paper_id}"] if told_by else []
        self._append("mint", key, paper_id, row, names, (*also, *told), method)
        return paper_id

    def alias(
        self,
        key: str,
        paper_id: str,
        *,
        also: Collection[str] = (),
        method: str = "",
        surnames: Iterable[str] = (),
        by: str = RULES,
        on: str = "",
    ) -> None:
        """Let `key` and the keys of `also` mean an existing paper from now on."""
        row, names = self.row_of_paper[paper_id], tuple(sorted(surnames))
        self._append("alias", key, paper_id, row, names, tuple(also), method, by=by, on=on)

    def merge(
        self, paper_id: str, other: str, *, reason: str, by: str = RULES, on: str = ""
    ) -> str:
        """The two are one paper from now on; the older id survives and is returned."""
        stays, goes = sorted((paper_id, other), key=self.row_of_paper.__getitem__)
        row = self.row_of_paper[stays]
        self._append("merge", "", stays, row, method=reason, other=goes, by=by, on=on)
        return stays

    def keep_apart(
        self, paper_id: str, other: str, *, reason: str, by: str = RULES, on: str = ""
    ) -> None:
        """The two are never one paper, whatever their records say."""
        row = self.row_of_paper[paper_id]
        self._append("apart", "", paper_id, row, method=reason, other=other, by=by, on=on)

    def doubt(self, key: str, paper_id: str, other: str, *, reason: str) -> None:
        """Remember, once, that a person should look at these two."""
        pair = frozenset((paper_id, other))
        if paper_id != other and pair not in self.doubts and pair not in self.kept_apart:
            row = self.row_of_paper[paper_id]
            self._append("doubt", key, paper_id, row, method=reason, other=other)

    # ── what may be asked ─────────────────────────────────────────────────────────────

    def current(self, paper_id: str) -> str:
        """The paper that a minted id means today."""
        while paper_id in self.merges:
            paper_id = self.merges[paper_id].paper_id
        return paper_id

    def apart(self, paper_id: str, other: str) -> bool:
        """Whether somebody, or a rule, decided that these are two papers."""
        return frozenset((paper_id, other)) in self.kept_apart

    def weighed(self, paper_id: str, other: str) -> bool:
        """Whether these were compared before, and not joined: that is a person's to do, then."""
        pair = frozenset((paper_id, other))
        return pair in self.undecided or pair in self.kept_apart

    def told_method(self, source: str, paper_id: str) -> str:
        """How the source's first record of the paper found it; empty if nobody told of it yet."""
        start = f"told:{source}:"
        told = (key for key in self.keys_of_paper[paper_id] if key.startswith(start))
        return self.method_of_key.get(next(told, ""), "")

    def ids_of(self, paper_id: str, scheme: str) -> list[str]:
        """What follows `scheme:` in the paper's keys."""
        start = f"{scheme}:"
        return [k[len(start) :] for k in self.keys_of_paper[paper_id] if k.startswith(start)]

    def editions_of(self, paper_id: str) -> set[tuple[str, int]]:
        """Venue-years in which a record of the paper stood."""
        return {(venue, year) for venue, year, _ in self.places_of_paper[paper_id]}

    def titles_of(self, paper_id: str) -> set[str]:
        """Normalised titles of the paper's records."""
        return {title for _, _, title in self.places_of_paper[paper_id]}

    # ── replay ────────────────────────────────────────────────────────────────────────

    def _append(
        self,
        kind: EventKind,
        key: str,
        paper_id: str,
        row: int,
        surnames: tuple[str, ...] = (),
        also: tuple[str, ...] = (),
        method: str = "",
        other: str = "",
        by: str = RULES,
        on: str = "",
    ) -> None:
        event = Event(
            self.next_seq, kind, key, paper_id, row, surnames, also, method, other, by, on
        )
        self._apply(event)
        self.news.append(event)

    def _apply(self, event: Event) -> None:
        self._check(event)
        paper_id = event.paper_id
        if event.event == "mint":
            self.row_of_paper[paper_id] = event.paper_row
            self.surnames_of_paper[paper_id] = set()
            self.keys_of_paper[paper_id] = []
            self.places_of_paper[paper_id] = []
            self.sources_of_paper[paper_id] = set()
        if event.event in ("mint", "alias"):
            self._name(event.surnames, paper_id)
            self._point([event.key, *event.also], paper_id)
            if event.method:
                self.method_of_key[event.key] = event.method
            if event.by:
                self.placed_by_people.add(event.key)
        elif event.event == "merge":
            self.merges[event.other] = event
            self._name(self.surnames_of_paper[event.other], paper_id)
            self._rename_pairs(event.other, paper_id)
            self._point(list(self.keys_of_paper[event.other]), paper_id)
        elif event.event == "apart":
            self.kept_apart[frozenset((paper_id, event.other))] = event
        else:
            pair = frozenset((paper_id, event.other))
            self.doubts[pair] = event
            self.undecided.add(pair)
        self.next_seq += 1

    def _point(self, keys: Iterable[str], paper_id: str) -> None:
        for key in keys:
            before = self.paper_of_key.get(key)
            if before == paper_id:
                continue
            if before is not None:
                self._take_away(key, before)
            self.paper_of_key[key] = paper_id
            self.keys_of_paper[paper_id].append(key)
            scheme = key.partition(":")[0]
            if scheme == "told":
                self._tell(key.split(":", 2)[1], paper_id)
            elif scheme == "title":
                self._entitle(_place(key), paper_id)

    def _tell(self, source: str, paper_id: str) -> None:
        self.sources_of_paper[paper_id].add(source)
        for venue, year, _ in self.places_of_paper[paper_id]:
            self.sources_of_cell[venue, year].add(source)

    def _entitle(self, place: Place, paper_id: str) -> None:
        places = self.places_of_paper[paper_id]
        if place in places:  # by another of its authors
            return
        places.append(place)
        venue, year, title = place
        cell = (venue, year)
        self.papers_of_title.setdefault(title, set()).add(paper_id)
        self.titles_of_cell.setdefault(cell, {}).setdefault(title, set()).add(paper_id)
        self.sources_of_cell.setdefault(cell, set()).update(self.sources_of_paper[paper_id])
        people = self.papers_of_surname.setdefault(cell, {})
        for name in (*self.surnames_of_paper[paper_id], beginning(title)):
            people.setdefault(name, {})[paper_id, title] = None

    def _name(self, surnames: Iterable[str], paper_id: str) -> None:
        """Add authors to a paper, by whom its titles can be found from now on."""
        self.surnames_of_paper[paper_id].update(surnames)
        for venue, year, title in self.places_of_paper[paper_id]:
            people = self.papers_of_surname[venue, year]
            for name in surnames:
                people.setdefault(name, {})[paper_id, title] = None

    def _take_away(self, key: str, paper_id: str) -> None:
        self.keys_of_paper[paper_id].remove(key)
        if not key.startswith("title:"):
            return
        place = venue, year, title = _place(key)
        left = (k for k in self.keys_of_paper[paper_id] if k.startswith("title:"))
        if any(_place(k) == place for k in left):
            return
        self.places_of_paper[paper_id].remove(place)
        self.titles_of_cell[venue, year][title].discard(paper_id)
        if all(title != other for _, _, other in self.places_of_paper[paper_id]):
            self.papers_of_title[title].discard(paper_id)
        for name in (*self.surnames_of_paper[paper_id], beginning(title)):
            self.papers_of_surname[venue, year].get(name, {}).pop((paper_id, title), None)

    def _rename_pairs(self, gone: str, paper_id: str) -> None:
        """What was compared with a paper that is merged away was compared with what it is now."""
        for pair, event in list(self.kept_apart.items()):
            if gone in pair and paper_id not in pair:
                self.kept_apart[pair - {gone} | {paper_id}] = event
        self.undecided = {p - {gone} | {paper_id} if gone in p else p for p in self.undecided}

    def _check(self, event: Event) -> None:
        if event.seq != self.next_seq:
            raise LedgerError(
                f"ledger event {self.next_seq} was expected, {event.seq} found: "
                "restore data/ledger from a backup"
            )
        if (event.event == "mint") == (event.paper_id in self.row_of_paper):
            told = "mints a known paper" if event.event == "mint" else "names an unknown paper"
            raise LedgerError(f"ledger event {event.seq} {told}: restore data/ledger from a backup")
        if event.other and event.other not in self.row_of_paper:
            raise LedgerError(
                f"ledger event {event.seq} names an unknown paper: "
                "restore data/ledger from a backup"
            )
        if event.event == "mint" and event.paper_row != len(self.row_of_paper):
            raise LedgerError(
                f"ledger event {event.seq} mints row {event.paper_row}, expected "
                f"{len(self.row_of_paper)}: restore data/ledger from a backup"
            )


def _place(title_key: str) -> Place:
    _, venue, year, title = title_key.split(":", 3)
    return venue, int(year), title.partition("#")[0]


def beginning(title: str) -> str:
    """The first two words of a normalised title, marked: a way to find it whoever wrote it."""
    return "^" + " ".join(title.split(" ", 2)[:2])


def paper_id_of(key: str) -> str:
    """`p` and 12 letters or digits (60 bits) of the key's SHA-256."""
    digest = hashlib.sha256(key.encode()).digest()[:8]
    return "p" + base64.b32encode(digest).decode().lower()[:12]
