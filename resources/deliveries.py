"""Getting files into the library: told apart, copied into the inbox, registered or merged.

Belongs here: which door a file goes through. Lists of one venue-year are registered (inbox.py);
everything else is merged into what its source says (source_store.py).
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import CsimpactError, InputError, StorageError
from resources.inbox import Inbox, Refusal, RegisteredFile
from resources.lake import replace_file
from resources.scholar_dumps import date_in
from resources.source_files import (
    MAPPING_SUFFIX,
    SourceFile,
    files_below,
    recognise,
    sha256_of,
)
from resources.source_store import Delivery, SourceStore


@dataclass
class Imported:
    """What an import did: lists registered, files merged, files refused."""

    lists: list[RegisteredFile] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def import_files(
    paths: Sequence[Path],
    inbox: Inbox,
    store: SourceStore,
    *,
    mapping: Path | None = None,
    accept_shrink: bool = False,
) -> Imported:
    """Copy files (folders: everything below) into the inbox and take in what they say.

    Refusing one file does not stop the others. Raises InputError if there is no file at all.
    """
    done, lists = Imported(), []
    known: list[SourceFile] = []
    store.finish()
    for path in files_below(paths):
        try:
            if found := recognise(path, mapping):
                known.append(found)
            else:
                lists.append(path)
        except CsimpactError as problem:
            done.refused.append(Refusal(path, problem))
    if lists:
        done.lists, refused = inbox.import_paths(lists, accept_shrink=accept_shrink)
        done.refused += refused
    # What only concerns known papers comes after the files that tell of papers; older ones first,
    # since a citation may be taken back by its number alone.
    for file in sorted(known, key=lambda f: (f.recognised.by_id, _day(f, store))):
        try:
            done.deliveries += _take(file, inbox.root, store, mapping, accept_shrink)
        except CsimpactError as problem:
            done.refused.append(Refusal(file.path, problem))
    again, refused = read_again(inbox.root, store)
    done.deliveries += again
    done.refused += refused
    return done


def take_dropped(path: Path, root: Path, store: SourceStore) -> bool:
    """Whether a file that somebody put into the inbox is not a list; it is merged if it is news."""
    if (file := recognise(path)) is None:
        return False
    shown = path.relative_to(root).as_posix()
    store.deliver(file, shown, date_in(Path(shown)))
    return True


def read_again(root: Path, store: SourceStore) -> tuple[list[Delivery], list[Refusal]]:
    """Read files by id again whose source has told of more papers since; gone files are skipped.

    A file that was damaged since is refused: what it said before stays.
    """
    again, refused = [], []
    for delivery in store.registry.overtaken():
        path = root / delivery.path
        try:
            if path.exists() and (file := recognise(path)):
                again.append(store.deliver(file, delivery.path, delivery.observed_on))
        except InputError as problem:
            refused.append(Refusal(path, problem))
    return again, refused


def _take(
    file: SourceFile, root: Path, store: SourceStore, mapping: Path | None, accept_shrink: bool
) -> list[Delivery]:
    listed_on, digest = date_in(file.path.absolute()), sha256_of(file.path)
    if store.registry.known(digest, _day(file, store)):
        return []
    stem, dot, suffix = file.path.name.partition(".")
    name = f"{file.recognised.source}/{listed_on or 'undated'}/{stem}-{digest[:8]}{dot}{suffix}"
    target = root / name
    beside = file.path.with_name(file.path.name + MAPPING_SUFFIX)
    kept_before = target.exists()
    _keep(file.path, target, mapping or (beside if beside.exists() else None))
    kept = SourceFile(target, file.importer, file.recognised)
    try:
        return [store.deliver(kept, name, listed_on, accept_shrink=accept_shrink)]
    except InputError as problem:
        if not kept_before:  # what is refused must not be found there and tried again
            target.unlink(missing_ok=True)
            target.with_name(target.name + MAPPING_SUFFIX).unlink(missing_ok=True)
        raise type(problem)(str(problem).replace(str(target), str(file.path))) from problem


def _day(file: SourceFile, store: SourceStore) -> str:
    """The day a file is of: what it says itself, the date in its path, today."""
    listed_on = date_in(file.path.absolute())
    return file.recognised.observed_on or listed_on or store.today.isoformat()


def _keep(source: Path, target: Path, mapping: Path | None) -> None:
    """Put a copy into the inbox; a hard link where the file system can, since dumps are large."""
    if not target.exists():
        partial = target.with_name(f".{target.name}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.unlink(missing_ok=True)
            try:
                os.link(source, partial)
            except OSError:
                shutil.copyfile(source, partial)
            partial.replace(target)
        except OSError as problem:
            with suppress(OSError):
                partial.unlink()
            raise StorageError(
                f"could not write {target}: {problem.strerror or problem}; nothing was changed: "
                "make room or grant access, then import again"
            ) from problem
    if mapping:
        replace_file(target.with_name(target.name + MAPPING_SUFFIX), mapping.read_bytes())
