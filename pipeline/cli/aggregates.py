"""The commands about many papers at once: aggregates, topics, rising.

Belongs here: arguments and their help. Not: the answers (pipeline/query) or their looks
(output.py), both imported only when a command runs.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import AsFormat, Count, Format, Rows, add, tell

if TYPE_CHECKING:
    import polars as pl


class Kind(StrEnum):
    """What papers are grouped by."""

    venue = "venue"
    domain = "domain"
    topic = "topic"
    library = "library"
    year = "year"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    add(
        app,
        (
            (aggregates, "csimpact aggregates venue --period 2016"),
            (topics, "csimpact topics 12 -k 5"),
            (rising, "csimpact rising --format csv > rising.csv"),
        ),
    )


def aggregates(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="what papers are grouped by")],
    period: Annotated[
        str | None,
        typer.Option(
            metavar="YEAR|each",
            help="papers of this year only, or a row for each; without it all years together",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="only this venue, domain or topic number")
    ] = None,
    limit: Rows = 50,
    output: AsFormat = Format.table,
) -> None:
    """How papers of venues, domains, topics and years stand.

    A line per group. mean_percentile is the mean standing of its papers, each within its own pool,
    with its 95% interval; hold it against that of `library`. top_decile: share of papers in the top
    tenth of their pool. trend: change of the mean per year. found and scored: how much of the group
    the figures rest on. own: how much of its pools is the group itself; near 1 its mean says
    little. Groups of fewer than 30 scored papers have no figures. json and csv have all columns, by
    the names of the table impact_aggregates.
    """
    from pipeline.cli.output import print_frame
    from pipeline.query import Library

    rows = Library().aggregates(kind, period, name=name).head(limit)
    print_frame(_for_eyes(rows, kind) if output == Format.table else rows, output)


def topics(
    topic: Annotated[
        int | None,
        typer.Argument(metavar="TOPIC", help="number of a topic: list its papers", min=0),
    ] = None,
    limit: Count = 20,
    output: AsFormat = Format.table,
) -> None:
    """The topics of the library; with TOPIC, its papers.

    Topics are clusters of papers by meaning; their papers are listed from the centre outwards. A
    topic is named by the terms that set its titles apart from others. All topics are listed, the
    largest first; -k limits the papers of one.
    """
    import polars as pl

    from pipeline.cli.output import print_frame, print_papers
    from pipeline.query import Library

    if topic is not None:
        print_papers(Library().topic(topic, limit), output)
        return
    rows = Library().topics()
    if output == Format.table:
        rows = rows.drop("name").with_columns(pl.col("terms").list.join(", "))
    print_frame(rows, output)


def rising(limit: Count = 20, output: AsFormat = Format.table) -> None:
    """Papers whose standing among their pools grew most.

    In the last half-year of counts: rise is the growth of excess_ratio, (citations − loc) / scale,
    from the day `since` to the day `until`, with the pools of now. Papers of fewer than 3 new
    citations are left out. There are none until counts were seen to move on a second day.
    """
    from pipeline.cli.output import print_papers
    from pipeline.query import Library

    papers = Library().rising(limit)
    print_papers(papers, output)
    if not papers.height:
        tell("no count, of a paper whose pool was counted before, was seen to grow by 3 or more")


def _for_eyes(rows: "pl.DataFrame", kind: Kind) -> "pl.DataFrame":
    """The columns that fit a screen, intervals within one; of a topic, its name as well."""
    import polars as pl

    single = rows["period"].n_unique() < 2
    figures: dict[str, pl.Expr] = {
        "n_papers": pl.col("n_papers"),
        "found": pl.col("found_share"),
        "scored": pl.col("scored_share"),
        "own": pl.col("own_share"),
        "mean_percentile": _interval(
            "mean_percentile", "mean_percentile_low", "mean_percentile_high"
        ),
        "top_decile": _interval("top_decile_share", "top_decile_low", "top_decile_high"),
    }
    if single and rows["trend"].count():
        figures["trend"] = _interval("trend", "trend_low", "trend_high", digits=4)
    which = ["name", *(["label"] if kind == Kind.topic else []), *([] if single else ["period"])]
    shown = rows.select(*which, **figures)
    return shown.drop(c for c in ("found", "own") if not shown[c].count())


def _interval(value: str, low: str, high: str, digits: int = 3) -> "pl.Expr":
    """A figure and its bounds as "0.512 (0.480 to 0.544)", or null."""
    import polars as pl

    from pipeline.wording import with_interval

    return pl.struct(value, low, high).map_elements(
        lambda row: with_interval(row[value], row[low], row[high], digits) or None,
        return_dtype=pl.String,
    )
