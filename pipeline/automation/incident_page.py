"""What is said of a failed run: the one clear line, what was finished, what to do next.

Belongs here: reading a run's events, and the Markdown page. Not: when a page is written, or who
is told (incidents.py).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from pipeline.automation.names import (
    ASKED_BY,
    FETCH,
    OVERVIEW,
    PRUNE,
    REFRESH,
    RELEASE,
    TRAIN,
    VALIDATE,
    WHY,
)

LONGEST_LINE = 500
MOST_EVENTS = 20_000  # of a run's materialisations: the first load of a large library has more

# What happens by itself, and what brings it on at once.
NEXT = {
    REFRESH: (
        "`reconcile_stale` asks again by itself, ever more rarely while it keeps failing.",
        "`csimpact status` shows what is stale, `csimpact refresh` redoes it now.",
    ),
    FETCH: (
        "The next probe or schedule asks again; a crawl goes on where it stopped.",
        "`csimpact crawl` fetches now.",
    ),
    TRAIN: (
        "The next weekly training tries again; labels are kept.",
        "`csimpact train` trains now.",
    ),
    RELEASE: (
        "The next night tries again; what was half written is no release.",
        "`csimpact release list` shows what there is.",
    ),
    OVERVIEW: (
        "The next night tries again; tables that were finished are kept.",
        "`csimpact overview` makes it now.",
    ),
    VALIDATE: (
        "Nobody tries again by itself; tables that were finished are kept.",
        "`csimpact validate` measures again.",
    ),
    PRUNE: ("The next pruning goes on.", "Nothing is lost by waiting."),
}
BY_HAND = ("Nobody tries again by itself.", "Materialise it again in the Dagster UI.")


@dataclass(frozen=True)
class Incident:
    """A failed run: `line` is what a person reads first; `made` counts cells per asset."""

    run_id: str
    job: str
    line: str
    step: str
    started: datetime | None
    ended: datetime
    asked_by: str
    why: str
    finished: tuple[str, ...]
    made: Mapping[str, int]


def incident_of(
    instance: dg.DagsterInstance, run: dg.DagsterRun, failure: dg.DagsterEvent
) -> Incident:
    """What a run's events say of its failure."""
    record = instance.get_run_record_by_id(run.run_id)
    steps = _events(instance, run, dg.DagsterEventType.STEP_FAILURE)
    step, line = next(((e.step_key or "", clear_line(e)) for e in steps), ("", ""))
    done = _events(instance, run, dg.DagsterEventType.STEP_SUCCESS)
    made = _events(instance, run, dg.DagsterEventType.ASSET_MATERIALIZATION)
    return Incident(
        run_id=run.run_id,
        job=run.job_name,
        line=line or _one_line(failure.message or "it failed without a word"),
        step=step,
        started=_time(record.start_time if record else None),
        ended=_time(record.end_time if record else None) or datetime.now(UTC),
        asked_by=run.tags.get(ASKED_BY, "somebody, by hand"),
        why=run.tags.get(WHY, ""),
        finished=tuple(e.step_key for e in done if e.step_key),
        made=Counter(e.asset_key.to_user_string() for e in made if e.asset_key and e.partition),
    )


def clear_line(event: dg.DagsterEvent) -> str:
    """The one line of a failed step: its own, or the first of the exception's."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return _one_line(data.user_failure_data.description)
    error = data.error.cause or data.error if data.error else None
    return _one_line(error.message) if error else "failed"


def page_name(incident: Incident) -> str:
    """Sorts by time; the run's first eight digits make it unique."""
    return f"{incident.ended:%Y-%m-%dT%H%M%SZ}-{incident.job}-{incident.run_id[:8]}.md"


def page_of(incident: Incident) -> str:
    """The page, in Markdown."""
    by_itself, at_once = NEXT.get(incident.job, BY_HAND)
    facts = {
        "job": incident.job,
        "failed step": incident.step or "none: the run as a whole",
        "asked by": incident.asked_by,
        "why": incident.why,
        "started": _shown(incident.started),
        "ended": _shown(incident.ended),
        "run": incident.run_id,
    }
    lines = [
        f"# {incident.job} failed, {incident.ended:%Y-%m-%d %H:%M} UTC",
        "",
        incident.line,
        "",
        *(f"- {name}: {value}" for name, value in facts.items() if value),
        "",
        "## What was finished and is kept",
        "",
        *_kept(incident),
        "",
        "## What to do",
        "",
        "- The line above names the remedy, where there is one.",
        f"- {by_itself}",
        f"- {at_once}",
        f"- Every line of the run: `make dev`, then http://localhost:3000/runs/{incident.run_id}",
    ]
    return "\n".join(lines) + "\n"


def _kept(incident: Incident) -> list[str]:
    cells = [f"- {asset}: {n} venue-years" for asset, n in sorted(incident.made.items())]
    steps = [f"- step {step}" for step in incident.finished]
    return [*steps, *cells] or ["- nothing"]


def _events(
    instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType
) -> Sequence[dg.DagsterEvent]:
    records = instance.get_records_for_run(run.run_id, of_type=kind, limit=MOST_EVENTS).records
    events = (record.event_log_entry.dagster_event for record in records)
    return [event for event in events if event]


def _one_line(text: str) -> str:
    line = next((part.strip() for part in text.splitlines() if part.strip()), "failed")
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"


def _time(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _shown(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else ""
