"""`csimpact release`: dated, immutable folders of the public tables.

Belongs here: arguments, and what a person reads. Not: making, comparing or checking a release
(resources/release*.py).
"""

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import AsFormat, Format
from pipeline.errors import ReleaseError

if TYPE_CHECKING:
    import polars as pl

    from pipeline.release.diff import Diff
    from resources.releases import Release

HELP = """Dated, immutable releases of the public tables.

Each with hashes, metadata, and what changed since the one before.

Examples:

  csimpact release make

  csimpact release list

  csimpact release diff 2026-03-01 latest         what changed, in words and rows

  csimpact release verify                         the newest: every hash and row count

  csimpact release prune --dry-run
"""

release = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[
    str,
    typer.Argument(metavar="RELEASE", help="name such as 2026-03-01 or 2026-03-01.2, or latest"),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(release, name="release")


@release.command()
def make() -> None:
    """Make a release of the tables as they are now.

    Refused while something is stale or being made; if nothing changed since the last release, none
    is made. Older releases are pruned afterwards, as by `csimpact release prune`.
    """
    from rich.console import Console

    from resources.release_making import make_release
    from resources.workspace import open_workspace

    workspace = open_workspace()
    with Console().status("looking for what is stale …") as status:
        workspace.report = status.update
        made = make_release(workspace)
    print(*made.words, sep="\n")
    if made.new:
        linked = made.linked.bytes - made.linked.copied
        print(
            f"Release {made.release.name}: {made.manifest.bytes / 1e6:,.1f} MB in "
            f"{made.release.folder}, {linked / 1e6:,.1f} MB of it shared with the lake"
        )
    if made.pruned:
        print(f"Pruned: {', '.join(made.pruned)}")


@release.command("list")
def list_(as_format: AsFormat = Format.table) -> None:
    """Every release, the newest first: papers, bytes, and what changed since the one before."""
    import polars as pl

    from pipeline.cli.output import print_frame
    from pipeline.settings import data_dir
    from resources.releases import list_releases

    releases = list_releases(data_dir())
    if as_format is Format.table and not releases:
        print("No release yet: csimpact release make")
        return
    columns = {"release": pl.String, "papers": pl.Int64, "bytes": pl.Int64, "changes": pl.String}
    lines = [_line(one) for one in reversed(releases)]
    print_frame(pl.DataFrame(lines, schema=columns, orient="row"), as_format)


def _line(one: "Release") -> tuple[str, int | None, int | None, str]:
    try:
        manifest = one.manifest()
        return str(one.name), manifest.rows("papers"), manifest.bytes, one.words()[0]
    except ReleaseError as problem:  # one damaged folder must not hide the others
        return str(one.name), None, None, f"DAMAGED: {problem}"


@release.command()
def diff(before: Name, after: Name, as_format: AsFormat = Format.table) -> None:
    """What changed from one RELEASE to the other, in words and in rows.

    The table shows sentences and rows per table; csv lists venue-years, json has everything.
    """
    from dataclasses import asdict

    from pipeline.cli.output import print_document, print_frame
    from pipeline.release.words import sentences
    from pipeline.settings import data_dir
    from resources.release_making import difference
    from resources.releases import find_release

    old, new = find_release(data_dir(), before), find_release(data_dir(), after)
    found = difference(old, new, old.manifest(), new.manifest())
    if as_format is Format.json:
        print_document({"words": sentences(found), **asdict(found)})
    elif as_format is Format.csv:
        print_frame(_venue_years(found), as_format)
    else:
        print(*sentences(found), sep="\n")
        print_frame(_tables(found), as_format)


def _venue_years(found: "Diff") -> "pl.DataFrame":
    import polars as pl

    from pipeline.release.diff import VENUE_YEAR_COUNTS

    schema = {"venue": pl.String, "year": pl.Int32, **dict.fromkeys(VENUE_YEAR_COUNTS, pl.Int64)}
    return pl.DataFrame(found.venue_years, schema=schema)


def _tables(found: "Diff") -> "pl.DataFrame":
    import polars as pl

    names = ("table", "rows_before", "rows_after", "added", "removed", "changed")
    return pl.DataFrame({name: [getattr(t, name) for t in found.tables] for name in names})


@release.command()
def verify(name: Name = "latest", as_format: AsFormat = Format.table) -> None:
    """Check every hash and row count of RELEASE, and its Croissant metadata.

    Each file that is missing, modified or not of the release is named; the exit code is then 2.
    """
    import polars as pl

    from pipeline.cli.output import print_frame
    from pipeline.settings import data_dir
    from resources.release_check import check_release, croissant_findings
    from resources.releases import find_release

    one = find_release(data_dir(), name)
    described = croissant_findings(one)
    findings = [*check_release(one), *(described or [])]
    rows = [(finding.path, finding.problem) for finding in findings]
    if as_format is not Format.table or findings:
        schema = {"file": pl.String, "problem": pl.String}
        print_frame(pl.DataFrame(rows, schema=schema, orient="row"), as_format)
    if findings:
        raise ReleaseError(
            f"release {one.name} is not what it was: {len(findings)} findings; restore it from a "
            "copy, or delete it"
        )
    if as_format is Format.table:
        manifest = one.manifest()
        how = "not checked: mlcroissant is not installed" if described is None else "valid"
        print(
            f"Release {one.name} is as it was made: {len(manifest.files):,} files, "
            f"{manifest.rows('papers'):,} papers; croissant.json: {how}"
        )


@release.command()
def prune(
    dry_run: Annotated[bool, typer.Option(help="Only say which would be removed.")] = False,
) -> None:
    """Remove old releases: all of 14 days, one a month for two years, and one a year stay.

    So do those named in the file KEEP in the releases' folder, one a line.
    """
    from resources.releases import prune_releases
    from resources.workspace import open_workspace

    gone = prune_releases(open_workspace(), dry_run=dry_run)
    would = "Would remove" if dry_run else "Removed"
    print(f"{would} {', '.join(str(r.name) for r in gone)}" if gone else "Nothing to remove.")
