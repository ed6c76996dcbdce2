"""How long what piles up is kept, and deleting what is older: the monthly clean-up.

Belongs here: the policy, the order of the parts, files by age, LanceDB's versions. Not: which
runs of Dagster may go (run_retention.py), which releases (releases.py), nor anything that cannot
be made again: the inbox, what sources say, the ledger, snapshots and trained prompts are kept for
ever, and so are records of superseded lists, from which older counts are read.

Safe beside a running refresh: only what is finished and old is touched, and what a stage may be
writing is touched under that stage's lock, or left for the next time.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import BusyError
from resources.integrity import leftovers
from resources.releases import prune_releases, remove_old
from resources.workspace import Workspace

if TYPE_CHECKING:
    import dagster as dg


class RetentionPolicy(BaseModel):
    """How many days of everything stay. Ticks of sensors and schedules: see dagster.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runs_days: int = Field(90, ge=1, description="finished Dagster runs and their events, days")
    logs_days: int = Field(30, ge=1, description="what steps and ticks printed, days")
    versions_days: int = Field(1, ge=1, description="versions of the vector table, days")
    incidents_days: int = Field(365, ge=1, description="pages about failed runs, days")
    reports_days: int = Field(365, ge=1, description="reports of nights, days")
    journal_mb: int = Field(50, ge=1, description="size of a journal before it is put aside, MB")
    journals_days: int = Field(365, ge=1, description="journals put aside, days")
    leftovers_days: int = Field(1, ge=1, description="temporary files of killed processes, days")


@dataclass(frozen=True)
class Pruned:
    """What was deleted, or would be: how many, and the bytes that frees."""

    what: str
    count: int
    bytes: int
    note: str = ""


@dataclass(frozen=True)
class Pruning:
    """What a part of the clean-up works with. `instance` None: Dagster has kept nothing yet."""

    workspace: Workspace
    instance: "dg.DagsterInstance | None"
    now: datetime
    policy: RetentionPolicy
    dry_run: bool

    def before(self, days: int) -> datetime:
        """The moment that many days ago."""
        return self.now - timedelta(days=days)


def prune(
    workspace: Workspace,
    instance: "dg.DagsterInstance | None",
    now: datetime,
    policy: RetentionPolicy | None = None,
    *,
    dry_run: bool = False,
) -> list[Pruned]:
    """Delete what the policy no longer keeps, and tell of every part; `now` bears a time zone.

    Raises BusyError if another clean-up is running, StorageError if a file cannot be deleted.
    """
    pruning = Pruning(
        workspace, instance, now.astimezone(UTC), policy or RetentionPolicy(), dry_run
    )
    if dry_run:
        return [part(pruning) for part in PARTS]
    with workspace.lock("prune", timeout_s=0):
        return [part(pruning) for part in PARTS]


def _runs(pruning: Pruning) -> Pruned:
    if pruning.instance is None:
        return Pruned("runs", 0, 0)
    from resources.run_retention import prune_runs

    before = pruning.before(pruning.policy.runs_days)
    done = prune_runs(pruning.instance, before, dry_run=pruning.dry_run)
    note = f"{done.held} more hold the newest state of a partition" if done.held else ""
    return Pruned("runs", done.count, done.bytes, note)


def _logs(pruning: Pruning) -> Pruned:
    folder = pruning.workspace.data.dagster / "logs"
    return _files(pruning, "logs of steps and ticks", folder.rglob("*"), pruning.policy.logs_days)


def _incidents(pruning: Pruning) -> Pruned:
    folder = pruning.workspace.data.incidents
    return _files(pruning, "incidents", folder.rglob("*"), pruning.policy.incidents_days)


def _reports(pruning: Pruning) -> Pruned:
    """Pages and documents of nights but the last, with which the tables beside them go."""
    pages = sorted(pruning.workspace.data.reports.glob("[0-9]*.html"))[:-1]
    both = (path for page in pages for path in (page, page.with_suffix(".json")))
    return _files(pruning, "reports", both, pruning.policy.reports_days)


def _journal(pruning: Pruning) -> Pruned:
    """The journal is put aside when it is large, under the day's name, and later deleted.

    Renaming loses no line: who has it open goes on writing to the file put aside.
    """
    journal, limit = pruning.workspace.data.journal, pruning.policy.journal_mb * 1_000_000
    if not pruning.dry_run and journal.exists() and journal.stat().st_size > limit:
        journal.rename(journal.with_stem(f"{journal.stem}-{pruning.now:%Y-%m-%d}"))
    aside = journal.parent.glob(f"{journal.stem}-*{journal.suffix}")
    return _files(pruning, "journals put aside", aside, pruning.policy.journals_days)


def _releases(pruning: Pruning) -> Pruned:
    """By the policy of pipeline/release/names.py; what other releases link to frees nothing."""
    try:
        doomed = remove_old(pruning.workspace.data, dry_run=True)
        freed = sum(_freed(p) for r in doomed for p in r.folder.rglob("*") if p.is_file())
        if not pruning.dry_run:
            doomed = prune_releases(pruning.workspace)
        return Pruned("releases", len(doomed), freed if doomed else 0)
    except BusyError:
        return Pruned("releases", 0, 0, "left alone: one is being made")


def _leftovers(pruning: Pruning) -> Pruned:
    """Whoever writes under such a name renames it within seconds: a day later nobody will."""
    age_s = timedelta(days=pruning.policy.leftovers_days).total_seconds()
    found = leftovers(pruning.workspace.data.root, age_s)
    return _files(pruning, "temporary files", found, pruning.policy.leftovers_days)


def _versions(pruning: Pruning) -> Pruned:
    store, what = pruning.workspace.vectors, "versions of the vector table"
    if not store.exists():
        return Pruned(what, 0, 0)
    before, health = pruning.before(pruning.policy.versions_days), store.health()
    # The newest version is the table itself.
    old = sum(made < before for made in health.versions[:-1])
    if pruning.dry_run or not (old or health.unindexed):
        return Pruned(what, old, 0, "bytes are known afterwards" if old else "")
    try:
        with pruning.workspace.lock("stage-paper_index", timeout_s=0):
            size, n_before = store.size(), len(store.health().versions)
            store.compact(timedelta(days=pruning.policy.versions_days))
            gone = n_before - len(store.health().versions)
            return Pruned(what, max(gone, 0), max(size - store.size(), 0))
    except BusyError:
        return Pruned(what, 0, 0, "left alone: the index is being written")


PARTS: tuple[Callable[[Pruning], Pruned], ...] = (
    _runs,
    _logs,
    _versions,
    _releases,
    _incidents,
    _reports,
    _journal,
    _leftovers,
)


def _files(pruning: Pruning, what: str, found: Iterable[Path], days: int) -> Pruned:
    """Files not written to for so long, and the folders they leave empty."""
    before, count, freed = pruning.before(days).timestamp(), 0, 0
    folders = []
    for path in list(found):
        with suppress(FileNotFoundError):  # somebody else finished with it
            stat = path.lstat()
            if stat.st_mtime >= before:
                continue
            if path.is_dir():
                folders.append(path)
                continue
            count, freed = count + 1, freed + _freed(path)
            if not pruning.dry_run:
                path.unlink()
    if not pruning.dry_run:
        for folder in sorted(folders, reverse=True):
            with suppress(OSError):  # not empty
                os.rmdir(folder)
    return Pruned(what, count, freed)


def _freed(path: Path) -> int:
    """Bytes: a file of several names frees nothing until the last of them goes."""
    stat = path.lstat()
    return stat.st_size if stat.st_nlink == 1 else 0
