"""The commands that describe and test the scores as a whole: overview, validate.

Belongs here: arguments, progress, and what a person reads. Not: what is made (assets/overview.py).
"""

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import AsFormat, Format, add

if TYPE_CHECKING:
    from pipeline.run_job import RunReport


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    add(
        app,
        (
            (overview, "csimpact overview"),
            (validate, "csimpact validate --format csv > validation.csv"),
        ),
    )


def overview(
    refit_topics: Annotated[
        bool,
        typer.Option(
            "--refit-topics", help="find the topics anew; their numbers mean others afterwards"
        ),
    ] = False,
) -> None:
    """Make the impact report, and the tables it shows.

    Citation profiles, topics, aggregates of venues, domains and topics, rising papers, and a page
    for the browser. What has not moved since is not made again.
    """
    from pipeline.cli.progress import telling
    from pipeline.overview import overview as make
    from resources.workspace import open_workspace

    workspace = open_workspace()
    with telling("looking at the library …") as tell:
        workspace.report = tell
        report = make(workspace, refit_topics=refit_topics)
    _print_made(report)
    print(f"Impact report: {workspace.data.impact_report}")


def validate(
    study: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="only naid, topic, calibration, coverage, sensitivity or robustness",
        ),
    ] = None,
    output: AsFormat = Format.table,
) -> None:
    """How far the scores can be trusted.

    Agreement with other judgments, calibration, coverage of intervals, sensitivity to the rule,
    robustness to missing counts. Scores every paper under other rules too, the published one among
    them: some minutes for 70,000 papers. Where nothing moved since, what was measured is shown
    again. json and csv have every row, the table those that matter most; docs/impact.md explains
    each figure.
    """
    from pipeline.cli.output import print_frame
    from pipeline.cli.progress import telling
    from pipeline.overview import validate as measure
    from pipeline.query.validation import read_validation, validation_summary
    from resources.workspace import open_workspace

    workspace = open_workspace()
    with telling("scoring under other rules …") as tell:
        workspace.report = tell
        measure(workspace)
    table = read_validation(workspace.lake, study)
    print_frame(validation_summary(table) if output == Format.table else table, output)


def _print_made(report: "RunReport") -> None:
    for asset, figures in report.assets.items():
        rows = int(figures.get("dagster/row_count", 0))
        print(f"{asset}: made" + (f", {rows:,} rows" if rows else ""))
    if not report.assets:
        print("Nothing moved since the last overview.")
