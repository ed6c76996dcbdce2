"""`csimpact import` and `csimpact refresh`: the commands that change the library.

Belongs here: arguments, progress and the words a person reads. Not: what is stale or how it is
redone (pipeline/refresh.py).
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from pipeline.errors import InputError

if TYPE_CHECKING:  # polars takes a while, and --help needs none of it
    from pipeline.staleness import Stale
    from pipeline.tables import Cell
    from resources.source_store import Delivery

IMPORT_HELP = """Copy dumps into the inbox and take in what they say. Nothing is computed yet.

PATH is a file or a folder of files; what each is, its content says: Paper Copilot lists named like
cvpr2016.json.gz, OpenAlex works (JSON lines, Parquet), Semantic Scholar papers, abstracts and
citations with their diffs, dblp.xml.gz, ACL Anthology Network, or any CSV, JSON lines or Parquet
with a mapping file (--mapping FILE, or FILE.mapping.toml beside it).

A date in the path (…/2026-02-23/…) says how new a file is. A newer list replaces the older one of
its venue-year; rows of other dumps replace, by their id, what the source said before. What would
replace far more than it brings is refused, unless --accept-shrink.

Examples:

  csimpact import ~/dumps/2026-02-23

  csimpact import dblp.xml.gz papers-00000.jsonl.gz citations-00000.jsonl.gz

  csimpact import vis.csv --mapping docs/mappings/vis.toml
"""

REFRESH_HELP = """Bring everything stale up to date.

Papers, counts, vectors, pools, scores: only what moved is redone. The first load of 70,000 papers
spends most of its time encoding; it shows the time left, may be stopped, and goes on where it was.

Examples:

  csimpact refresh --dry-run              what would be redone, and why

  csimpact refresh

  csimpact refresh --venue cvpr --year 2016 --force      backfill one venue-year
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("import", help=IMPORT_HELP)(import_)
    app.command("refresh", help=REFRESH_HELP)(refresh_)


def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…")],
    mapping: Annotated[
        Path | None, typer.Option(help="Mapping file: how to read a table of any columns.")
    ] = None,
    accept_shrink: Annotated[
        bool, typer.Option("--accept-shrink", help="Believe a dump that is far smaller.")
    ] = False,
) -> None:
    """Copy dumps into the inbox and take in what they say."""
    from resources.workspace import open_workspace

    missing = [str(path) for path in (*paths, *([mapping] if mapping else [])) if not path.exists()]
    if missing:
        raise InputError(f"no such file or folder: {', '.join(missing)}")
    workspace = open_workspace()
    console = Console()
    with console.status("reading …") as status:
        workspace.report = status.update
        done = workspace.import_files(paths, mapping=mapping, accept_shrink=accept_shrink)
    if not (done.lists or done.deliveries or done.refused):
        console.print("Nothing of it is news.")
    if done.lists:
        venues = Counter(file.venue for file in done.lists)
        console.print(
            f"{len(done.lists)} lists registered of {len(venues)} venues; "
            f"{len(workspace.inbox().cells())} venue-years in the inbox."
        )
    for delivery in done.deliveries:
        console.print(_account(delivery), markup=False, soft_wrap=True, highlight=False)
    console.print("Next: csimpact refresh")
    if done.refused:
        for refusal in done.refused:
            Console(stderr=True).print(f"refused: {refusal.problem}", markup=False, soft_wrap=True)
        raise InputError(
            f"{len(done.refused)} files were refused; the others, if any, were taken in"
        )


def _account(d: "Delivery") -> str:
    """Where the rows of a file went, as one line: a table of it is too wide for most terminals."""
    kept = d.n_records + d.n_edges - d.n_unplaced
    numbers = {
        "kept": kept, "new": d.n_new, "changed": d.n_changed, "removed": d.n_removed,
        "of other venues or unknown papers": d.n_outside + d.n_unplaced, "bad": d.n_bad,
    }  # fmt: skip
    told = ", ".join(f"{n:,} {what}" for what, n in numbers.items() if n)
    return f"{d.source} {Path(d.path).name}: {told or 'no rows'}"


def refresh_(
    venue: Annotated[str | None, typer.Option(help="Only this venue, and what it needs.")] = None,
    year: Annotated[int | None, typer.Option(help="Only this year, and what it needs.")] = None,
    force: Annotated[
        bool, typer.Option(help="Redo the venue-years named even if nothing moved.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Say what would be redone and why.")] = False,
) -> None:
    """Bring everything stale up to date."""
    from pipeline.refresh import plan_refresh, refresh
    from pipeline.tables import UNRECOGNISED
    from resources.remedies import damage_lines
    from resources.workspace import open_workspace, throttled

    workspace = open_workspace()
    cells = [c for c in workspace.world(register=not dry_run).records if c != UNRECOGNISED]
    scope = _scope(sorted(cells), venue and workspace.venues.resolve(venue), year)
    if force and not scope:
        raise InputError("--force needs --venue or --year: it redoes what is not stale")
    console, inbox = Console(), workspace.scanned_inbox()
    if not cells and not inbox.files and not workspace.source_store().deliveries:
        console.print("Nothing is registered yet: csimpact import PATH…", markup=False)
        return
    if dry_run:
        _print_plan(console, plan_refresh(workspace, scope))
        return
    for warning in (*inbox.warnings(), *damage_lines(workspace.states())):
        Console(stderr=True).print(
            f"not used: {warning}", markup=False, soft_wrap=True, style="yellow"
        )
    with console.status("planning …") as status:
        in_log = throttled(partial(console.print, markup=False))
        workspace.report = status.update if console.is_terminal else in_log
        report = refresh(workspace, scope, force=force)
    if not report.run_id:
        console.print("Nothing is stale: no text encoded, no table written.")
        return
    table = Table(
        "asset", "venue-years", "made and equal", "files changed", "texts encoded", "seconds"
    )
    for asset, sums in report.assets.items():
        names = ("cells", "confirmed", "files_changed", "texts_encoded", "seconds")
        table.add_row(asset, *(f"{sums[n]:,.10g}" if n in sums else "" for n in names))
    console.print(table)
    console.print(f"Run {report.run_id}; see it in the Dagster UI (make dev).")


def _scope(cells: "Sequence[Cell]", venue: str | None, year: int | None) -> "list[Cell]":
    if venue is None and year is None:
        return []
    scope = [c for c in cells if venue in (None, c[0]) and year in (None, c[1])]
    if not scope:
        raise InputError(
            f"nothing of {venue or 'any venue'} {year or ''} is registered: see `csimpact status`"
        )
    return scope


def _print_plan(console: Console, plan: "Sequence[Stale]") -> None:
    if not plan:
        console.print("Nothing is stale.")
        return
    by_reason: dict[tuple[str, str], list[str]] = {}
    for stale in plan:
        why = "; ".join(stale.reasons[:3])
        why = "follows what stands above" if why.startswith("follows") else why
        cell = f"{stale.cell[0]} {stale.cell[1]}" if stale.cell else "all"
        by_reason.setdefault((stale.output, why), []).append(cell)
    table = Table("output", "venue-years", "which", "why")
    for (output, why), cells in by_reason.items():
        which = ", ".join(cells[:4]) + (f" and {len(cells) - 4} more" if len(cells) > 4 else "")
        table.add_row(output, str(len(cells)), which, why)
    console.print(table)
