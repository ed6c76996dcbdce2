"""The way through the pages of a venue-year, resumable after every page.

Belongs here: the order of pages, when there is nothing more to ask for, and whether the pages
agree with each other. Not: what to do when they do not (crawl.py).
"""

from datetime import date, timedelta

import orjson

from pipeline.corpus.openalex_query import Query, crawl_cost
from resources.crawl_checkpoint import Checkpoint, State
from resources.openalex import FIRST_CURSOR, OpenAlex, Tally
from resources.openalex_answers import Page, PassingFault
from resources.openalex_deliveries import Works

MAX_AGE = timedelta(days=3)  # pages further apart than that are no picture of one day
DOUBTS = 2  # how often a page that brings nothing new is asked again before it is believed


class Walk:
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
