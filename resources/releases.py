"""Releases on disk: dated folders of linked tables that nobody changes afterwards.

Belongs here: listing, finding and removing them. Not: making one (release_making.py), or whether
one is still what it was (release_check.py).

A release is laid out like the lake, so that `Lake(release.folder)` reads it. Its tables are hard
links to the lake's files: a night's release costs the disk what the next nights replace.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import ValidationError

from pipeline.errors import NotFoundError, ReleaseError
from pipeline.release.contents import PUBLIC
from pipeline.release.manifest import MANIFEST, Manifest
from pipeline.release.names import ReleaseName, kept, parse_name
from pipeline.settings import DataDir
from resources.lake import Lake
from resources.snapshots import DOOMED, TEMPORARY, discard, table_files
from resources.workspace import Workspace

DIFF = "diff.json"
KEEP = "KEEP"
"""A file beside the releases: names, one a line, of those that no pruning removes."""


@dataclass(frozen=True)
class Release:
    """A complete release and where it lies."""

    name: ReleaseName
    folder: Path

    @property
    def lake(self) -> Lake:
        """Its tables, readable like the lake's."""
        return Lake(self.folder)

    def manifest(self) -> Manifest:
        """Its manifest. Raises ReleaseError if it cannot be read."""
        try:
            return Manifest.model_validate_json((self.folder / MANIFEST).read_bytes())
        except (OSError, ValidationError) as problem:
            raise self._damaged(MANIFEST, problem) from problem

    def words(self) -> list[str]:
        """What changed since the release before. Raises ReleaseError if it cannot be read."""
        try:
            return list(orjson.loads((self.folder / DIFF).read_bytes())["words"])
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as problem:
            raise self._damaged(DIFF, problem) from problem

    def _damaged(self, name: str, problem: Exception) -> ReleaseError:
        return ReleaseError(
            f"release {self.name}: {name} cannot be read ({str(problem).splitlines()[0]}): "
            "restore the folder from a copy, or delete it"
        )


def list_releases(data: DataDir) -> list[Release]:
    """Every complete release, the oldest first."""
    if not data.releases.is_dir():
        return []
    named = ((parse_name(path.name), path) for path in data.releases.iterdir() if path.is_dir())
    return sorted((Release(n, path) for n, path in named if n), key=lambda r: r.name)


def find_release(data: DataDir, name: str) -> Release:
    """The release of that name; `latest` is the newest. Raises NotFoundError."""
    releases = list_releases(data)
    if name == "latest" and releases:
        return releases[-1]
    for release in releases:
        if str(release.name) == name:
            return release
    held = ", ".join(str(r.name) for r in releases[-3:])
    raise NotFoundError(
        f"no release {name}: the newest are {held}" if held else
        "there is no release yet: csimpact release make"
    )  # fmt: skip


def changed_since_last(workspace: Workspace) -> bool:
    """Whether a release made now would differ from the newest; looks at sizes and times only.

    True without any release, unless there is nothing to release either.
    """
    files, releases = _sizes_and_times(workspace.lake), list_releases(workspace.data)
    return files != _sizes_and_times(releases[-1].lake) if releases else bool(files)


def _sizes_and_times(lake: Lake) -> dict[Path, tuple[int, int]]:
    found: dict[Path, tuple[int, int]] = {}
    for table in PUBLIC:
        for _, path in table_files(lake, table):
            with suppress(FileNotFoundError):  # a refresh took it away after it was listed
                stat = path.stat()
                found[path.relative_to(lake.root)] = stat.st_size, stat.st_mtime_ns
    return found


def prune_releases(workspace: Workspace, *, dry_run: bool = False) -> list[Release]:
    """Remove the releases that the policy of pipeline/release/names.py does not keep; which.

    Those named in the file KEEP beside them stay.
    """
    with workspace.lock("release", timeout_s=0):
        return remove_old(workspace.data, dry_run=dry_run)


def remove_old(data: DataDir, *, dry_run: bool = False) -> list[Release]:
    """As `prune_releases`, for who holds the lock already."""
    releases, keep = list_releases(data), data.releases / KEEP
    named = set(keep.read_text(encoding="utf-8").split()) if keep.exists() else set()
    staying = kept([release.name for release in releases])
    gone = [r for r in releases if r.name not in staying and str(r.name) not in named]
    if not dry_run:
        for release in gone:
            discard(release.folder)
    return gone


def sweep(data: DataDir) -> None:
    """Remove what killed processes left: half-made and half-removed releases."""
    if data.releases.is_dir():
        for path in data.releases.iterdir():
            if path.name.startswith(".") and path.suffix in (TEMPORARY, DOOMED):
                shutil.rmtree(path)
