"""The commands that read: search, similar, impact, top, status, sql.

Belongs here: arguments and their help. Not: the answers (pipeline/query) or their looks
(output.py), both imported only when a command runs.
"""

import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.query import Library


class Format(StrEnum):
    """How an answer is printed."""

    table = "table"
    json = "json"
    csv = "csv"


AsFormat = Annotated[Format, typer.Option("--format", help="how the answer is printed")]
Venue = Annotated[
    str | None, typer.Option(help="only this venue: slug or alias, as in venues.toml")
]
Year = Annotated[int | None, typer.Option(help="only this year")]
Count = Annotated[int, typer.Option("-k", "--limit", min=1, help="number of papers")]
Paper = Annotated[
    str,
    typer.Argument(
        metavar="PAPER", help="paper id, the beginning of one (6 characters), or an exact title"
    ),
]


def register(app: typer.Typer) -> None:
    """Add the reading commands to `app`."""
    for command, example in (
        (search, "csimpact search 'diffusion models for robot planning' --year 2024 -k 5"),
        (similar, "csimpact similar 'Attention Is All You Need' --format json"),
        (impact, "csimpact impact pe7sxla355dx3 --explain"),
        (top, "csimpact top --venue cvpr --year 2016 --format csv > top.csv"),
        (status, "csimpact status --venue neurips"),
        (sql, 'csimpact sql "SELECT venue, count(*) AS n FROM papers GROUP BY venue"'),
    ):
        app.command(epilog=f"\b\nExample:\n  {example}")(command)


def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="what the papers are about")],
    venue: Venue = None,
    year: Year = None,
    limit: Count = 10,
    rerank: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="put the first N papers in the order of the profile's reranker: seconds, "
            "not milliseconds; 0: do not",
        ),
    ] = 0,
    output: AsFormat = Format.table,
) -> None:
    """Papers nearest in meaning to TEXT.

    Where a trained prompt serves, it is read with TEXT (see `csimpact status`). With --rerank, the
    score is the reranker's, on a scale of its own, and the cosine stands beside it.
    """
    from pipeline.cli.output import print_papers

    library = _library()
    print_papers(library.search(text, limit, venue, year, rerank=rerank), output)
    _tell_of_missing_vectors(library)


def similar(paper: Paper, limit: Count = 10, output: AsFormat = Format.table) -> None:
    """Papers nearest in meaning to PAPER.

    Of any venue and year; PAPER itself is left out.
    """
    from pipeline.cli.output import print_papers

    library = _library()
    print_papers(library.similar(paper, limit), output)
    _tell_of_missing_vectors(library)


def impact(
    paper: Paper,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="also its pool, and where it stands there"),
    ] = False,
    limit: Annotated[
        int, typer.Option("-k", "--limit", min=1, help="members of the pool in the table")
    ] = 20,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="draw the pool into this .png or .svg; it is replaced"),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="also why the score moved since then"
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="with --since: up to that day, not up to now",
        ),
    ] = None,
    output: AsFormat = Format.table,
) -> None:
    """Citations and TNCSI_SP of PAPER, with its interval and standing.

    TNCSI_SP sets its citations against those of its pool, papers of its topic and time. With
    --explain and --format csv, the pool is printed in place of the paper, with --since and
    --format csv the parts of the change.
    """
    from pipeline.cli.impact import print_impact
    from pipeline.errors import InputError

    if until and not since:
        raise InputError("expected --since YYYY-MM-DD beside --until, received --until alone")
    if plot:
        _check_picture(plot)
    library = _library()
    told = library.explain(paper) if explain or plot else None
    row = told.paper if told else library.impact(paper)
    moved = None
    if since:
        moved = library.why_moved(row["paper_id"][0], since.date(), until and until.date())
    print_impact(row, output, told=told if explain else None, moved=moved, limit=limit)
    if plot and told:
        _write_picture(plot, told.plot(plot.suffix[1:].lower()))


def _check_picture(path: Path) -> None:
    """Before seconds are spent on what cannot be written."""
    from pipeline.errors import InputError

    if path.suffix.lower() not in (".png", ".svg"):
        raise InputError(f"expected --plot to name a .png or .svg file, received {path}")
    if not path.absolute().parent.is_dir():
        raise InputError(f"expected --plot in a folder that exists, received {path}")


def _write_picture(path: Path, picture: bytes) -> None:
    from resources.files import replace_file

    replace_file(path, picture)
    print(f"note: the pool is drawn in {path.absolute()}", file=sys.stderr)


def top(
    venue: Venue = None,
    year: Year = None,
    limit: Count = 20,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="with the counts known on that day, and the pools of now",
        ),
    ] = None,
    output: AsFormat = Format.table,
) -> None:
    """Papers of highest excess_ratio.

    It is what TNCSI_SP is made of, (citations − loc) / scale, and unlike it never saturates.
    """
    from pipeline.cli.output import print_papers

    day = as_of.date() if as_of else None
    print_papers(_library().top(venue, year, limit, as_of=day), output)


def status(
    venue: Annotated[
        str | None, typer.Option(help="show each year of this venue, with what is stale and why")
    ] = None,
    output: AsFormat = Format.table,
) -> None:
    """Where every record went; what is stale.

    The table has a line per venue; with --venue a line per year, and why each output is stale. json
    and csv list venue-years. Totals are those of all venues. Where a trained prompt serves
    queries, a last line names it.
    """
    from pipeline.cli.output import print_status
    from pipeline.venues import load_venues

    slug = load_venues().resolve(venue) if venue is not None else None
    library = _library()
    print_status(*library.status(), slug, output, prompt=library.prompt)


def sql(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="one SELECT, WITH, DESCRIBE, SHOW or EXPLAIN")
    ],
    output: AsFormat = Format.table,
) -> None:
    """The answer to QUERY, in DuckDB's SQL.

    Tables of the lake go by their names, and nothing can be written. SHOW TABLES lists the tables,
    DESCRIBE papers the columns of one.
    """
    from pipeline.cli.output import print_frame

    print_frame(_library().sql(query), output)


def _library() -> "Library":
    from pipeline.query import Library

    return Library()


def _tell_of_missing_vectors(library: "Library") -> None:
    """Papers that could not be found must not be missing silently."""
    if missing := library.papers_without_vector:
        text = f"note: {missing:,} papers have no vector yet and cannot be found: csimpact refresh"
        print(text, file=sys.stderr)
