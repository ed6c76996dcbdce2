"""The commands that look back: history, report.

Belongs here: arguments and their help. Not: the answers (pipeline/query, pipeline/report) or their
looks (output.py), all imported only when a command runs.
"""

from typing import Annotated

import typer

from pipeline.cli.read import AsFormat, Format, Paper


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command, example in (
        (history, "csimpact history 'Deep Residual Learning for Image Recognition'"),
        (report, "csimpact report --list"),
    ):
        app.command(epilog=f"\b\nExample:\n  {example}")(command)


def history(
    paper: Paper,
    pool_days: Annotated[
        bool, typer.Option("--pool-days", help="also the days on which only its pool moved")
    ] = False,
    output: AsFormat = Format.table,
) -> None:
    """Citations and TNCSI_SP of PAPER through time.

    A row per day on which its count was seen to move, and the present. Counts are those known on
    the day, pools those of now. Rows with a release are what that release published.
    """
    from pipeline.cli.output import print_frame
    from pipeline.query import Library

    print_frame(Library().trajectory(paper, pool_days=pool_days), output)


def report(
    list_: Annotated[bool, typer.Option("--list", help="every report, the newest first")] = False,
    output: AsFormat = Format.table,
) -> None:
    """Where the newest report lies, and what it says.

    A refresh makes one wherever rows moved. json gives the whole document, with its tables; csv is
    for --list only.
    """
    from pipeline.cli.output import print_document, print_frame, print_text
    from pipeline.errors import InputError
    from pipeline.settings import data_dir
    from resources.reports import Reports

    reports = Reports(data_dir().reports)
    if list_:
        print_frame(reports.table(), output)
        return
    if output == Format.csv:
        raise InputError("a report is no table: --format json, or --list --format csv")
    last = reports.last()
    document = {"page": str(last.page)} | last.document()
    if output == Format.json:
        print_document(document)
    else:
        print_text(f"{last.page}\n\n{document['words']}")
