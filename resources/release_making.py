"""Making a release: linked, hashed, described, compared, and only then given its name.

Belongs here: one release and its difference to another. Not: what it holds and says
(pipeline/release/), or the releases there are (releases.py).
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import orjson
import polars as pl

from pipeline.errors import ReleaseError, StorageError
from pipeline.release.contents import PUBLIC
from pipeline.release.croissant import CROISSANT, croissant
from pipeline.release.diff import Diff, diff_of, first_diff, leading, titled
from pipeline.release.licences import contributions, licences_page
from pipeline.release.manifest import (
    MANIFEST,
    FileEntry,
    Manifest,
    SourceEntry,
    table_entries,
    tables_digest,
)
from pipeline.release.names import next_name
from pipeline.release.words import changes_page, sentences
from pipeline.staleness import plan
from pipeline.tables import TABLES
from pipeline.tables.dictionary import described
from resources.lake import Lake
from resources.release_files import (
    UNREADABLE,
    file_entries,
    files_below,
    make_read_only,
    write_page,
)
from resources.releases import (
    DIFF,
    Release,
    changed_since_last,
    list_releases,
    remove_old,
    sweep,
)
from resources.snapshots import Linked, building, changes_between, link_tables
from resources.workspace import Workspace

CHANGES, LICENCES_PAGE, DICTIONARY = "CHANGES.md", "LICENCES.md", "data-dictionary.md"
READING = (
    "Partitioned tables lie in `<table>/venue=…/year=…/part.parquet`, others in "
    "`<table>/part.parquet`. Venue and year are columns of the files themselves. "
    "Unknown is null or an absent row, never −1."
)
ALWAYS_COMPARED = ("papers", "citation_counts", "tncsi_sp")  # what a difference is told by


@dataclass(frozen=True)
class Released:
    """What making a release came to; `new` is False where nothing changed since `release`.

    `linked`: what was taken from the lake; `page_bytes`: of the files beside the tables; `pruned`:
    older releases removed afterwards.
    """

    release: Release
    manifest: Manifest
    words: list[str]
    new: bool
    linked: Linked = field(default_factory=Linked)
    page_bytes: int = 0
    pruned: tuple[str, ...] = ()


class _UnchangedError(Exception):
    """The tables are those of the newest release, byte by byte."""


def make_release(workspace: Workspace) -> Released:
    """A release of the tables as they are now, older ones pruned; none if nothing changed.

    Raises ReleaseError while something is stale, BusyError while something is being made.
    """
    data = workspace.data
    with workspace.lock("release", timeout_s=0):
        sweep(data)
        releases = list_releases(data)
        last = releases[-1] if releases else None
        name = next_name((r.name for r in releases), workspace.today)
        try:
            made = _make(workspace, Release(name, data.releases / str(name)), last)
        except _UnchangedError:
            assert last is not None  # unchanged since when?
            words = [f"Nothing changed since release {last.name}: no other was made."]
            return Released(last, last.manifest(), words, new=False)
        return replace(made, pruned=tuple(str(r.name) for r in remove_old(data)))


def _make(workspace: Workspace, release: Release, last: Release | None) -> Released:
    before = last.manifest() if last else None
    with building(release.folder) as folder:
        with _nobody_changes(workspace):
            if last and not changed_since_last(workspace):
                raise _UnchangedError
            linked = link_tables(workspace.lake, PUBLIC, folder)
        workspace.report(f"hashing {linked.files:,} files")
        files = _hashed(folder, workspace.lake)
        if before and before.digest == tables_digest(files):
            raise _UnchangedError
        draft = Release(release.name, folder)
        manifest = _manifest(workspace, draft, files, before)
        workspace.report("comparing with the release before")
        diff = difference(last, draft, before, manifest)
        pages = _write_pages(folder, manifest, diff)
        manifest = manifest.model_copy(update={"files": [*files, *pages]})
        written = write_page(folder, MANIFEST, manifest.model_dump_json(indent=1))
        make_read_only(folder)
    page_bytes = written.bytes + sum(page.bytes for page in pages)
    return Released(release, manifest, sentences(diff), True, linked, page_bytes)


@contextmanager
def _nobody_changes(workspace: Workspace) -> Iterator[None]:
    """Tables that belong together: nothing is stale, and no stage runs meanwhile."""
    with ExitStack() as held:
        held.enter_context(workspace.lock("refresh", timeout_s=0))
        for asset in dict.fromkeys(TABLES[table].asset for table in PUBLIC):
            held.enter_context(workspace.lock(f"stage-{asset}", timeout_s=0))
        if not workspace.lake.cells("papers"):
            raise ReleaseError(
                "nothing to release yet: csimpact import PATH…, then csimpact refresh"
            )
        if stale := plan(workspace.states(), workspace.world(register=False)):
            outputs = ", ".join(dict.fromkeys(s.output for s in stale))
            raise ReleaseError(
                f"nothing was released: {len(stale):,} cells are not up to date, of {outputs}; "
                "their tables would not belong together: run csimpact refresh"
            )
        yield


def _hashed(folder: Path, lake: Lake) -> list[FileEntry]:
    files = file_entries(folder, files_below(folder))
    for file in files:
        if file.rows == UNREADABLE:
            raise StorageError(
                f"nothing was released: {lake.root / file.path} cannot be read: delete it and run "
                "`csimpact refresh` to rebuild it"
            )
    return files


def _manifest(
    workspace: Workspace, release: Release, files: list[FileEntry], before: Manifest | None
) -> Manifest:
    lake = release.lake
    contributed = contributions(
        lake.read_all("paper_ids", ["source", "in_force"]),
        lake.read_all("papers", ["sources"]),
        lake.read_all("citations", ["source", "in_force"]),
    )
    return Manifest(
        name=str(release.name),
        day=release.name.day,
        previous=before.name if before else None,
        digest=tables_digest(files),
        csimpact=_program_version(),
        encoder_id=workspace.encoder_id,
        config_id=workspace.config_id,
        prompt=workspace.prompts.champion(workspace.encoder_id),
        tables=table_entries(files),
        sources=[SourceEntry.of(c) for c in contributed],
        files=files,
    )


def _program_version() -> str:
    try:
        return version("csimpact")
    except PackageNotFoundError:
        return "not installed"


def difference(before: Release | None, after: Release, old: Manifest | None, new: Manifest) -> Diff:
    """What changed from one release to another, given their manifests."""
    name = str(after.name)
    if before is None or old is None:
        return first_diff(name, {table: new.rows(table) for table in new.tables})
    compared = [t for t in TABLES if t in {*old.tables, *new.tables, *ALWAYS_COMPARED}]
    changes = {t: changes_between(before.folder, after.folder, t) for t in compared}
    examples = leading(changes)
    return diff_of(
        str(before.name),
        name,
        changes,
        {table: (old.rows(table), new.rows(table)) for table in compared},
        titled(examples, _titles(after.lake, examples.values())),
        same_rule=old.config_id == new.config_id,
    )


def _titles(lake: Lake, examples: Iterable[pl.DataFrame]) -> pl.DataFrame:
    cells = {cell for frame in examples for cell in frame.select("venue", "year").iter_rows()}
    return lake.read_cells("papers", sorted(cells), ["paper_id", "title"])


def _write_pages(folder: Path, manifest: Manifest, diff: Diff) -> list[FileEntry]:
    tables = [TABLES[name] for name in manifest.tables]
    heading = f"# Data dictionary of release {manifest.name}"
    contributed = [source.contribution() for source in manifest.sources]
    pages: dict[str, str | bytes] = {
        DICTIONARY: "\n".join([heading, "", READING, *described(tables)]) + "\n",
        LICENCES_PAGE: licences_page(contributed),
        CROISSANT: orjson.dumps(croissant(manifest), option=orjson.OPT_INDENT_2),
        DIFF: orjson.dumps({"words": sentences(diff), **asdict(diff)}, option=orjson.OPT_INDENT_2),
        CHANGES: changes_page(diff),
    }
    return [write_page(folder, name, text) for name, text in pages.items()]
