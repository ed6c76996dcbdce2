"""`csimpact crawl`: fetch venue-years of OpenAlex, or poll what is known for changes.

Belongs here: arguments, progress and the words a person reads. Not: how pages are fetched
(resources/crawl.py, resources/openalex_poll.py).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from pipeline.errors import BudgetExhaustedError, CsimpactError, InputError, SourceError

if TYPE_CHECKING:  # they take a while, and --help needs none of it
    from pipeline.settings import DataDir
    from pipeline.venues import Venue
    from resources.crawl import Outcome
    from resources.openalex import OpenAlex, Tally

    Wanted = Sequence[tuple[Venue, int]]

HELP = """Fetch works from OpenAlex into the inbox. Nothing is computed yet.

A crawl fetches the venue-years named; stopped at any moment, by Ctrl-C, a crash or an exhausted
budget, it goes on where it was when run again. --poll asks for the ids and counts of all works
known and fetches what moved. The key is read from OPENALEX_API_KEY and nowhere else.

Examples:

  csimpact crawl --venue iclr --year 2018 --dry-run      calls and cents beforehand

  csimpact crawl --venue iclr --venue icml --year 2013-2021

  csimpact crawl --poll
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("crawl", help=HELP)(crawl_)


def crawl_(
    venue: Annotated[list[str] | None, typer.Option(help="A venue; may be repeated.")] = None,
    year: Annotated[
        str | None, typer.Option(help="A year or a range of years.", metavar="Y|Y1-Y2")
    ] = None,
    poll: Annotated[bool, typer.Option("--poll", help="Look for changes of known works.")] = False,
    dry_run: Annotated[
        bool, typer.Option(help="Say how many calls and cents it would take.")
    ] = False,
) -> None:
    """Fetch venue-years of OpenAlex, or poll what is known for changes."""
    from pipeline.settings import data_dir
    from resources.openalex import OpenAlex
    from resources.workspace import WorkspaceLock

    if poll == bool(venue or year) or bool(venue) != bool(year):
        raise InputError("expected --venue and --year, or --poll: see `csimpact crawl --help`")
    data = data_dir()
    if poll and dry_run:
        _plan_poll(data)
        return
    wanted = [] if poll else _wanted(venue or (), year or "")
    with OpenAlex() as client:
        if dry_run:
            _plan_crawl(client, wanted)
            return
        with WorkspaceLock(data, "crawl", timeout_s=0):
            troubles = _poll(client, data) if poll else _crawl(client, data, wanted)
    for trouble in troubles[:-1]:
        _say(f"error: {trouble}")
    if troubles:
        raise troubles[-1]


def _wanted(names: Sequence[str], years: str) -> "Wanted":
    """The venue-years meant; every venue that cannot be crawled is named in one error."""
    from pipeline.venues import load_venues

    registry = load_venues()
    venues = [registry[slug] for slug in dict.fromkeys(map(registry.resolve, names))]
    if lacking := [v.slug for v in venues if not v.openalex_sources]:
        raise InputError(
            f"{', '.join(lacking)}: no OpenAlex source is registered: add its ids as "
            "openalex_sources in venues.toml"
        )
    match = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", years)
    if not match:
        raise InputError(f"--year: expected 2018 or 2016-2020, received {years!r}")
    first, last = int(match[1]), int(match[2] or match[1])
    newest = date.today().year + 1
    wanted = [
        (v, y) for v in venues for y in range(last, first - 1, -1) if v.first_year <= y <= newest
    ]
    if not wanted:
        held = ", ".join(f"{v.slug} {v.first_year}-{newest}" for v in venues)
        raise InputError(f"--year: expected years within {held}, received {years}")
    return wanted


def _crawl(client: "OpenAlex", data: "DataDir", wanted: "Wanted") -> list[CsimpactError]:
    from resources.crawl import crawl

    console = Console()
    held = {(v.slug, y): 0 for v, y in wanted}
    outcomes: list[Outcome] = []

    def on_page(cell: tuple[str, int], n_held: int, n_works: int) -> None:
        held[cell] = n_held
        works = f"{sum(held.values()):,} works held"
        tell(f"{len(outcomes)} of {len(wanted)} venue-years, {works}; {cell[0]} {cell[1]}")

    with _telling(console) as tell:
        for outcome in crawl(client, data, wanted, _today(), on_page):
            outcomes.append(outcome)
    order = {(v.slug, y): place for place, (v, y) in enumerate(wanted)}
    outcomes.sort(key=lambda outcome: order[outcome.cell])
    _note(data, "crawl", [one.tally for one in outcomes])
    _print_outcomes(console, outcomes)
    return _troubles(outcomes)


