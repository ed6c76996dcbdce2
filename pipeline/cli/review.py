"""`csimpact review`: the doubts about who is who, for a person to decide.

Belongs here: showing a doubt and taking a verdict. Not: what a verdict means
(pipeline/corpus/reviews.py). A verdict is an event of the ledger: it outlives every rebuild.
"""

import getpass
from typing import Annotated

import typer
from rich.console import Console

from pipeline.cli.options import AsFormat, Format

HELP = """Decide what the rules would not: are two papers one?

Examples:

  csimpact review list                  open doubts, with both titles

  csimpact review same 3f2a9c01         they are one paper: merge them

  csimpact review different 3f2a9c01    they stay two, whatever arrives later

  csimpact review split openalex:W123   this record is a paper of its own
"""

review = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
ReviewId = Annotated[
    str, typer.Argument(metavar="REVIEW_ID", help="as `csimpact review list` says")
]
By = Annotated[str, typer.Option(help="who decides; noted in the ledger")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(review, name="review")


@review.command("list")
def list_(
    status: Annotated[str, typer.Option(help="open, same, different, or all")] = "open",
    limit: Annotated[int, typer.Option("-k", "--limit", min=1, help="number of doubts")] = 20,
    as_format: AsFormat = Format.table,
) -> None:
    """Doubts, with what both papers say."""
    from pipeline.cli.output import print_frame
    from pipeline.query.reviews import read_reviews
    from resources.workspace import open_workspace

    doubts = read_reviews(open_workspace(), status)
    print_frame(doubts.head(limit), as_format)
    if doubts.height > limit and as_format is Format.table:
        Console(stderr=True).print(f"{doubts.height - limit:,} more: --limit {doubts.height}")


@review.command()
def same(review_id: ReviewId, by: By = "") -> None:
    """The two are one paper: merge them; the younger id redirects to the older."""
    _decide(review_id, "same", by)


@review.command()
def different(review_id: ReviewId, by: By = "") -> None:
    """The two are two papers, and stay so."""
    _decide(review_id, "different", by)


@review.command()
def split(
    record_key: Annotated[str, typer.Argument(metavar="RECORD_KEY", help="such as openalex:W123")],
    by: By = "",
) -> None:
    """Give one record a paper of its own, and keep it apart from its former one."""
    from pipeline.corpus.reviews import split as split_
    from resources.workspace import open_workspace

    workspace = open_workspace()
    with workspace.lock("stage-identities"):
        ledger = workspace.ledger.load()
        paper_id = split_(ledger, record_key, by=by or getpass.getuser(), on=workspace.today)
        workspace.ledger.append(ledger)
    print(f"{record_key} is {paper_id} from now on. Next: csimpact refresh")


def _decide(review_id: str, verdict: str, by: str) -> None:
    from pipeline.corpus.reviews import decide
    from resources.workspace import open_workspace

    workspace = open_workspace()
    with workspace.lock("stage-identities"):
        ledger = workspace.ledger.load()
        told = decide(ledger, review_id, verdict, by=by or getpass.getuser(), on=workspace.today)
        workspace.ledger.append(ledger)
    print(f"{told}. Next: csimpact refresh")
