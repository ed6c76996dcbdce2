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

from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.query import Library
    from pipeline.query.filters import Years


class Format(StrEnum):
    """How an answer is printed."""

    table = "table"
    json = "json"
    csv = "csv"


AsFormat = Annotated[Format, typer.Option("--format", help="how the answer is printed")]
Venue = Annotated[
    str | None, typer.Option(help="only this venue: slug or alias, as in venues.toml")
]
Year = Annotated[
    str | None, typer.Option(metavar="N|N-M", help="only this year, or these years: 2018-2022")
]
Domain = Annotated[
    str | None, typer.Option(help="only venues of this domain: nlp, vision, ml, … (venues.toml)")
]
Author = Annotated[
    str | None, typer.Option(help="only papers by this author; accents and case do not matter")
]
MinScore = Annotated[
    float | None,
    typer.Option(
        metavar="0..1", help="only papers of at least this TNCSI_SP; those without a score go"
    ),
]
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
        (search, "csimpact search 'diffusion models' --year 2022-2024 --min-score 0.9 -k 5"),
        (similar, "csimpact similar 'Attention Is All You Need' --format json"),
        (impact, "csimpact impact pe7sxla355dx3 --explain"),
        (top, "csimpact top --venue cvpr --year 2016 --format csv > top.csv"),
        (status, "csimpact status --venue neurips"),
        (sql, "csimpact sql \"SELECT title, tncsi_sp FROM scores WHERE venue = 'acl' LIMIT 5\""),
    ):
        app.command(epilog=f"\b\nExample:\n  {example}")(command)


def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="what the papers are about")],
    venue: Venue = None,
    year: Year = None,
    domain: Domain = None,
    author: Author = None,
    min_score: MinScore = None,
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
    score is the reranker's, on a scale of its own, and the cosine stands beside it. Filters are
    all to be met; none loses a paper that is nearer than one shown.
    """
    from pipeline.cli.output import print_papers

    library, years = _library(), _years(year)
    filters = {"domain": domain, "author": author}
    found = library.search(text, limit, venue, years, **filters, min_score=min_score, rerank=rerank)
    print_papers(found, output)
    _tell_of_missing_vectors(library)
    if min_score is not None:
        _tell_of_unscored(library.unscored(venue, years, **filters))


def similar(
    paper: Paper,
    venue: Venue = None,
    year: Year = None,
    domain: Domain = None,
    author: Author = None,
    min_score: MinScore = None,
    limit: Count = 10,
    output: AsFormat = Format.table,
) -> None:
    """Papers nearest in meaning to PAPER.

    PAPER itself is left out. Filters are those of `csimpact search`.
    """
    from pipeline.cli.output import print_papers

    library, years = _library(), _years(year)
    filters = {"domain": domain, "author": author}
    print_papers(
        library.similar(paper, limit, venue, years, **filters, min_score=min_score), output
    )
    _tell_of_missing_vectors(library)
    if min_score is not None:
        _tell_of_unscored(library.unscored(venue, years, **filters))


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
    domain: Domain = None,
    author: Author = None,
    min_score: MinScore = None,
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
    best = _library().top(
        venue,
        _years(year),
        limit,
        domain=domain,
        author=author,
        min_score=min_score,
        as_of=day,
    )
    print_papers(best, output)


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
        str | None,
        typer.Argument(metavar="QUERY", help="one SELECT, WITH, DESCRIBE, SHOW or EXPLAIN"),
    ] = None,
    names: Annotated[
        bool, typer.Option("--list", help="list views and tables with their meaning")
    ] = False,
    views: Annotated[
        bool,
        typer.Option("--views", help="print a script that makes the views in another DuckDB"),
    ] = False,
    output: AsFormat = Format.table,
) -> None:
    """The answer to QUERY, in DuckDB's SQL.

    Views and tables go by their names, and nothing can be written. --list tells which there are,
    DESCRIBE scores the columns of one; examples are in docs/sql.md. The script of --views is for
    DuckDB's own command line or a BI tool: csimpact sql --views > views.sql; duckdb -init views.sql
    """
    from pipeline.cli.output import print_frame, print_script

    if sum((query is not None, names, views)) != 1:
        raise InputError("expected a QUERY, --list or --views")
    if views:
        print_script(_library().sql_script())
    elif names:
        from pipeline.query.views import listed

        print_frame(listed(), output)
    elif query is not None:
        print_frame(_library().sql(query), output)


def _years(text: str | None) -> "Years | None":
    """`2018` or `2018-2022`."""
    if text is None:
        return None
    first, dash, last = text.strip().replace("\N{EN DASH}", "-").partition("-")
    if not (first.isdecimal() and (last.isdecimal() if dash else True)):
        raise InputError(f"--year: expected a year or years such as 2018-2022, received {text!r}")
    return (int(first), int(last)) if dash else int(first)


def _library() -> "Library":
    from pipeline.query import Library

    return Library()


def _tell_of_missing_vectors(library: "Library") -> None:
    """Papers that could not be found must not be missing silently."""
    if missing := library.papers_without_vector:
        text = f"note: {missing:,} papers have no vector yet and cannot be found: csimpact refresh"
        print(text, file=sys.stderr)


def _tell_of_unscored(unscored: int) -> None:
    if unscored:
        text = f"note: {unscored:,} papers that match otherwise have no score and are left out"
        print(text, file=sys.stderr)
