"""`csimpact doctor`: what is wrong, and how to mend it.

Belongs here: arguments, the table, the exit code. Not: the checks (pipeline/doctor).
"""

from enum import StrEnum
from typing import Annotated

import typer

PROBLEMS_EXIT = 2

DOCTOR_HELP = """Examine installation and data folder; say how to mend.

Looks only: nothing is downloaded or changed, but that --deep, which reads every byte, leaves a
mark at what it finds damaged for the next refresh to make it anew. Exit code 2 if there is a
problem, 0 if there are warnings at most.

Examples:

  csimpact doctor

  csimpact doctor --deep --format json
"""


class Format(StrEnum):
    """How the findings are printed."""

    table = "table"
    json = "json"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("doctor", help=DOCTOR_HELP)(doctor_)


def doctor_(
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte that is stored.")] = False,
    output: Annotated[Format, typer.Option("--format", help="table or json")] = Format.table,
) -> None:
    """Examine the installation and the data folder."""
    import polars as pl

    from pipeline.cli.output import print_frame
    from pipeline.doctor.examination import examine
    from pipeline.doctor.finding import Patient
    from resources.workspace import open_workspace

    told = list(examine(Patient(open_workspace(), deep)))
    rows = [
        {
            "check": one.check,
            "finding": one.finding.level,
            "what": one.finding.what,
            "mend": one.finding.mend,
        }
        for one in told
    ]
    print_frame(pl.DataFrame(rows), output)
    if any(one.finding.level == "problem" for one in told):
        raise typer.Exit(PROBLEMS_EXIT)
