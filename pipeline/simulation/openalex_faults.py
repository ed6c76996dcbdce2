"""What goes wrong on a network and at a source, by name, and when it does.

Belongs here: the names, the moment of each fault, and how works change under a crawler's hands.
Not: what a fault looks like on the wire (openalex_server.py).
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.errors import InputError
from pipeline.simulation.openalex_shape import PREFIX
from pipeline.simulation.openalex_shelf import Shelf

FAULTS = {
    "429_burst": "too many requests in a second",
    "429_exhausted": "the day's budget is used up",
    "403": "refused for a while",
    "500": "internal error",
    "502": "bad gateway",
    "504": "gateway time-out",
    "timeout": "no answer for longer than a client waits",
    "dropped": "the connection closes in the middle of the body",
    "truncated": "the JSON is cut, under an honest Content-Length",
    "html": "a page in HTML under status 200",
    "repeated_page": "the page before comes again, with its next_cursor",
    "moving_page": "a work comes, goes, or its count moves between two calls",
    "expired_cursor": "the cursor is refused once",
    "merged_id": "a work is merged away in the middle of a crawl",
}
FIRST_INSERTED = 9_500_000_000  # ids of works that come while someone crawls


@dataclass(frozen=True)
class Faults:
    """Which fault befalls which request, counted from 1: the first rule that names one decides.

    `sequence`: fault of request 1, 2, …, None for a sound one. `at`: request numbers of each
    fault. `rates`: probability of each fault at any request, drawn from `seed`. `hold_s`: how
    long a `timeout` is silent. `burst_retry_after_s`: what `429_burst` asks to wait.
    """

    sequence: Sequence[str | None] = ()
    at: Mapping[str, Collection[int]] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    hold_s: float = 60.0
    burst_retry_after_s: int = 1

    def __post_init__(self) -> None:
        named = {*self.at, *self.rates, *filter(None, self.sequence)}
        if unknown := sorted(named - FAULTS.keys()):
            raise InputError(
                f"fault: expected one of {', '.join(FAULTS)}, received {', '.join(unknown)}"
            )
        if sum(self.rates.values()) > 1 or min(self.rates.values(), default=0) < 0:
            raise InputError("fault rates: expected probabilities whose sum is at most 1")

    def of_request(self, number: int) -> str | None:
        """The fault of a request; always the same for the same number."""
        if number <= len(self.sequence):
            return self.sequence[number - 1]
        for name, numbers in self.at.items():
            if number in numbers:
                return name
        drawn = self.dice(number).random()
        for name, rate in self.rates.items():
            if (drawn := drawn - rate) < 0:
                return name
        return None

    def dice(self, number: int) -> random.Random:
        """The source of chance of one request."""
        return random.Random(f"{self.seed}/{number}")


def move_works(shelf: Shelf, among: Sequence[int], dice: random.Random) -> None:
    """One of the works `among` is doubled under a new id, taken away, or its count moves."""
    dice.random()  # the first draw has decided that there is a fault
    number = dice.choice(among)
    work = shelf.work(number)
    match dice.choice(("inserted", "removed", "count")):
        case "inserted":
            new = PREFIX + f"W{FIRST_INSERTED + dice.randrange(10**8)}"
            title = f"{work['title']} (another paper)"
            doi = {"doi": None, "ids": {"openalex": new}}
            shelf.put(work | {"id": new, "title": title, "display_name": title} | doi)
        case "removed":
            shelf.remove(number)
        case _:
            shelf.set_count(number, dice.randrange(2 * work["cited_by_count"] + 10))
