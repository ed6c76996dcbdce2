"""The commands that list papers: search, similar, top.

Belongs here: arguments and their help. Not: the answers (pipeline/query) or their looks
(output.py), both imported only when a command runs.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import (
    DAY,
    AsFormat,
    Author,
    Count,
    Domain,
    Format,
    MinScore,
    Paper,
    Venue,
    Year,
    add,
    read_day,
    read_years,
    tell,
)

if TYPE_CHECKING:
    from pipeline.query import Library


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    add(
        app,
        (
            (search, "csimpact search 'diffusion models' --year 2022-2024 --min-score 0.9 -k 5"),
            (similar, "csimpact similar 'Attention Is All You Need' --format json"),
            (top, "csimpact top --venue cvpr --year 2016 --format csv > top.csv"),
        ),
    )


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
    from pipeline.query import Library

    library, years = Library(), read_years(year)
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
    from pipeline.query import Library

    library, years = Library(), read_years(year)
    filters = {"domain": domain, "author": author}
    print_papers(
        library.similar(paper, limit, venue, years, **filters, min_score=min_score), output
    )
    _tell_of_missing_vectors(library)
    if min_score is not None:
        _tell_of_unscored(library.unscored(venue, years, **filters))


def top(
    venue: Venue = None,
    year: Year = None,
    domain: Domain = None,
    author: Author = None,
    min_score: MinScore = None,
    limit: Count = 20,
    as_of: Annotated[
        datetime | None,
        typer.Option(help="with the counts known on that day, and the pools of now", **DAY),
    ] = None,
    output: AsFormat = Format.table,
) -> None:
    """Papers of highest excess_ratio, which never saturates.

    It is what TNCSI_SP is made of: (citations − loc) / scale, where loc is the least count of the
    paper's pool and scale the mean above it.
    """
    from pipeline.cli.output import print_papers
    from pipeline.query import Library

    best = Library().top(
        venue,
        read_years(year),
        limit,
        domain=domain,
        author=author,
        min_score=min_score,
        as_of=read_day(as_of),
    )
    print_papers(best, output)
    if as_of and not best.height:
        tell(f"no score by the counts known on {read_day(as_of)}: an earlier day than the first?")


def _tell_of_missing_vectors(library: "Library") -> None:
    """Papers that could not be found must not be missing silently."""
    if missing := library.papers_without_vector:
        tell(f"{missing:,} papers have no vector yet and cannot be found: csimpact refresh")


def _tell_of_unscored(unscored: int) -> None:
    if unscored:
        tell(f"{unscored:,} papers that match otherwise have no score and are left out")
