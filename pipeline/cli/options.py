"""Arguments that several commands share.

Belongs here: their names, help and reading. Not: a command.
"""

import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.query.filters import Years

DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "YYYY-MM-DD"}
"""Of an option that is a day."""


class Format(StrEnum):
    """How an answer is printed."""

    table = "table"
    json = "json"
    csv = "csv"


AsFormat = Annotated[Format, typer.Option("--format", help="how the answer is printed")]
Venue = Annotated[
    str | None,
    typer.Option(metavar="VENUE", help="only this venue: slug or alias, as in venues.toml"),
]
Year = Annotated[
    str | None, typer.Option(metavar="N|N-M", help="only this year, or these years: 2018-2022")
]
Domain = Annotated[
    str | None,
    typer.Option(
        metavar="DOMAIN", help="only venues of this domain: nlp, vision, ml, … (venues.toml)"
    ),
]
Author = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="only papers by this author; accents and case do not matter"),
]
MinScore = Annotated[
    float | None,
    typer.Option(
        metavar="0..1", help="only papers of at least this TNCSI_SP; those without a score go"
    ),
]
Count = Annotated[
    int, typer.Option("-k", "--limit", metavar="N", min=1, help="number of papers, 1 or more")
]
Rows = Annotated[
    int, typer.Option("-k", "--limit", metavar="N", min=1, help="number of rows, 1 or more")
]
Paper = Annotated[
    str,
    typer.Argument(
        metavar="PAPER", help="paper id, the beginning of one (6 characters), or an exact title"
    ),
]


def add(app: typer.Typer, commands: Sequence[tuple[Callable[..., Any], str]]) -> None:
    """Add commands to `app`, each with its example."""
    for command, example in commands:
        app.command(epilog=f"\b\nExample:\n  {example}")(command)


def read_years(text: str | None) -> "Years | None":
    """`2018` or `2018-2022`."""
    if text is None:
        return None
    first, dash, last = text.strip().replace("\N{EN DASH}", "-").partition("-")
    if not (first.isdecimal() and (last.isdecimal() if dash else True)):
        raise InputError(f"--year: expected a year or years such as 2018-2022, received {text!r}")
    return (int(first), int(last)) if dash else int(first)


def read_day(moment: datetime | None) -> date | None:
    """The day of what Typer reads as a moment."""
    return moment.date() if moment else None


def tell(note: str) -> None:
    """A note beside the answer, which it must not be mixed with."""
    print(f"note: {note}", file=sys.stderr)
