"""`csimpact prune`: delete what is old and can be missed.

Belongs here: arguments and the table. Not: what is old (resources/retention.py).
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import AsFormat, Format
from pipeline.errors import InputError

if TYPE_CHECKING:
    from resources.retention import RetentionPolicy

PRUNE_HELP = """Delete old runs, logs, index versions and leftovers.

The inbox, the ledger, snapshots and prompts are never touched. How long each part is kept is told
in docs/operations.md; --keep changes it this once. The monthly schedule does the same.

Examples:

  csimpact prune --dry-run

  csimpact prune --keep runs_days=30 --keep logs_days=7
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("prune", help=PRUNE_HELP)(prune_)


def prune_(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted.")] = False,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="PART=DAYS", help="Keep a part for so long.")
    ] = None,
    output: AsFormat = Format.table,
) -> None:
    """Delete what is old and can be missed."""
    import polars as pl

    from pipeline.cli.output import print_frame
    from pipeline.run_job import open_instance
    from resources.retention import prune
    from resources.workspace import open_workspace

    policy, workspace = _policy(keep or []), open_workspace()
    instance = open_instance(workspace) if workspace.data.dagster.exists() else None
    done = prune(workspace, instance, datetime.now(UTC), policy, dry_run=dry_run)
    count, size = ("would go", "bytes to free") if dry_run else ("deleted", "bytes freed")
    rows = [{"what": d.what, count: d.count, size: d.bytes, "note": d.note} for d in done]
    print_frame(pl.DataFrame(rows), output)


def _policy(keep: list[str]) -> "RetentionPolicy":
    from pydantic import ValidationError

    from resources.retention import RetentionPolicy

    try:
        return RetentionPolicy.model_validate(dict(one.split("=", 1) for one in keep))
    except ValueError as problem:
        names = ", ".join(RetentionPolicy.model_fields)
        received = (
            problem.errors()[0]["loc"][0] if isinstance(problem, ValidationError) else "no `=`"
        )
        raise InputError(
            f"expected --keep PART=DAYS, PART one of {names} and DAYS from 1, "
            f"received {' '.join(keep)} ({received}); correct it"
        ) from problem
