"""Whether a release is still what it was when it was made.

Belongs here: findings, each with its file. Not: mending; a release is restored from a copy, or
deleted and made anew under another name.
"""

import logging
from dataclasses import dataclass
from importlib.util import find_spec

from pipeline.release.croissant import CROISSANT
from pipeline.release.manifest import (
    MANIFEST,
    FileEntry,
    Manifest,
    table_entries,
    tables_digest,
)
from resources.release_files import UNREADABLE, file_entries, files_below
from resources.releases import Release


@dataclass(frozen=True)
class Finding:
    """A file of a release that is not as it was made, and how."""

    path: str
    problem: str


def check_release(release: Release) -> list[Finding]:
    """Every file that is missing, extra or modified, sorted by path; none if all is as it was.

    Reads every byte. Raises ReleaseError if there is no manifest to hold it against.
    """
    manifest = release.manifest()
    expected = {file.path: file for file in manifest.files}
    paths = files_below(release.folder)
    found = {f.path: f for f in file_entries(release.folder, paths) if f.path != MANIFEST}
    findings = [Finding(path, "missing") for path in expected.keys() - found.keys()]
    findings += [Finding(path, "not of this release") for path in found.keys() - expected.keys()]
    for path in expected.keys() & found.keys():
        if problem := _problem(expected[path], found[path]):
            findings.append(Finding(path, problem))
    if not _agrees(manifest):
        findings.append(Finding(MANIFEST, "its sums are not those of the files it lists"))
    return sorted(findings, key=lambda finding: finding.path)


def _problem(expected: FileEntry, found: FileEntry) -> str:
    if expected.bytes != found.bytes:
        return f"modified: {expected.bytes:,} bytes expected, {found.bytes:,} received"
    if expected.sha256 != found.sha256:
        return f"modified: sha256 {expected.sha256[:12]}… expected, {found.sha256[:12]}… received"
    if expected.rows != found.rows:
        rows = "none readable" if found.rows == UNREADABLE else f"{found.rows}"
        return f"{expected.rows} rows expected, {rows} received"
    return ""


def _agrees(manifest: Manifest) -> bool:
    return manifest.digest == tables_digest(manifest.files) and manifest.tables == table_entries(
        manifest.files
    )


def croissant_findings(release: Release) -> list[Finding] | None:
    """What mlcroissant says against croissant.json; None where it is not installed."""
    if find_spec("mlcroissant") is None:
        return None
    import mlcroissant  # type: ignore[import-untyped]

    logging.getLogger("absl").setLevel(logging.ERROR)
    try:
        dataset = mlcroissant.Dataset(jsonld=release.folder / CROISSANT)
    except (mlcroissant.ValidationError, ValueError, OSError) as problem:
        lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
        return [Finding(CROISSANT, line) for line in lines[:10]]
    return [Finding(CROISSANT, problem) for problem in sorted(dataset.metadata.issues.errors)]
