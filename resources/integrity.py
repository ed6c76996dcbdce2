"""Whether everything stored is what was written: the check behind `csimpact doctor --deep`.

Belongs here: looking at all of a state folder, and what is told of it. Not: stamps (stamps.py),
nor the quick look that every reading and every plan takes (guard.py, vector_table.py).
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.errors import CsimpactError, DamagedError
from pipeline.tables import TABLES, Cell
from resources.remedies import LOST, REBUILD, REMEDY
from resources.source_shelf import Kind
from resources.workspace import Workspace

BY_HAND = "restore it from a backup"
_TEMPORARY = re.compile(r"^\..+\.(?P<pid>\d+)\.tmp$")  # as resources/files.py names them


@dataclass(frozen=True)
class Finding:
    """Something damaged: the file or folder, what is wrong, and what mends it.

    `rebuilt`: the next `csimpact refresh` makes it anew from upstream. Otherwise a person has to
    restore it; and where something is lost for good, the line says what.
    """

    path: Path
    problem: str
    remedy: str
    rebuilt: bool

    def __str__(self) -> str:
        return f"{self.path} {self.problem}: {self.remedy}"


def verify(workspace: Workspace, *, deep: bool = False) -> list[Finding]:
    """Everything found damaged, tables first; none of it is served.

    Sizes and time stamps are compared, in milliseconds; with `deep` every byte is read, and what is
    damaged has its stamp taken away, so that the next refresh knows it and makes it anew.
    """
    looks: list[Callable[[Workspace, bool], Iterator[Finding]]] = [_tables, _index, _ledger]
    looks += [_inbox, _sources] if deep else []
    return [finding for look in looks for finding in look(workspace, deep)]


def _tables(workspace: Workspace, deep: bool) -> Iterator[Finding]:
    lake = workspace.lake
    for table, declared in TABLES.items():
        cells: list[Cell | None] = list(lake.guard.cells(table)) if declared.partitioned else [None]
        for cell in cells:
            try:
                lake.guard.check(table, cell, deep=deep)
            except DamagedError as problem:
                path = lake.path(table, cell)
                what = str(problem).removeprefix(f"{path} ").partition(":")[0]
                mended = table not in REMEDY
                remedy = REMEDY.get(table) or _rebuilding(table)
                yield Finding(path, what, remedy, mended)


def _rebuilding(table: str) -> str:
    return f"{REBUILD} ({LOST[table]})" if table in LOST else REBUILD


def _index(workspace: Workspace, deep: bool) -> Iterator[Finding]:
    vectors = workspace.vectors
    if not vectors.exists():
        return
    problem = vectors.damage(deep=deep)
    if deep and not problem:
        problem = _strange_papers(workspace)
    if problem:
        if deep:
            vectors.doubt()
        yield Finding(vectors.folder, problem, f"{REBUILD} (paper_embeddings)", True)


def _strange_papers(workspace: Workspace) -> str:
    """Papers that the index holds too many or too few, where it claims to be up to date."""
    states, papers = workspace.states(), workspace.lake.states("papers")
    if states["paper_index"].keys() != papers.keys():
        return ""  # a refresh is due that may not have come to it
    if any(s.inputs["papers"] != papers[c].digest for c, s in states["paper_index"].items()):
        return ""
    try:
        held = set(workspace.vectors.paper_ids())
    except DamagedError as problem:
        return str(problem).partition(":")[0]
    wanted = set(workspace.lake.read_all("papers", ["paper_id"])["paper_id"])
    if wrong := len(held ^ wanted):
        return f"holds {wrong} papers too many or too few"
    return ""


def _ledger(workspace: Workspace, deep: bool) -> Iterator[Finding]:
    segments = sorted(workspace.ledger.root.glob("identity-*.jsonl"))
    numbers = [int(path.stem.removeprefix("identity-")) for path in segments]
    if missing := set(range(1, len(numbers) + 1)) - set(numbers):
        yield Finding(
            workspace.ledger.root / f"identity-{min(missing):06d}.jsonl",
            "is gone",
            f"it says which paper is which, and nothing else does: {BY_HAND}",
            rebuilt=False,
        )
    if deep:
        yield from _refused(workspace.ledger.root, workspace.ledger.load)


def _inbox(workspace: Workspace, _: bool) -> Iterator[Finding]:
    try:
        inbox = workspace.inbox()
    except CsimpactError as problem:
        yield _told(workspace.data.inbox, problem)
        return
    store = workspace.source_store()
    known = [(f.path, f.sha256) for cell in inbox.cells() for f in inbox.lists_of(cell)]
    known += [(d.path, d.sha256) for d in store.registry.in_force()]
    for name, sha256 in known:
        path = workspace.data.inbox / name
        if path.exists() and _sha256(path) != sha256:
            remedy = f"{BY_HAND}, or import the file again"
            yield Finding(path, "is not what was registered", remedy, rebuilt=False)


def _sources(workspace: Workspace, _: bool) -> Iterator[Finding]:
    try:
        store = workspace.source_store()
        sources = store.sources()
    except CsimpactError as problem:
        yield _told(workspace.data.sources, problem)
        return
    kinds: tuple[Kind, ...] = ("records", "edges")
    for source in sources:
        for kind in kinds:
            for path in store.damaged(source, kind):
                yield Finding(
                    path,
                    "is not what was written",
                    f"restore {workspace.data.sources} from a backup, or delete that folder and "
                    "run `csimpact refresh`, which reads every file in the inbox again",
                    rebuilt=False,
                )


def _refused(path: Path, read: Callable[[], object]) -> Iterator[Finding]:
    try:
        read()
    except CsimpactError as problem:
        yield _told(path, problem)


def _told(path: Path, problem: CsimpactError) -> Finding:
    """What the reader of a part says of it, which names the file and the remedy."""
    what, _, remedy = str(problem).rpartition(": ")
    return Finding(path, f"was damaged ({what})", remedy, rebuilt=False)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def leftovers(root: Path, older_than_s: float = 3600.0) -> Iterator[Path]:
    """Temporary files below `root` that nobody will ever rename; the caller deletes them.

    A process that is killed between writing and renaming leaves one. A time stamp from the future
    says nothing about a file's age: of a process that is gone, such a file counts as old.
    """
    now = time.time()
    for path in root.rglob(".*.tmp"):
        if named := _TEMPORARY.match(path.name):
            try:
                age = now - path.stat().st_mtime
            except FileNotFoundError:
                continue
            if not 0 <= age <= older_than_s and not psutil.pid_exists(int(named["pid"])):
                yield path
