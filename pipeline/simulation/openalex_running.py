"""The state behind the simulated OpenAlex: what was asked, what is answered, and the truth.

Belongs here: the handle tests hold, and the order in which keys, faults, budget and answers come.
Not: sockets (openalex_server.py), answers (openalex_answers.py), budgets (openalex_meter.py).
"""

import threading
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from pipeline.simulation.literature import Literature
from pipeline.simulation.openalex_answers import (
    Answer,
    Catalogue,
    html_answer,
    json_answer,
    works_query,
)
from pipeline.simulation.openalex_faults import Faults, move_works
from pipeline.simulation.openalex_meter import Meter
from pipeline.simulation.openalex_query import PAGING_ERROR, ListQuery, RefusedQueryError
from pipeline.simulation.openalex_shelf import Shelf, work_number
from pipeline.simulation.openalex_works import iterate_works, sources_of
from pipeline.venues import load_venues

_KEYS = ("api_key", "api-key")
_PAGES = {
    "500": "Internal Server Error",
    "502": "Bad Gateway",
    "504": "Gateway Time-out",
    "html": "Just a moment...",
}


@dataclass
class Call:
    """A request as it came, without the key; `status` is None until an answer begins."""

    path: str
    params: dict[str, str]
    status: int | None = None
    fault: str | None = None


class RunningServer:
    """The server's side of things: its address, what was asked, and the truth."""

    def __init__(self, literature: Literature, faults: Faults, meter: Meter) -> None:
        self.url = ""
        self.calls: list[Call] = []
        self.faults = faults
        self.meter = meter
        self._venues = load_venues()
        self._lock = threading.RLock()
        self._numbers = count(1)
        self._pages: dict[ListQuery, Answer] = {}  # last page of each list, for repeated_page
        self._deleted: set[int] = set()
        self._catalogue = Catalogue(Shelf(iterate_works(literature)))

    def works(self, venue: str, year: int) -> list[dict[str, Any]]:
        """Works of a venue-year as they stand now, in the order of a list."""
        slug = self._venues.resolve(venue)
        filters = (
            ("locations.source.id", sources_of(self._venues[slug])),
            ("publication_year", (str(year),)),
        )
        with self._lock:
            shelf = self._catalogue.shelf
            return [shelf.work(number) for number in shelf.numbers(filters)]

    def replace(self, literature: Literature) -> None:
        """Another literature, such as the next day's; ids merged or deleted so far stay gone."""
        shelf = Shelf(iterate_works(literature))
        with self._lock:
            for number in self._deleted | self._catalogue.merged.keys():
                if number in shelf:
                    shelf.remove(number)
            self._catalogue.shelf = shelf

    def merge(self, old: str, new: str) -> None:
        """From now on the work `old` is `new`, which takes its citations over."""
        with self._lock:
            self._catalogue.merge(work_number(old), work_number(new))

    def delete(self, id: str) -> None:
        """From now on nobody knows the work."""
        with self._lock:
            self._catalogue.shelf.remove(work_number(id))
            self._deleted.add(work_number(id))

    def set_count(self, id: str, n: int) -> None:
        """From now on the work has `n` citations."""
        with self._lock:
            self._catalogue.shelf.set_count(work_number(id), n)

    def begin(self, path: str, params: dict[str, str]) -> tuple[int, Call]:
        """The number of a request that just came, and its entry in `calls`."""
        call = Call(path, {k: v for k, v in params.items() if k not in _KEYS})
        with self._lock:
            self.calls.append(call)
            return next(self._numbers), call

    def respond(self, number: int, call: Call, key: str | None) -> Answer:
        """The answer to a request: refused, faulty in content, or true."""
        with self._lock:
            fault = self._applicable(self.faults.of_request(number), call)
            call.fault = fault
            privileged = self.meter.privileged(key)
            credits = int(call.path.strip("/").count("/") == 0)  # one work alone is free
            answer = self._refusal(fault, call, key, privileged, credits)
            if answer is None:
                answer = self._content(fault, number, call)
                budget = self.meter.headers(privileged, credits)
                answer = replace(answer, headers={**answer.headers, **budget})
            call.status = answer.status
            return answer

    def _applicable(self, fault: str | None, call: Call) -> str | None:
        """The fault, unless this call cannot have it: only lists have pages and cursors."""
        first = call.params.get("cursor", "*") == "*"
        if fault in ("expired_cursor", "repeated_page") and first:
            return None
        if fault == "repeated_page" and _query(call) not in self._pages:
            return None
        changes = fault in ("moving_page", "merged_id")
        return None if changes and len(self._listed(call)) < 2 else fault

    def _refusal(
        self, fault: str | None, call: Call, key: str | None, privileged: bool, credits: int
    ) -> Answer | None:
        """Why a call gets no answer, in the order OpenAlex finds out; None where it does."""
        if not self.meter.knows(key):
            no_key = {"error": "Invalid or missing API key", "message": "API key not found"}
            return json_answer(401, no_key)
        if fault == "403":
            return json_answer(403, {"error": "Forbidden", "message": "Please slow down."})
        if "cursor" in call.params and not privileged:
            text = "You must include a valid API key to use cursor paging"
            return json_answer(403, {"error": "Forbidden", "message": text})
        if fault == "429_burst" or not self.meter.admit():
            wait_s = self.faults.burst_retry_after_s if fault == "429_burst" else 1
            return json_answer(429, *self.meter.too_fast(privileged, credits, wait_s=wait_s))
        if fault == "429_exhausted" or not self.meter.spend(privileged, credits):
            return json_answer(429, *self.meter.exhausted(privileged, credits))
        return None

    def _content(self, fault: str | None, number: int, call: Call) -> Answer:
        query = _query(call)
        if fault in _PAGES:
            text = f"<!doctype html>\n<title>{_PAGES[fault]}</title>\n<h1>{_PAGES[fault]}</h1>\n"
            return html_answer(200 if fault == "html" else int(fault), text)
        if fault == "expired_cursor":
            text = "Cursor value is invalid."
            return json_answer(400, {"error": PAGING_ERROR, "message": text})
        if fault == "repeated_page" and query:
            return self._pages[query]
        if fault in ("moving_page", "merged_id"):
            self._change(fault, number, call)
        answer = self._catalogue.answer(call.path, call.params)
        if query and query.cursor and answer.status == 200:
            self._pages[query] = answer
        return answer

    def _change(self, fault: str, number: int, call: Call) -> None:
        """The literature moves between two calls, among the works of this very list."""
        listed, dice = self._listed(call), self.faults.dice(number)
        shelf = self._catalogue.shelf
        before = set(listed)
        if fault == "merged_id":
            self._catalogue.merge(*dice.sample(listed, 2))
        else:
            move_works(shelf, listed, dice)
        self._deleted |= {n for n in before if n not in shelf} - self._catalogue.merged.keys()

    def _listed(self, call: Call) -> list[int]:
        query = _query(call)
        try:
            return self._catalogue.shelf.numbers(query.filters) if query else []
        except RefusedQueryError:  # its own answer will say so
            return []


def _query(call: Call) -> ListQuery | None:
    """The list of works a call walks through, wherever it stands; None where there is none."""
    if call.path.strip("/") != "works":
        return None
    try:
        query = works_query(call.params)
        return replace(query, cursor=query.cursor and "*", page=1)
    except RefusedQueryError:
        return None
