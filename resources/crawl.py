"""Crawling venue-years of OpenAlex: page by page, resumable after every page, delivered whole.

Belongs here: the order of pages, when a crawl is complete, and what to do when pages contradict
each other. Not: requests (openalex.py), files (crawl_checkpoint.py, openalex_deliveries.py).

Cursor paging is serial within a venue-year; venue-years run side by side.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import orjson

from pipeline.corpus.openalex_query import Query, crawl_cost, venue_year_query
from pipeline.errors import BudgetExhaustedError, CsimpactError, SourceError
from pipeline.settings import DataDir
from pipeline.tables import Cell
from pipeline.venues import Venue
from resources.crawl_checkpoint import Checkpoint, State
from resources.openalex import (
    FIRST_CURSOR,
    CursorExpiredError,
    OpenAlex,
    Page,
    PassingFault,
    Tally,
)
from resources.openalex_deliveries import Deliveries, Works, write_crawl

MAX_AGE = timedelta(days=3)  # pages further apart than that are no picture of one day
DOUBTS = 2  # how often a page that brings nothing new is asked again before it is believed

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


class _Walk:
    """One way through the pages of a venue-year, possibly over several runs."""

    def __init__(self, client: OpenAlex, query: Query, checkpoint: Checkpoint, today: date) -> None:
        self._client, self._query, self._checkpoint = client, query, checkpoint
        self._key = {"query": query.digest}
        state = checkpoint.resume(self._key)
        if not state or today - date.fromisoformat(state["started_on"]) > MAX_AGE:
            checkpoint.remove()
            state = self._beginning(today, walk=1)
        self.state = state
        # As lines of JSON: a work takes a tenth of the memory of its objects.
        self.works: Works = {orjson.loads(line)["id"]: line for line in checkpoint.lines()}

    def restart(self, today: date, *, walk: int) -> None:
        """Forget every page and begin with the first."""
        self._checkpoint.remove()
        self.works = {}
        self.state = self._beginning(today, walk)

    def _beginning(self, today: date, walk: int) -> State:
        return {
            "key": self._key,
            "walk": walk,
            "cursor": FIRST_CURSOR,
            "counts": [],  # how many works OpenAlex said there are, each change of mind
            "pages": 0,
            "started_on": today.isoformat(),
        }

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to ask for.

        OpenAlex hands out a cursor even with its last page. Once there are as many works as it
        says, asking for the empty page behind would be a wasted call, unless it changed its mind.
        """
        counts, pages = self.state["counts"], self.state["pages"]
        going_in_circles = counts and pages > 2 * crawl_cost(max(counts)).calls + 1
        return self.state["cursor"] is None or counts == [len(self.works)] or going_in_circles

    @property
    def consistent(self) -> bool:
        """Whether the pages held as many works as OpenAlex said there are, from first to last.

        A count that moved on the way means works that came and went: as many may be missing as
        are held in vain.
        """
        return bool(self.state["counts"] == [len(self.works)])

    def next_page(self, tally: Tally) -> None:
        """Ask for the page at the cursor and keep what is new in it; the latest word counts."""
        doubts = 0

        def check(page: Page) -> None:
            nonlocal doubts
            known = page.works and all(work["id"] in self.works for work in page.works)
            if page.next_cursor == self.state["cursor"] or (known and doubts < DOUBTS):
                doubts += 1
                raise PassingFault("with a page it had given before")

        page = self._client.page(self._query, self.state["cursor"], tally, check)
        lines = {work["id"]: orjson.dumps(work) for work in page.works}
        new = {i: line for i, line in lines.items() if self.works.get(i) != line}
        self.works |= new
        counts = self.state["counts"]
        self.state = {
            **self.state,
            "cursor": page.next_cursor if page.works else None,
            "counts": counts if counts[-1:] == [page.count] else [*counts, page.count],
            "pages": self.state["pages"] + 1,
        }
        self._checkpoint.append(new.values(), self.state)


def crawl(
    client: OpenAlex,
    data: DataDir,
    wanted: Sequence[tuple[Venue, int]],
    today: date,
    on_page: OnPage = _unheard,
) -> Iterator[Outcome]:
    """What became of each venue-year, as they end; one's trouble does not stop the others."""
    deliveries = Deliveries(data.inbox)
    with _rare_collections(), ThreadPoolExecutor(client.workers) as pool:
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


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let Python look for reference cycles seldom: parsed pages have none.

    Every page is tens of thousands of objects; looking at them took five times as long as
    parsing them, and with it most of a crawl.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


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
        walk = _Walk(client, venue_year_query(venue, year), checkpoint, today)
        earlier = _walk_through(walk, outcome, today, on_page)
        _deliver(data, outcome, walk, earlier, deliveries)
        checkpoint.remove()
    except CsimpactError as trouble:
        outcome.trouble = trouble
    return outcome


def _walk_through(walk: _Walk, outcome: Outcome, today: date, on_page: OnPage) -> Works:
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
    walk: _Walk,
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
            observed_on=date.fromisoformat(walk.state["started_on"]),
            complete=complete,
        )
    if not complete:
        outcome.trouble = IncompleteError(
            f"{outcome.cell[0]} {outcome.cell[1]}: OpenAlex says there are "
            f"{walk.state['counts'][-1]} works, its pages held {len(works)} in two walks: "
            "delivered as incomplete, so that nothing is taken for gone; crawl it again later"
        )
