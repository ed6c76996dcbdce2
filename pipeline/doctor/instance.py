"""Dagster's instance: its records are sound, no dead run stands in the way, automation lives."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil

from pipeline.doctor.finding import Finding, Patient, ok, problem, warning
from pipeline.settings import automation_on
from resources.dagster_home import wanted_yaml

if TYPE_CHECKING:
    import dagster as dg

LATE_S = 300.0  # daemons give a sign every 30 s
SLOTS_FREED_S = 120.0  # by the daemon, a minute after a run's end
REWRITE = "make dev, make live or csimpact refresh writes it anew"
CLOSE = "open the run in the UI and terminate it by force, then csimpact refresh"


def home(patient: Patient) -> Iterator[Finding]:
    """dagster.yaml stands in the state folder and is the project's."""
    path = patient.data.dagster / "dagster.yaml"
    if not path.exists():
        yield ok("not made yet: the first refresh does")
    elif path.read_text(encoding="utf-8") != wanted_yaml(patient.data.dagster.absolute()):
        yield warning(f"{path} is not what the project's dagster.yaml says now", REWRITE)
    else:
        yield ok(f"{path}, {'PostgreSQL' if patient.in_postgres else 'SQLite'}")


def databases(patient: Patient) -> Iterator[Finding]:
    """SQLite finds no page of its files damaged; they are opened for reading only."""
    sound = 0
    for path in patient.databases:
        try:
            with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as connection:
                said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as trouble:
            said = str(trouble)
        finally:
            connection.close()
        if said == "ok":
            sound += 1
        else:
            yield problem(
                f"{path} is damaged: {said}",
                "stop Dagster, restore dagster/ from a backup or move it away: only the history of "
                "runs is lost, no table",
            )
    if sound and sound == len(patient.databases):
        yield ok(f"{sound} SQLite files are sound")


def schema(patient: Patient) -> Iterator[Finding]:
    """The storage's tables are those of the installed Dagster."""
    instance = patient.instance
    if instance is None:
        return
    storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    versions = [s.alembic_version() for s in storages if s is not None]
    if any(version and version[0] != version[1] for version in versions):
        yield problem(
            "the storage is of another version of Dagster",
            f"DAGSTER_HOME='{patient.data.dagster}' dagster instance migrate",
        )
    else:
        yield ok("up to date")


def runs(patient: Patient) -> Iterator[Finding]:
    """No run counts as going on whose process is gone."""
    import dagster as dg

    instance = patient.instance
    if instance is None:
        return
    statuses = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    going = instance.get_run_records(dg.RunsFilter(statuses=statuses))
    dead = 0
    for record in going:
        run = record.dagster_run
        pid = _process_of(instance, run.run_id)
        if pid is not None and not psutil.pid_exists(pid):
            dead += 1
            yield problem(
                f"run {run.run_id[:8]} of {run.job_name} counts as started, and its process {pid} "
                "is gone (or runs on another machine)",
                CLOSE,
            )
    queued = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
    yield ok(f"{len(going) - dead} going on, {queued} queued")


def _process_of(instance: "dg.DagsterInstance", run_id: str) -> int | None:
    """The process that executes a run, as it said itself."""
    import dagster as dg

    engine = instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    for entry in reversed(engine):
        event = entry.dagster_event
        told = event.engine_event_data.metadata.get("pid") if event else None
        if told is not None:
            return int(str(told.value))
    return None


def slots(patient: Patient) -> Iterator[Finding]:
    """No pool is held by a run that ended."""
    instance = patient.instance
    if instance is None:
        return
    storage, held = instance.event_log_storage, 0
    for pool in sorted(storage.get_concurrency_keys()):
        for run_id in sorted({s.run_id for s in storage.get_concurrency_info(pool).claimed_slots}):
            record = instance.get_run_record_by_id(run_id)
            ended = record is None or record.dagster_run.is_finished
            since = patient.now.timestamp() - ((record and record.end_time) or 0)
            if ended and since > SLOTS_FREED_S:
                yield problem(
                    f"pool {pool} is held by run {run_id[:8]}, which ended: later runs wait for it",
                    "make live: its daemon frees the slot within two minutes",
                )
            else:
                held += 1
    yield ok(f"{held} in use by runs going on")


def daemon(patient: Patient) -> Iterator[Finding]:
    """The daemon lives where automation is on: without it no sensor looks and no run starts."""
    instance = patient.instance
    beats = instance.get_daemon_heartbeats() if instance else {}
    last = max((beat.timestamp for beat in beats.values()), default=None)
    if last is not None and patient.now.timestamp() - last < LATE_S:
        late = [n for n, b in beats.items() if patient.now.timestamp() - b.timestamp > LATE_S]
        yield ok("alive" + (f"; silent: {', '.join(sorted(late))}" if late else ""))
        return
    when = f"last seen {datetime.fromtimestamp(last, UTC):%Y-%m-%d %H:%M} UTC" if last else "never"
    if automation_on():
        yield problem(f"not running ({when}), and automation is on", "make live")
    else:
        yield ok(f"not running ({when}); automation is off")


def instigators(patient: Patient) -> Iterator[Finding]:
    """Which sensors and schedules run, and whether the last tick of each went well."""
    from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus

    instance = patient.instance
    if instance is None:
        return
    running = []
    for state in instance.all_instigator_state():
        declared = state.status == InstigatorStatus.DECLARED_IN_CODE and automation_on()
        if not (declared or state.status == InstigatorStatus.RUNNING):
            continue
        running.append(state.instigator_name)
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        if ticks and ticks[0].status == TickStatus.FAILURE:
            error = ticks[0].error.message.strip().splitlines()[0] if ticks[0].error else ""
            yield problem(
                f"the last tick of {state.instigator_name} failed: {error}",
                "mend what the line says; the next tick tries again",
            )
    if running:
        yield ok(f"running: {', '.join(sorted(running))}")
    else:
        yield ok("none runs: CSIMPACT_AUTOMATION=on starts them with the daemon")
