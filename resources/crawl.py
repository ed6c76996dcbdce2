"""Crawling venue-years of OpenAlex: many side by side, each delivered whole or as a part.

Belongs here: what to do when pages contradict each other, and what is delivered. Not: the way
through the pages (openalex_walk.py), requests (openalex.py), files (openalex_deliveries.py).

Cursor paging is serial within a venue-year; venue-years run side by side.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pipeline.corpus.openalex_query import venue_year_query
from pipeline.errors import BudgetExhaustedError, CsimpactError, SourceError
from pipeline.settings import DataDir
from pipeline.tables import Cell
from pipeline.venues import Venue
from resources.collector import rare_collections
from resources.crawl_checkpoint import Checkpoint
from resources.openalex import CursorExpiredError, OpenAlex, Tally
from resources.openalex_deliveries import Deliveries, Works, write_crawl
from resources.openalex_walk import Walk

OnPage = Callable[[Cell, int, int], None]
"""Hears of every page: the venue-year, the works held so far, and how many there are."""


def _unheard(cell: Cell, n_held: int, n_works: int) -> None:
    return None


class IncompleteError(SourceError):
    """The pages and the count contradict each other; what was found is delivered as a part."""


@dataclass
class Outcome:
    """What became of a venue-year; `trouble` is one line if it is not complete."""

    cell: Cell
    n_works: int = 0
    tally: Tally = field(default_factory=Tally)
    news: bool = False
    delivered: Path | None = None
    trouble: CsimpactError | None = None

    @property
    def status(self) -> str:
        """In a word or two."""
        if self.trouble is None:
            return "complete"
        if isinstance(self.trouble, BudgetExhaustedError):
            return "waits for budget"
        return "incomplete" if isinstance(self.trouble, IncompleteError) else "failed"


def crawl(
    client: OpenAlex,
    data: DataDir,
    wanted: Sequence[tuple[Venue, int]],
    today: date,
    on_page: OnPage = _unheard,
) -> Iterator[Outcome]:
    """What became of each venue-year, as they end; one's trouble does not stop the others."""
    deliveries = Deliveries(data.inbox)
    with rare_collections(), ThreadPoolExecutor(client.workers) as pool:
        running = [
            pool.submit(crawl_venue_year, client, data, venue, year, today, deliveries, on_page)
            for venue, year in wanted
        ]
        try:
            for done in as_completed(running):
                yield done.result()
        except BaseException:  # whoever leaves early does not wait for the pages still to come
            client.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def crawl_venue_year(
    client: OpenAlex,
    data: DataDir,
    venue: Venue,
    year: int,
    today: date,
    deliveries: Deliveries,
    on_page: OnPage = _unheard,
) -> Outcome:
    """Fetch what is missing of a venue-year, deliver it, and say how it went."""
    outcome = Outcome((venue.slug, year))
    checkpoint = Checkpoint(data.crawl / venue.slug / str(year))
    try:
        walk = Walk(client, venue_year_query(venue, year), checkpoint, today)
        earlier = _walk_through(walk, outcome, today, on_page)
        _deliver(data, outcome, walk, earlier, deliveries)
        checkpoint.remove()
    except CsimpactError as trouble:
        outcome.trouble = trouble
    return outcome


def _walk_through(walk: Walk, outcome: Outcome, today: date, on_page: OnPage) -> Works:
    """Walk to the end, twice where pages and count contradict each other.

    Works may move between pages while they are read; a second walk mostly finds them at rest.
    Returns the works of the first walk, where there was a second one.
    """
    restarted = False
    earlier: Works = {}
    while True:
        try:
            while not walk.ended:
                walk.next_page(outcome.tally)
                outcome.n_works = len(walk.works)
                on_page(outcome.cell, len(walk.works), walk.state["counts"][-1])
        except CursorExpiredError:
            if restarted:
                raise
            restarted = True
            walk.restart(today, walk=walk.state["walk"])
            continue
        if walk.consistent or walk.state["walk"] == 2:
            return earlier
        earlier = walk.works
        walk.restart(today, walk=2)


def _deliver(
    data: DataDir,
    outcome: Outcome,
    walk: Walk,
    earlier: Works,
    deliveries: Deliveries,
) -> None:
    """Write the venue-year to the inbox, unless it stands there already."""
    complete = walk.consistent
    # Of two walks that both missed something, one may hold what the other missed.
    works = walk.works if complete else {**earlier, **walk.works}
    outcome.n_works = len(works)
    if not deliveries.hold(outcome.cell, works, complete=complete):
        outcome.news = True
        outcome.delivered = write_crawl(
            data.inbox,
            outcome.cell,
            works,
            # Pages of a crawl that was resumed are of this day or newer.
            observed_on=date.fromisoformat(walk.state["started_on"]),
            complete=complete,
        )
    if not complete:
        outcome.trouble = IncompleteError(
            f"OpenAlex says there are {walk.state['counts'][-1]} works, its pages held "
            f"{len(works)} in two walks: delivered as incomplete, so that nothing is taken "
            "for gone; crawl it again later"
        )
