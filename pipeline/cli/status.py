"""The commands that say where things stand: status, report.

Belongs here: arguments and their help. Not: the answers (pipeline/query, pipeline/report) or their
looks (output.py), all imported only when a command runs.
"""

from typing import Annotated

import typer

from pipeline.cli.options import AsFormat, Format, add


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    add(
        app,
        ((status, "csimpact status --venue neurips"), (report, "csimpact report --list")),
    )


def status(
    venue: Annotated[
        str | None,
        typer.Option(
            metavar="VENUE", help="show each year of this venue, with what is stale and why"
        ),
    ] = None,
    output: AsFormat = Format.table,
) -> None:
    """Where every record went; what is stale.

    The table has a line per venue; with --venue a line per year, and why each output is stale. json
    and csv list venue-years. Totals are those of all venues. Where a trained prompt serves
    queries, a last line names it.
    """
    from pipeline.cli.output import print_status
    from pipeline.query import Library
    from pipeline.venues import load_venues

    slug = load_venues().resolve(venue) if venue is not None else None
    library = Library()
    print_status(*library.status(), slug, output, prompt=library.prompt)


def report(
    list_: Annotated[bool, typer.Option("--list", help="every report, the newest first")] = False,
    output: AsFormat = Format.table,
) -> None:
    """Where the newest nightly report lies, and what it says.

    What changed in the library, and what it cost. A refresh makes one wherever rows moved. json
    gives the whole document, with its tables; csv is for --list only.
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
