"""What the machine must give: writable folders, room, a clock, locks that somebody alive holds."""

import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from pipeline.doctor.finding import Finding, Patient, ok, problem, warning

LEAST_FREE = 200_000_000  # bytes; below, hardly a table can be written
LEAST_INODES = 10_000  # a first load of 600 venue-years makes about as many files
SHOWN = 3


def folders(patient: Patient) -> Iterator[Finding]:
    """Every folder that exists can be written to."""
    root = patient.data.root
    if not root.exists():
        yield ok(f"{root} is made by the first command that needs it")
        return
    below = [path for path in root.rglob("*") if path.is_dir() and not path.is_symlink()]
    shut = [p for p in (root, *below) if not os.access(p, os.R_OK | os.W_OK | os.X_OK)]
    if shut:
        yield problem(f"cannot be written: {_some(shut)}", f"chmod -R u+rwX '{root}'")
    else:
        yield ok(f"{len(below) + 1} folders below {root} can be written")


def owners(patient: Patient) -> Iterator[Finding]:
    """Nothing was left by a command that another user ran, root above all."""
    root = patient.data.root
    if not root.exists():
        return
    owner = root.stat().st_uid
    strange = [p for p in root.rglob("*") if p.lstat().st_uid != owner]
    if strange:
        yield problem(
            f"{len(strange)} files belong to another user than {root}: {_some(strange)}",
            f"sudo chown -R --reference='{root}' '{root}'",
        )
    elif os.geteuid() not in (owner, 0):
        yield warning(f"{root} belongs to user {owner}", "run csimpact as that user")
    else:
        yield ok("all files belong to one user")


def disk(patient: Patient) -> Iterator[Finding]:
    """There is room for a refresh that rewrites everything.

    Releases hold old files by links, so that whatever is rewritten takes new room; compaction
    writes the vectors once more.
    """
    data = patient.data
    place = next(p for p in (data.root, *data.root.parents) if p.exists())
    free = shutil.disk_usage(place).free
    needed = LEAST_FREE + sum(map(_size, (data.lake, data.lance)))
    room = f"{free / 1e9:.1f} GB free; rewriting everything takes {needed / 1e9:.1f} GB"
    if free < LEAST_FREE:
        yield problem(room, "csimpact prune, or move the folder to a larger disk")
    elif free < needed:
        yield warning(room, "csimpact prune, or move the folder to a larger disk")
    else:
        yield ok(room)
    inodes = os.statvfs(place)
    if inodes.f_files and inodes.f_favail < LEAST_INODES:  # some file systems count none
        yield problem(
            f"{inodes.f_favail:,} files can still be made on this disk",
            "csimpact prune, and delete what else holds many small files",
        )


def clock(patient: Patient) -> Iterator[Finding]:
    """The clock is not behind what it once told: days would be told in the wrong order."""
    inbox, store = patient.workspace.inbox(), patient.workspace.source_store()
    days = [f.registered_on for f in inbox.files] + [d.registered_on for d in store.deliveries]
    states = (patient.data.lake / "_state").rglob("*.json")
    written = max((p.stat().st_mtime for p in states), default=0.0)
    newest = max([*days, datetime.fromtimestamp(written, UTC).date().isoformat()])
    # A day of tolerance: registrations bear the local day.
    if newest > (patient.now + timedelta(days=1)).date().isoformat():
        yield problem(
            f"the clock says {patient.now:%Y-%m-%d}, and data of {newest} are stored",
            "set the clock (timedatectl set-ntp true)",
        )
    else:
        yield ok(f"{patient.now:%Y-%m-%d %H:%M} UTC")


def locks(patient: Patient) -> Iterator[Finding]:
    """Whoever holds a lock is alive. Asking the lock itself would disturb who wants it."""
    table = Path("/proc/locks")
    folder = patient.data.root / "locks"
    if not table.exists():
        yield ok("this system does not tell who holds a lock; it frees those of the dead itself")
        return
    holders = _holders(table.read_text())
    held = [(p, holders[p.stat().st_ino]) for p in folder.glob("*.lock")
            if p.stat().st_ino in holders]  # fmt: skip
    for path, pid in held:
        if pid > 0 and not psutil.pid_exists(pid):
            yield problem(
                f"lock {path.stem} was taken by process {pid}, which is gone; a process that it "
                "started still holds it",
                f"end the one that `fuser '{path}'` names",
            )
    living = [
        f"{path.stem} by process {pid}" for path, pid in held if pid <= 0 or psutil.pid_exists(pid)
    ]
    yield ok(f"held: {', '.join(living)}" if living else "no lock is held")


def _holders(table: str) -> dict[int, int]:
    """Inode of a file -> the process that took its lock, from `/proc/locks`."""
    line = r"^\d+: FLOCK +\w+ +WRITE (-?\d+) \w+:\w+:(\d+) "
    return {int(inode): int(pid) for pid, inode in re.findall(line, table, re.MULTILINE)}


def _size(folder: Path) -> int:
    return sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file())


def _some(paths: list[Path]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(map(str, paths[:SHOWN])) + more
