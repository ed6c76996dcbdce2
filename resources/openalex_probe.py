"""Probes: one cheap call per venue-year that says whether OpenAlex has news of it.

Belongs here: asking, side by side, within a time that a tick of Dagster allows. Not: what an
answer means (pipeline/corpus/openalex_probe.py), nor what to do about it (pipeline/automation).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic

from pipeline.corpus.openalex_probe import Held, Probed, compare
from pipeline.corpus.openalex_query import probe_query
from pipeline.errors import CsimpactError
from pipeline.tables import Cell
from pipeline.venues import Venue
from resources.openalex import OpenAlex, Patience, Tally

# With the last call it must end well below the 60 s that Dagster gives a tick: two attempts of
# 8 s, and 3 s between them.
TICK_S = 25.0
HASTY = Patience(attempts=2, first_wait_s=0.5, longest_wait_s=3.0, timeout_s=8.0)
WORKERS = 8


@dataclass
class Look:
    """What probes found, in the order asked; `n_reached` of the venue-years were tried in time."""

    probed: list[Probed] = field(default_factory=list)
    troubles: list[CsimpactError] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    n_reached: int = 0


def hasty_client() -> OpenAlex:
    """A client that gives up while the tick that asks still has time."""
    return OpenAlex(patience=HASTY, workers=WORKERS)


def probe(
    client: OpenAlex,
    cells: Sequence[tuple[Venue, int]],
    held: Mapping[Cell, Held],
    *,
    seconds: float = TICK_S,
) -> Look:
    """Compare each venue-year with what is held of it; one's trouble does not stop the others.

    None is begun after `seconds`.
    """
    end = monotonic() + seconds

    def ask(wanted: tuple[Venue, int]) -> tuple[Probed | CsimpactError | None, Tally]:
        venue, year = wanted
        cell, tally = (venue.slug, year), Tally()
        if monotonic() >= end:
            return None, tally
        try:
            told = client.groups(probe_query(venue, year), tally)
        except CsimpactError as trouble:
            return trouble, tally
        return compare(cell, told, held.get(cell, Held())), tally

    look = Look()
    with ThreadPoolExecutor(client.workers) as pool:
        for answer, tally in pool.map(ask, cells):
            look.tally.add(tally)
            look.n_reached += answer is not None
            if isinstance(answer, Probed):
                look.probed.append(answer)
            elif answer:
                look.troubles.append(answer)
    return look
