"""The sensors `new_works` and `new_citations`: hourly looks at OpenAlex, a few venue-years each.

Belongs here: whose turn it is, and what is not asked for twice. Not: what a look is, what it costs
and which venue-years there are (fetching.py), nor what moved (pipeline/corpus/openalex_probe.py).

What moved is known from OpenAlex's answer and from what lies in the inbox, so nothing about the
past has to be remembered to find it, and a fetch that failed is found again. The cursor remembers
where to go on, and what was asked for, so that what a fetch did not settle is asked for ever more
rarely (requests.py), and then by a crawl: a poll does not see a work that moved to another venue.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import dagster as dg
import orjson

from pipeline.automation.fetching import (
    crawled_cells,
    look_at,
    request,
    told,
    why_not,
    young_cells,
)
from pipeline.automation.names import FETCH
from pipeline.automation.requests import Asked, next_asking
from pipeline.automation.runs import sensor_status
from pipeline.corpus.openalex_probe import Probed
from pipeline.settings import probe_seconds
from pipeline.tables import Cell, cell_name
from resources.workspace import Workspace

MAX_PROBES = 40  # a tick; more would spend the free budget on looking

Clock = Callable[[], float]


@dataclass(frozen=True)
class Rounds:
    """The cursor: the venue-year to go on with, how many runs were asked for, and what is open.

    The count goes into run keys, of which Dagster drops any it has seen. It begins with the time,
    so that a cursor that was lost repeats none.
    """

    next: str = ""
    generation: int = 0
    asked: Mapping[str, Asked] = field(default_factory=dict)

    def turn(self, cells: Sequence[Cell]) -> list[Cell]:
        """The venue-years whose turn it is: from `next` on, and round."""
        names = [cell_name(cell) for cell in cells]
        start = names.index(self.next) if self.next in names else 0
        return [*cells[start:], *cells[:start]][:MAX_PROBES]


def read_rounds(cursor: str | None) -> Rounds:
    """The rounds in a cursor; a cursor of another form is none."""
    try:
        found = orjson.loads(cursor or "{}")
        asked = {name: Asked(**one) for name, one in found.get("asked", {}).items()}
        return Rounds(str(found.get("next", "")), int(found.get("generation", 0)), asked)
    except (TypeError, ValueError, AttributeError):
        return Rounds()


def write_rounds(rounds: Rounds) -> str:
    """The rounds as a cursor."""
    return orjson.dumps(asdict(rounds)).decode()


def news_sensors(clock: Clock = time.time) -> list[dg.SensorDefinition]:
    """`new_works` and `new_citations`, running if automation is on; `clock` in seconds."""
    common: dict[str, Any] = {
        "job_name": FETCH,
        "minimum_interval_seconds": probe_seconds(),
        "default_status": sensor_status(),
    }

    @dg.sensor(**common)
    def new_works(
        context: dg.SensorEvaluationContext, workspace: dg.ResourceParam[Workspace]
    ) -> dg.SensorResult | dg.SkipReason:
        """News of this year and the previous one, where papers still appear."""
        return _tick(context, workspace, young_cells(workspace), clock)

    @dg.sensor(**common)
    def new_citations(
        context: dg.SensorEvaluationContext, workspace: dg.ResourceParam[Workspace]
    ) -> dg.SensorResult | dg.SkipReason:
        """News of older venue-years, some at each tick."""
        young = set(young_cells(workspace))
        older = [cell for cell in crawled_cells(workspace) if cell not in young]
        return _tick(context, workspace, older, clock)

    return [new_works, new_citations]


def _tick(
    context: dg.SensorEvaluationContext,
    workspace: Workspace,
    cells: Sequence[Cell],
    clock: Clock,
) -> dg.SensorResult | dg.SkipReason:
    if reason := why_not(context.instance):
        return dg.SkipReason(reason)
    before = read_rounds(context.cursor)
    turn = before.turn(cells)
    if not turn:
        return dg.SkipReason("no venue-year to look at: csimpact crawl --venue … --year …")
    look = look_at(workspace, turn)
    if not look.probed:  # the same ones again at the next tick
        return dg.SkipReason(told(look))
    now = clock()
    due, open_ = _due(look.probed, before.asked, now)
    after = Rounds(_following(cells, turn[look.n_reached - 1]), before.generation, open_)
    if not due:
        reason = f"{told(look)}{f'; {len(open_)} asked for already' if open_ else ''}"
        return dg.SensorResult(skip_reason=reason, cursor=write_rounds(after))
    after = replace(after, generation=before.generation + 1 if before.generation else int(now))
    run = request(due, context.sensor_name, run_key=_run_key(due, after.generation))
    return dg.SensorResult(run_requests=[run], cursor=write_rounds(after))


def _due(
    probed: Sequence[Probed], asked: Mapping[str, Asked], now: float
) -> tuple[list[Probed], dict[str, Asked]]:
    """What to ask for now, and everything asked for that is not there yet."""
    due, still = [], dict(asked)
    for one in probed:
        name = cell_name(one.cell)
        if not one.moved:
            still.pop(name, None)
        elif asking := next_asking(asked.get(name), one.digest, now=now):
            still[name] = asking
            # What a poll did not settle, a crawl does.
            due.append(replace(one, works_moved=one.works_moved or asking.attempt > 1))
    return due, still


def _following(cells: Sequence[Cell], last: Cell) -> str:
    return cell_name(cells[(cells.index(last) + 1) % len(cells)])


def _run_key(moved: Sequence[Probed], generation: int) -> str:
    digests = " ".join(f"{cell_name(one.cell)}={one.digest}" for one in moved)
    return f"{hashlib.sha256(digests.encode()).hexdigest()[:16]}-{generation}"
