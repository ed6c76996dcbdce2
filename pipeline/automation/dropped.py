"""Files in the inbox that no registry knows: which there are, and whether they are wholly there.

Belongs here: size, time stamp, hash and a look at the end of a file. Not: what is asked for
because of them (inbox.py), nor what they say.

A file is wholly there when it looked the same at two ticks, or has been left alone for a while,
and can be read to its end. One that stays damaged is handed over in the end all the same: the
refresh puts it into quarantine, where somebody sees it.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import InputError
from resources.inbox import RegisteredFile, may_be_a_dump
from resources.source_files import opened, sha256_of
from resources.source_registry import Delivery
from resources.workspace import Workspace

SETTLED_S = 60.0  # left alone for that long, a file counts as written
BUDGET_S = 5.0  # of a tick: what is not looked into now is looked into next time
READ_BYTES = 256 << 20  # larger packed files are trusted once they have been quiet for long
BLOCK = 1 << 20

Stamp = tuple[int, int]
"""Size in bytes and modification time in nanoseconds."""


@dataclass(frozen=True)
class Dropped:
    """A file no registry knows: its stamp, since when it bears it, and what a look inside said.

    `looked`: whether anybody has looked inside; `damage`: why it cannot be read to its end;
    `same`: its bytes are those of a known file, only the time stamp moved.
    """

    size: int
    mtime_ns: int
    since: float
    ticks: int = 1
    looked: bool = False
    damage: str = ""
    same: bool = False

    @property
    def stamp(self) -> Stamp:
        """Size and modification time."""
        return self.size, self.mtime_ns

    def waited(self, now: float) -> float:
        """Seconds it has been as it is, by our clock or by its time stamp."""
        return max(now - self.since, now - self.mtime_ns / 1e9)

    def settled(self, now: float) -> bool:
        """Whether nobody seems to write to it any more."""
        quiet = SETTLED_S if self.size <= READ_BYTES else 5 * SETTLED_S
        return self.waited(now) >= quiet or (self.ticks > 1 and self.size <= READ_BYTES)

    def ready(self, now: float, patience_s: float) -> bool:
        """Whether it can be handed over: read to its end, or damaged for longer than patience."""
        if not self.looked:
            return False
        return not self.damage or self.waited(now) >= patience_s


def look(workspace: Workspace, before: Mapping[str, Dropped], *, now: float) -> dict[str, Dropped]:
    """The files no registry knows, by path in the inbox; `before` is what the last look said."""
    stamps, digests = _known(workspace)
    deadline = time.monotonic() + BUDGET_S
    found: dict[str, Dropped] = {}
    for path, stamp in _files(workspace).items():
        if stamp in stamps.get(path, ()):
            continue
        one = _seen(before.get(path), stamp, now)
        if not one.looked and one.settled(now) and time.monotonic() < deadline:
            one = _look_inside(workspace.data.inbox / path, one, digests.get((path, stamp[0])))
        found[path] = one
    return found


def _files(workspace: Workspace) -> dict[str, Stamp]:
    root = workspace.data.inbox
    found = {}
    for path in sorted(p for p in root.rglob("*") if may_be_a_dump(p, root)):
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        found[path.relative_to(root).as_posix()] = (stat.st_size, stat.st_mtime_ns)
    return found


def _known(
    workspace: Workspace,
) -> tuple[dict[str, set[Stamp]], dict[tuple[str, int], set[str]]]:
    """Stamps the registries know of each path, and hashes of each path and size."""
    stamps: dict[str, set[Stamp]] = {}
    digests: dict[tuple[str, int], set[str]] = {}
    lists = {f.path: f for f in workspace.inbox().files}.values()
    known: list[RegisteredFile | Delivery] = [*lists, *workspace.source_store().deliveries]
    for file in known:
        stamps.setdefault(file.path, set()).add((file.size, file.mtime_ns))
        digests.setdefault((file.path, file.size), set()).add(file.sha256)
    return stamps, digests


def _seen(before: Dropped | None, stamp: Stamp, now: float) -> Dropped:
    if before is None or before.stamp != stamp:
        return Dropped(*stamp, since=now)
    # After a clock was set back, waiting starts anew rather than lasting until it catches up.
    return replace(before, since=min(before.since, now), ticks=before.ticks + 1)


def _look_inside(path: Path, one: Dropped, digests: set[str] | None) -> Dropped:
    try:
        if digests and sha256_of(path) in digests:
            return replace(one, looked=True, same=True)
        return replace(one, looked=True, damage=_damage(path))
    except (InputError, OSError) as problem:
        return replace(one, looked=True, damage=str(problem).removeprefix(f"{path}: "))


def _damage(path: Path) -> str:
    """Why a file does not reach its end, "" if it does or nobody can tell."""
    with path.open("rb") as raw:
        magic = raw.read(4)
    if not magic:
        return "it is empty"
    if magic == b"PAR1":
        return "" if _tail(path)[-4:] == b"PAR1" else "it ends before the end of a Parquet file"
    if magic[:2] == b"\x1f\x8b":
        return _cut(*_packed_ends(path)) if path.stat().st_size <= READ_BYTES else ""
    return _cut(_head(path), _tail(path))


def _cut(head: bytes, tail: bytes) -> str:
    opening, closing = head.lstrip()[:1], tail.rstrip()[-1:]
    expected = {b"[": b"]", b"{": b"}", b"<": b">"}.get(opening)
    if expected is None or closing == expected:
        return ""
    return f"it ends before its closing {expected.decode()}"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(BLOCK)


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - BLOCK))
        return file.read()


def _packed_ends(path: Path) -> tuple[bytes, bytes]:
    """The first and the last bytes of what is packed; a stream cut short raises."""
    head = tail = b""
    with opened(path) as file:
        while block := file.read(BLOCK):
            head, tail = head or block, (tail + block)[-BLOCK:]
    return head, tail
