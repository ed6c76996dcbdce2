"""The inbox: dumps a user imported or dropped, registered with their hashes and their order.

Belongs here: which files there are and which list of a venue-year is in force. Not: what a file
says (scholar_dumps.py) or what a row means (pipeline/corpus/paper_copilot.py).

Order of the lists of one venue-year: by the date in their path (`…/2026-02-23/…`), then by
registration. A list without a date counts as recent as the one it replaces, so that "import it
again, later" does what it says, while a dated older list never pushes out a newer one.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import cast

import orjson

from pipeline.corpus import paper_copilot
from pipeline.corpus.paper_copilot import ListOrigin
from pipeline.errors import CsimpactError, InputError, ShrinkError, UnreadableFileError
from pipeline.tables import UNRECOGNISED, Cell
from pipeline.venues import VenueRegistry
from resources.lake import replace_file
from resources.scholar_dumps import (
    cell_of,
    date_in,
    load_document,
    read_file,
)
from resources.source_files import SUFFIXES, files_below

REGISTRY = "registry.jsonl"
SHRUNK = 0.5  # a list below this share of the one it replaces looks like a damaged one


@dataclass(frozen=True)
class RegisteredFile:
    """One registration of a list: which file, of which venue-year, since when, in what order."""

    seq: int
    path: str  # relative to the inbox
    sha256: str
    size: int
    mtime_ns: int
    kind: str
    venue: str
    year: int
    listed_on: str  # ISO date the list counts as; "" for the first of its venue-year without one
    registered_on: str
    problem: str = ""  # why the file cannot be used, if it cannot

    @property
    def order(self) -> tuple[str, int]:
        """Sorts the lists of a venue-year, newest last."""
        return (self.listed_on, self.seq)


@dataclass(frozen=True)
class Refusal:
    """A file that was not registered, and the one line that says why."""

    path: Path
    problem: CsimpactError


class Inbox:
    """Registered dump files under one folder; the registry is a JSON-lines file in it."""

    def __init__(self, root: Path, venues: VenueRegistry, today: date) -> None:
        self.root = root
        self._venues = venues
        self._today = today
        self._registry = root / REGISTRY
        self.files: list[RegisteredFile] = self._load()

    def _load(self) -> list[RegisteredFile]:
        if not self._registry.exists():
            return []
        try:
            lines = self._registry.read_bytes().splitlines()
            return [RegisteredFile(**orjson.loads(line)) for line in lines]
        except (OSError, TypeError, orjson.JSONDecodeError) as problem:
            raise InputError(
                f"{self._registry} is damaged ({problem}): restore it from a backup, or delete it "
                "to have every file in the inbox registered anew"
            ) from problem

    def _save(self) -> None:
        data = b"".join(orjson.dumps(asdict(f)) + b"\n" for f in self.files)
        replace_file(self._registry, data, durable=True)

    def import_paths(
        self, paths: Sequence[Path], *, accept_shrink: bool = False
    ) -> tuple[list[RegisteredFile], list[Refusal]]:
        """Copy lists (folders: every list below) into the inbox and register them.

        Returns the registrations that are news, and the files refused; refusing one file does
        not stop the others. Raises InputError if there is no file at all.
        """
        news: list[RegisteredFile] = []
        refused: list[Refusal] = []
        for path in files_below(paths):
            try:
                data, listed_on = read_file(path), date_in(path.absolute())
                document = load_document(path, data)
                venue, year = cell_of(path, document, self._venues, self._today)
                if not accept_shrink:
                    self._refuse_shrunk(path, document, (venue, year), listed_on)
                target = f"{paper_copilot.SOURCE}/{listed_on or 'undated'}/{venue}/{path.name}"
                news += self._register(target, data, venue, year, listed_on)
            except CsimpactError as problem:
                refused.append(Refusal(path, problem))
        self._save()
        return news, refused

    def _refuse_shrunk(self, path: Path, document: object, cell: Cell, listed_on: str) -> None:
        """Raise ShrinkError if a list is far shorter than the one it would replace."""
        lists = self.lists_of(cell)
        if not lists or (listed_on and listed_on < lists[-1].listed_on):
            return
        try:
            before = load_document(path, read_file(self.root / lists[-1].path))
        except UnreadableFileError:
            return  # a damaged list is no measure, and must not stand in the way of a sound one
        held, found = len(cast(list[object], before)), len(cast(list[object], document))
        if found < SHRUNK * held:
            raise ShrinkError(
                f"{path}: expected at least {SHRUNK * held:,.0f} rows, since it replaces a list of "
                f"{held:,}, received {found:,}; nothing was changed: fetch the list again, or "
                "import it with --accept-shrink"
            )

    def scan(
        self, *, save: bool = True, taken: Callable[[Path], bool] = lambda _: False
    ) -> list[RegisteredFile]:
        """Register files dropped into the inbox by hand; returns the news. Callers hold the lock.

        `taken` says of each file that is news whether somebody else took it, since it is no list;
        it may raise an InputError. A file that cannot be used is registered with its problem, so
        that it shows up in quarantine rather than nowhere.
        """
        stored = list(self.files)
        removed = {f.path for f in self.problems() if not (self.root / f.path).exists()}
        self.files = [f for f in self.files if f.path not in removed]
        known = {f.path: f for f in self.files}
        news: list[RegisteredFile] = []
        for path in sorted(p for p in self.root.rglob("*") if may_be_a_dump(p, self.root)):
            relative = path.relative_to(self.root).as_posix()
            before = known.get(relative)
            try:
                stat = path.stat()
                if before and (before.size, before.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
                    continue
                if before and not before.problem and self._touched(before, path, stat):
                    continue
                news += self._register_dropped(path, relative, stat, taken)
            except FileNotFoundError:
                continue  # gone again: nothing was read from it
        if save and self.files != stored:
            self._save()
        return news

    def _touched(self, before: RegisteredFile, path: Path, stat: os.stat_result) -> bool:
        """Whether only the time stamp moved; the new one is then remembered.

        A copied or restored inbox must not look like news: undated lists would change places.
        """
        if before.size != stat.st_size or _sha256(read_file(path)) != before.sha256:
            return False
        self.files[self.files.index(before)] = replace(before, mtime_ns=stat.st_mtime_ns)
        return True

    def _register_dropped(
        self, path: Path, relative: str, stat: os.stat_result, taken: Callable[[Path], bool]
    ) -> list[RegisteredFile]:
        """`stat` from before the file is read: one still being written is then read again."""
        data, venue, year, listed_on, why_not = b"", "", 0, "", ""
        try:
            if taken(path):
                self.files = [f for f in self.files if f.path != relative or not f.problem]
                return []
            data = read_file(path)
            venue, year = cell_of(path, load_document(path, data), self._venues, self._today)
            # Not the folders above the inbox: where the data lie says nothing about a list.
            listed_on = date_in(Path(relative))
        except InputError as problem:  # a full disk is not the file's fault
            why_not = str(problem)
        if not path.exists():
            return []  # gone again: nothing of it is used
        return self._append(relative, data, venue, year, listed_on, stat, why_not)

    def _register(
        self, target: str, data: bytes, venue: str, year: int, listed_on: str
    ) -> list[RegisteredFile]:
        digest = _sha256(data)
        lists = self.lists_of((venue, year))
        same = [
            f for f in lists if f.sha256 == digest and (not listed_on or f.listed_on == listed_on)
        ]
        if same and (listed_on or same[-1] == lists[-1]) and (self.root / same[-1].path).exists():
            return []
        # The digest keeps an older list of the same name beside the newer one.
        stem, dot, suffix = target.rpartition("/")[2].partition(".")
        name = f"{target.rpartition('/')[0]}/{stem}-{digest[:8]}{dot}{suffix}"
        path = self.root / name
        replace_file(path, data, durable=True)
        return self._append(name, data, venue, year, listed_on, path.stat())

    def _append(
        self,
        relative: str,
        data: bytes,
        venue: str,
        year: int,
        listed_on: str,
        stat: os.stat_result,
        problem: str = "",
    ) -> list[RegisteredFile]:
        lists = self.lists_of((venue, year))
        file = RegisteredFile(
            seq=self.files[-1].seq + 1 if self.files else 0,
            path=relative,
            sha256=_sha256(data),
            size=stat.st_size,
            mtime_ns=stat.st_mtime_ns,
            kind=paper_copilot.SOURCE,
            venue=venue,
            year=year,
            listed_on=listed_on or (lists[-1].listed_on if lists else ""),
            registered_on=self._today.isoformat(),
            problem=problem,
        )
        self.files.append(file)
        return [file]

    def lists_of(self, cell: Cell) -> list[RegisteredFile]:
        """Usable lists of a venue-year, oldest first; a path counts once, as last registered.

        A list that repeats the one before it is no news and left out, as is one whose file was
        deleted.
        """
        return self._lists(_Told.of(self.files), cell)

    def _lists(self, told: "_Told", cell: Cell) -> list[RegisteredFile]:
        mine = (f for f in told.usable.get(cell, ()) if told.last[f.path] is f)
        ordered = sorted((f for f in mine if not self._gone(f)), key=lambda f: f.order)
        return [f for i, f in enumerate(ordered) if i == 0 or f.sha256 != ordered[i - 1].sha256]

    def cells(self) -> list[Cell]:
        """Venue-years that have a usable list in force, sorted."""
        return sorted(self._in_force())

    def _in_force(self) -> dict[Cell, list[RegisteredFile]]:
        told = _Told.of(self.files)
        return {c: self._lists(told, c) for c in told.usable if not self._lost(told, c)}

    def _gone(self, file: RegisteredFile) -> bool:
        return not (self.root / file.path).exists()

    def _lost(self, told: "_Told", cell: Cell) -> list[RegisteredFile]:
        """Lists in force that were deleted or overwritten by something unusable.

        The tables of their venue-year stay as they are: falling back to an older list, or to
        none, would silently undo what the newer one said.
        """
        lost = [f for f in told.usable[cell] if told.last[f.path].problem or self._gone(f)]
        if not lost or not (lists := self._lists(told, cell)):
            return lost
        newest = lists[-1]
        broken = {f.path: f.seq for f in told.last.values() if f.problem}
        return [
            f
            for f in lost
            if f.order > newest.order and broken.get(f.path, newest.seq + 1) > newest.seq
        ]

    def warnings(self) -> list[str]:
        """One line for every file that cannot be used, and for every deleted list in force."""
        told = _Told.of(self.files)
        lost = (f for cell in sorted(told.usable) for f in self._lost(told, cell))
        return [f.problem for f in self.problems()] + [
            f"{self.root / f.path} is gone; {f.venue} {f.year} stays as it is: restore the file or "
            "import a list of that venue-year"
            for f in lost
            if self._gone(f)
        ]

    def digests(self) -> dict[Cell, str]:
        """Digest of the lists of every venue-year, in their order: the planner's first input.

        Files nobody can use count as the cell `UNRECOGNISED`, so that they reach quarantine.
        """
        lists = {**self._in_force(), UNRECOGNISED: self.problems()}
        return {cell: _digest_of(files) for cell, files in lists.items()}

    def problems(self) -> list[RegisteredFile]:
        """Files in the inbox that cannot be used."""
        return [f for f in {f.path: f for f in self.files}.values() if f.problem]

    def origins(self, cell: Cell) -> Iterator[tuple[ListOrigin, Path]]:
        """The lists of a venue-year with their order, the list in force first."""
        lists = self.lists_of(cell)
        for i, file in reversed(list(enumerate(lists))):
            observed = date.fromisoformat(file.listed_on or file.registered_on)
            # Content that comes back after another list is a list of its own.
            again = sum(before.sha256 == file.sha256 for before in lists[:i])
            digest = file.sha256[:12] + (f"-{again}" if again else "")
            origin = ListOrigin(file.path, digest, *cell, observed, len(lists) - 1 - i)
            yield origin, self.root / file.path


@dataclass(frozen=True)
class _Told:
    """Registrations in one pass: the last of every path, and the usable ones of every cell."""

    last: dict[str, RegisteredFile]
    usable: dict[Cell, list[RegisteredFile]]

    @classmethod
    def of(cls, files: Iterable[RegisteredFile]) -> "_Told":
        told = cls({}, {})
        for file in files:
            told.last[file.path] = file
            if not file.problem:
                told.usable.setdefault((file.venue, file.year), []).append(file)
        return told


def may_be_a_dump(path: Path, root: Path) -> bool:
    """Whether a file below the inbox `root` may be a dump by its name: `.part`, `.tmp` are none."""
    return path.name.endswith(SUFFIXES) and path.name[0] != "." and path != root / REGISTRY


def _digest_of(files: Iterable[RegisteredFile]) -> str:
    text = "\n".join(f"{f.sha256} {f.listed_on} {f.path} {f.problem}" for f in files)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
