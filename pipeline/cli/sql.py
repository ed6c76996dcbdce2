"""The command that asks in SQL.

Belongs here: arguments and their help. Not: what may be asked, or views (pipeline/query).
"""

from typing import Annotated

import typer

from pipeline.cli.options import AsFormat, Format, add
from pipeline.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    example = "csimpact sql \"SELECT title, tncsi_sp FROM scores WHERE venue = 'acl' LIMIT 5\""
    add(app, ((sql, example),))


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
    from pipeline.query import Library

    if sum((query is not None, names, views)) != 1:
        raise InputError("expected a QUERY, --list or --views")
    if views:
        print_script(Library().sql_script())
    elif names:
        from pipeline.query.views import listed

        print_frame(listed(), output)
    elif query is not None:
        print_frame(Library().sql(query), output)
