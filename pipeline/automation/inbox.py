"""Sensor `scholar_dump`: files that somebody put into the inbox, once they are wholly there.

Belongs here: when to ask for a refresh because of them. Not: whether a file is wholly there
(dropped.py), what it says (resources/deliveries.py), nor what is stale because of it
(reconcile.py): this sensor looks only at files that no registry knows, that one only at what
the registries know, so that a drop is one run.
"""

import hashlib
import time
from dataclasses import asdict, dataclass, field

import dagster as dg
import orjson

from pipeline.automation.dropped import Dropped, look
from pipeline.automation.names import ASKED_BY, REFRESH, WHY
from pipeline.automation.requests import Asked, next_asking
from pipeline.automation.runs import as_of_its_end, library_moving, sensor_status
from pipeline.settings import tick_seconds
from resources.workspace import Workspace

NAME = "scholar_dump"
PATIENCE_S = 600.0  # what was ready waits for the rest of a drop, and a damaged file for its end
SHOWN = 3


@dataclass
class Memory:
    """The sensor's cursor: files that wait, problems told of, and what was asked for last."""

    waiting: dict[str, Dropped] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    asked: Asked | None = None

    @classmethod
    def read(cls, cursor: str | None) -> "Memory":
        """A cursor of another form is no memory."""
        try:
            raw = orjson.loads(cursor or "{}")
            waiting = {path: Dropped(**one) for path, one in raw.get("waiting", {}).items()}
            asked = Asked(**raw["asked"]) if raw.get("asked") else None
            return cls(waiting, list(raw.get("told", [])), asked)
        except (AttributeError, KeyError, TypeError, orjson.JSONDecodeError):
            return cls()

    def write(self) -> str:
        """The memory as a cursor."""
        return orjson.dumps(asdict(self)).decode()


def scholar_dump() -> dg.SensorDefinition:
    """The sensor, with the job `refresh` as its target."""

    @dg.sensor(
        name=NAME,
        job_name=REFRESH,
        minimum_interval_seconds=tick_seconds(),
        default_status=sensor_status(),
        description="Asks for a refresh when files dropped into the inbox are wholly there.",
    )
    def _sensor(
        context: dg.SensorEvaluationContext, workspace: dg.ResourceParam[Workspace]
    ) -> dg.SensorResult:
        memory = Memory.read(context.cursor)
        answer = evaluate(context.instance, workspace, memory, now=time.time())
        if isinstance(answer, str):
            return dg.SensorResult(skip_reason=answer, cursor=memory.write())
        return dg.SensorResult(run_requests=[answer], cursor=memory.write())

    return _sensor


def evaluate(
    instance: dg.DagsterInstance, workspace: Workspace, memory: Memory, *, now: float
) -> dg.RunRequest | str:
    """A request, or why there is none; `memory` is brought up to date."""
    memory.waiting = look(workspace, memory.waiting, now=now)
    problems = _untold(workspace, memory)
    news = {path: one for path, one in memory.waiting.items() if not one.same}
    if not news:
        memory.asked = memory.asked and memory.asked.answered()
        return problems or "no file in the inbox is news"
    ready = {p: one for p, one in news.items() if one.ready(now, PATIENCE_S)}
    moving = [path for path in news if path not in ready]
    if not ready or (moving and not any(one.waited(now) >= PATIENCE_S for one in ready.values())):
        return problems or f"still being written: {_names(moving)}"
    if busy := library_moving(instance):
        return f"{_names(list(ready))}: waits, {busy}"
    digest = hashlib.sha256(repr([(p, one.stamp) for p, one in sorted(ready.items())]).encode())
    before = as_of_its_end(instance, memory.asked)
    asking = next_asking(before, digest.hexdigest()[:16], now=now)
    if asking is None:
        return problems or f"asked for already, {_names(list(ready))} not taken yet: asks again"
    memory.asked = asking
    why = f"in the inbox: {_names(list(ready))}"
    return dg.RunRequest(run_key=asking.run_key, tags={ASKED_BY: NAME, WHY: why})


def _untold(workspace: Workspace, memory: Memory) -> str | None:
    """Files that cannot be used, each named once: those refused, and those that end early."""
    lines = [f"cannot be used: {f.problem}" for f in workspace.inbox().problems()]
    lines += [
        f"damaged or unfinished: {path}: {one.damage}"
        for path, one in memory.waiting.items()
        if one.damage
    ]
    marks = {_mark(line): line for line in lines}
    news = [line for mark, line in marks.items() if mark not in memory.told]
    memory.told = list(marks)
    return "; ".join(news) or None


def _mark(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:8]


def _names(paths: list[str]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(sorted(paths)[:SHOWN]) + more