def _print_outcomes(console: Console, outcomes: "Sequence[Outcome]") -> None:
    table = Table("venue", "year", "works", "calls", "cents", "news", "status")
    for one in outcomes:
        numbers = (f"{one.n_works:,}", f"{one.tally.calls:,}", _cents(one.tally.usd * 100))
        table.add_row(
            one.cell[0], str(one.cell[1]), *numbers, "yes" if one.news else "no", one.status
        )
    console.print(table)
    if any(one.news for one in outcomes):
        console.print("Next: csimpact refresh", markup=False)


def _troubles(outcomes: "Sequence[Outcome]") -> list[CsimpactError]:
    """One line per trouble, however many venue-years share it."""
    shared: dict[str, list[Outcome]] = {}
    for one in outcomes:
        if one.trouble:
            spent = isinstance(one.trouble, BudgetExhaustedError)
            shared.setdefault("budget" if spent else str(one.trouble), []).append(one)
    return [SourceError(f"{_named(ones)}: {ones[-1].trouble}") for ones in shared.values()]


def _named(outcomes: "Sequence[Outcome]") -> str:
    (venue, year), more = outcomes[0].cell, len(outcomes) - 1
    return f"{venue} {year}" + (f" and {more} more" if more else "")


def _plan_crawl(client: "OpenAlex", wanted: "Wanted") -> None:
    """Ask how many works there are, one call per venue-year, and print what a crawl would take."""
    from pipeline.corpus.openalex_query import Cost, crawl_cost, venue_year_query
    from resources.openalex import Tally

    table = Table("venue", "year", "works", "calls", "cents")
    tally, total = Tally(), Cost(0)
    for venue, year in wanted:
        n_works = client.count(venue_year_query(venue, year), tally)
        cost = crawl_cost(n_works)
        total = Cost(total.calls + cost.calls)
        table.add_row(venue.slug, str(year), f"{n_works:,}", f"{cost.calls:,}", _cents(cost.cents))
    table.add_row("all", "", "", f"{total.calls:,}", _cents(total.cents))
    console = Console()
    console.print(table)
    console.print(f"Asking took {tally.calls} calls, {_cents(tally.usd * 100)} cents.")


def _plan_poll(data: "DataDir") -> None:
    """Print what a poll would take; nothing is asked for that."""
    from pipeline.corpus.openalex_query import poll_plan
    from resources.openalex_known import tracked_works

    n_works = tracked_works(data).height
    least, most = poll_plan(n_works, share_moved=0), poll_plan(n_works, share_moved=1)
    Console().print(
        f"{n_works:,} works are known: {least.calls:,} calls, {_cents(least.cents)} cents, if "
        f"nothing moved; {most.calls:,} calls, {_cents(most.cents)} cents, if every work did."
    )


def _poll(client: "OpenAlex", data: "DataDir") -> list[CsimpactError]:
    from resources.openalex_known import tracked_works
    from resources.openalex_poll import poll

    tracked = tracked_works(data)
    console = Console()
    if not tracked.height:
        console.print("No work of OpenAlex is known yet: csimpact crawl --venue … --year …")
        return []
    with _telling(console) as tell:
        found = poll(
            client,
            data,
            tracked,
            datetime.now(UTC),
            lambda done, of: tell(f"{done:,} of {of:,} works asked for"),
        )
    _note(data, "poll", [found.tally])
    table = Table("polled", "counts", "content", "merged", "deleted", "calls", "cents", "news")
    numbers = (found.n_polled, found.n_counts, found.n_content, found.n_merged, found.n_deleted)
    table.add_row(
        *(f"{n:,}" for n in (*numbers, found.tally.calls)),
        _cents(found.tally.usd * 100),
        "yes" if found.delivered else "no",
    )
    console.print(table)
    return [found.trouble] if found.trouble else []


def _note(data: "DataDir", command: str, tallies: "Sequence[Tally]") -> None:
    """What was asked of OpenAlex, for the journal of costs."""
    from resources.journal import Journal

    calls, usd = sum(one.calls for one in tallies), sum(one.usd for one in tallies)
    figures = {"calls": calls, "cents": round(usd * 100, 3)}
    Journal(data.journal).add("", command, "openalex_works", figures)


@contextmanager
def _telling(console: Console) -> Iterator[Callable[[str], None]]:
    """Shows progress: one line that changes on a terminal, a line every some seconds in a log."""
    from resources.workspace import throttled

    with console.status("asking OpenAlex …") as status:
        in_log = throttled(lambda line: console.print(line, markup=False, highlight=False))
        yield status.update if console.is_terminal else in_log


def _cents(cents: float) -> str:
    return f"{cents:.2f}"


def _today() -> date:
    """The day as OpenAlex counts it: budgets and dates are in UTC."""
    return datetime.now(UTC).date()


def _say(line: str) -> None:
    text = " ".join(line.split())
    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)
