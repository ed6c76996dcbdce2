"""Sensor `reconcile_stale`: asks the planner, and asks for a refresh if anything is stale.

Belongs here: when to ask, and in which words. Not: what is stale (pipeline/staleness), nor
files nobody has registered yet (inbox.py).

It repairs what no event tells of: changes that arrived while a run was busy, runs that failed or
were killed, files that were damaged, a code version that was raised. And it tells Dagster of a
prompt that somebody promoted or took back (serving.py).
"""

import hashlib
import time
from collections import Counter
from collections.abc import Sequence

import dagster as dg

from pipeline.automation.names import ASKED_BY, REFRESH, WHY
from pipeline.automation.requests import next_asking, read_memory, write_memory
from pipeline.automation.runs import as_of_its_end, library_moving, sensor_status
from pipeline.automation.serving import report_serving_prompt
from pipeline.settings import tick_seconds
from pipeline.staleness import Stale, World, plan
from resources.workspace import Workspace

NAME = "reconcile_stale"
SHOWN = 2


def reconcile_stale() -> dg.SensorDefinition:
    """The sensor, with the job `refresh` as its target."""

    @dg.sensor(
        name=NAME,
        job_name=REFRESH,
        minimum_interval_seconds=tick_seconds(),
        default_status=sensor_status(),
        description="Asks for a refresh when the planner finds anything stale and none is under "
        "way; again after failed runs, ever more rarely.",
    )
    def _sensor(
        context: dg.SensorEvaluationContext, workspace: dg.ResourceParam[Workspace]
    ) -> dg.SensorResult:
        told = report_serving_prompt(context.instance, workspace)
        cursor, answer = evaluate(context.instance, workspace, context.cursor, now=time.time())
        if isinstance(answer, str):
            return dg.SensorResult(
                skip_reason="; ".join(filter(None, [told, answer])), cursor=cursor
            )
        return dg.SensorResult(run_requests=[answer], cursor=cursor)

    return _sensor


def evaluate(
    instance: dg.DagsterInstance, workspace: Workspace, cursor: str | None, *, now: float
) -> tuple[str | None, dg.RunRequest | str]:
    """The next cursor, and a request or why there is none."""
    if busy := library_moving(instance):
        return cursor, f"waits, {busy}"
    world = workspace.registered_world()
    stale = plan(workspace.states(), world)
    memory = read_memory(cursor)
    before = memory.get(REFRESH)
    if not stale:
        answered = {REFRESH: before.answered()} if before else {}
        return write_memory(answered), "nothing is stale"
    before = as_of_its_end(instance, before)
    asking = next_asking(before, digest_of(stale, world), now=now)
    if asking is None:
        return cursor, f"{words(stale)}; asked for {before.attempt if before else 0} times: waits"
    tags = {ASKED_BY: NAME, WHY: words(stale)}
    return write_memory({REFRESH: asking}), dg.RunRequest(run_key=asking.run_key, tags=tags)


def words(stale: Sequence[Stale]) -> str:
    """How many cells of which outputs, and the first reasons."""
    per_output = Counter(one.output for one in stale)
    counts = ", ".join(f"{n} of {output}" for output, n in per_output.items())
    # What only follows says nothing of the cause.
    roots = [s for s in stale if not s.reasons[0].startswith("follows ")]
    first = "; ".join(f"{s.output} {_name(s)}: {s.reasons[0]}" for s in roots[:SHOWN])
    return f"{len(stale)} cells stale ({counts}): {first}"


def digest_of(stale: Sequence[Stale], world: World) -> str:
    """Of what is stale and of everything it would be made from."""
    parts = [f"{s.output} {s.cell} {s.reasons}" for s in stale]
    parts += [f"{cell} {digest}" for cell, digest in sorted(world.records.items(), key=str)]
    parts += [f"{cell} {digest}" for cell, digest in sorted(world.edges.items(), key=str)]
    parts += [world.decisions, world.encoder_id, world.config_id]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _name(stale: Stale) -> str:
    return f"{stale.cell[0]} {stale.cell[1]}" if stale.cell else "all"
