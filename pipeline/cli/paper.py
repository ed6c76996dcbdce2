"""The commands about one paper: impact, history.

Belongs here: arguments and their help. Not: the answers (pipeline/query), their looks (impact.py,
output.py), all imported only when a command runs.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import DAY, AsFormat, Format, Paper, add, read_day, tell
from pipeline.cli.pictures import check_picture, write_picture
from pipeline.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    add(
        app,
        (
            (impact, "csimpact impact pe7sxla355dx3 --explain"),
            (history, "csimpact history 'Deep Residual Learning for Image Recognition'"),
        ),
    )


def impact(
    paper: Paper,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="also its pool, and where it stands there"),
    ] = False,
    limit: Annotated[
        int,
        typer.Option("-k", "--limit", metavar="N", min=1, help="members of the pool in the table"),
    ] = 20,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="draw the pool into this .png or .svg; it is replaced"),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(help="also why the score moved since then", **DAY),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(help="with --since: up to that day, not up to now", **DAY),
    ] = None,
    output: AsFormat = Format.table,
) -> None:
    """Citations and TNCSI_SP of PAPER, and how sure they are.

    TNCSI_SP sets its citations against those of its pool, papers of its topic and time. With
    --explain and --format csv, the pool is printed in place of the paper, with --since and
    --format csv the parts of the change.
    """
    from pipeline.cli.impact import print_impact
    from pipeline.query import Library

    if until and not since:
        raise InputError("expected --since YYYY-MM-DD beside --until, received --until alone")
    if plot:
        check_picture(plot, (".png", ".svg"))
    library, moved = Library(), None
    told = library.explain(paper) if explain or plot else None
    row = told.paper if told else library.impact(paper)
    if since:
        moved = library.why_moved(row["paper_id"][0], since.date(), read_day(until))
    picture = told.plot(plot.suffix[1:].lower()) if plot and told else None
    print_impact(row, output, told=told if explain else None, moved=moved, limit=limit)
    if plot and picture:
        write_picture(plot, picture)
        tell(f"the pool is drawn in {plot.absolute()}")


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
