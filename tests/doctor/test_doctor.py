"""Each check of the doctor, by breaking exactly what it is about."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import pytest
from filelock import FileLock

from pipeline.cli import main
from pipeline.doctor import configuration, examination, index, instance, library, machine, models
from pipeline.doctor import installation as packages
from pipeline.doctor.examination import examine
from pipeline.doctor.finding import Check, Finding, Patient
from pipeline.refresh import refresh
from pipeline.run_job import open_instance
from pipeline.settings import PROJECT, VARIABLES, DataDir
from tests.library import deliver, papers, reopened, tiny_workspace


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DataDir:
    """A library made by one refresh, with Dagster's records; read only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        workspace = tiny_workspace(tmp_path_factory.mktemp("built"))
        deliver(workspace, ("cvpr", 2016), papers(range(8)), "2024-01-01")
        refresh(workspace)
    return workspace.data


@pytest.fixture
def data(built: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    """A copy to break, whose dagster.yaml names its own place."""
    for name in [n for n in os.environ if n.startswith("CSIMPACT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    copy = DataDir(tmp_path / "data")
    shutil.copytree(built.root, copy.root, symlinks=True)
    monkeypatch.setenv("CSIMPACT_DATA", str(copy.root))
    open_instance(reopened(copy)).dispose()
    return copy


def patient(data: DataDir, **more: Any) -> Patient:
    return Patient(reopened(data), **more)


def worst(found: Iterator[Finding] | Any) -> Finding:
    """The gravest finding of a check."""
    return max(found, key=lambda f: ("ok", "warning", "problem").index(f.level))


def test_a_sound_library_has_no_problem_and_is_not_touched(data: DataDir) -> None:
    """A doctor that cries wolf is not read; one that writes is no doctor."""
    before = _contents(data.root)
    told = list(examine(patient(data, environ={"OPENALEX_API_KEY": "k"})))
    assert [t for t in told if t.finding.level == "problem"] == []
    assert {t.check for t in told} >= {name for name, _ in examination.CHECKS} - {"owners"}
    assert _contents(data.root) == before


def _contents(root: Path) -> dict[str, bytes]:
    """Bytes of every file but SQLite's shared memory, which any reader makes."""
    files = (p for p in root.rglob("*") if p.is_file() and not p.name.endswith(("-shm", "-wal")))
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in files}


def test_an_empty_folder_is_told_what_to_do_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's first call must not drown in what is missing, nor make folders."""
    monkeypatch.setenv("CSIMPACT_ENCODER", "")
    told = list(examine(Patient(reopened(DataDir(tmp_path / "none")), environ={})))
    first = next(t.finding for t in told if t.check == "library")
    assert first.mend.startswith("csimpact import PATH")
    assert [t for t in told if t.finding.level == "problem" and t.check != "encoder"] == []
    assert not (tmp_path / "none").exists()


def test_a_check_that_breaks_is_a_finding(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """One broken check would hide what all the others found."""

    def broken(_: Patient) -> Iterator[Finding]:
        raise ZeroDivisionError("by zero")
        yield

    monkeypatch.setattr(examination, "CHECKS", (("first", broken), ("python", packages.python)))
    told = list(examine(patient(data)))
    assert [(t.check, t.finding.level) for t in told] == [("first", "problem"), ("python", "ok")]
    assert "ZeroDivisionError: by zero" in told[0].finding.what


def _damaged_database(data: DataDir) -> None:
    path = data.dagster / "history" / "runs.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 6] = os.urandom(4096 * 4)
    path.write_bytes(content)


def _unfinished_crawl(data: DataDir) -> None:
    state = data.crawl / "cvpr" / "2016" / "state.json"
    state.parent.mkdir(parents=True)
    state.write_text("{}")


def _incident(data: DataDir) -> None:
    data.incidents.mkdir()
    (data.incidents / "2026-03-01-refresh.md").write_text("# refresh failed")


def _stale(data: DataDir) -> None:
    deliver(reopened(data), ("cvpr", 2016), papers(range(9)), "2024-02-01")


def _unusable_file(data: DataDir) -> None:
    (data.inbox / "cvpr2018.json").write_text("no JSON")


def _state_of_tomorrow(data: DataDir) -> None:
    state = next((data.lake / "_state" / "papers").rglob("*.json"))
    os.utime(state, (4e9, 4e9))


def _old_yaml(data: DataDir) -> None:
    with (data.dagster / "dagster.yaml").open("a") as file:
        file.write("# once\n")


def _other_schema(data: DataDir) -> None:
    with sqlite3.connect(data.dagster / "history" / "runs.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '16e3115a602a'")
    connection.close()


def _weights_gone(data: DataDir) -> None:
    (data.models / "tiny").unlink()


def _dead_run(data: DataDir) -> None:
    """A run that counts as started, of a process that ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with open_instance(reopened(data)) as records:
        run = records.create_run_for_job(_job(), run_id=_new_run_id())
        records.report_engine_event(
            "executing", run, dg._core.events.EngineEventData.in_process(ended.pid)
        )
        records.handle_new_event(_started(run))


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def some_job() -> None:
        nothing()

    return some_job


def _new_run_id() -> str:
    return str(uuid.uuid4())


def _started(run: dg.DagsterRun) -> Any:
    from dagster._core.events import DagsterEvent, DagsterEventType
    from dagster._core.events.log import EventLogEntry

    event = DagsterEvent(DagsterEventType.RUN_START.value, run.job_name)
    return EventLogEntry(
        error_info=None, level=20, user_message="", run_id=run.run_id,
        timestamp=datetime.now(UTC).timestamp(), job_name=run.job_name, dagster_event=event,
    )  # fmt: skip


def _slot_of_an_ended_run(data: DataDir) -> None:
    with open_instance(reopened(data)) as records:
        storage = records.event_log_storage
        storage.initialize_concurrency_limit_to_default("lancedb")
        (run, *_) = records.get_runs()
        assert storage.claim_concurrency_slot("lancedb", run.run_id, "step").is_claimed


BREAKS: list[tuple[Callable[[DataDir], None], Check, str, str]] = [
    (_damaged_database, instance.databases, "problem", "runs.db is damaged"),
    (_unfinished_crawl, library.crawls, "warning", "1 unfinished (cvpr 2016)"),
    (_incident, library.incidents, "warning", "2026-03-01-refresh.md"),
    (_stale, library.staleness, "warning", "cells are stale since 20"),
    (_unusable_file, library.inbox, "warning", "cvpr2018.json"),
    (_state_of_tomorrow, machine.clock, "problem", "data of 2096-10-02 are stored"),
    (_old_yaml, instance.home, "warning", "is not what the project's dagster.yaml says"),
    (_other_schema, instance.schema, "problem", "another version of Dagster"),
    (_weights_gone, models.encoder, "problem", "tiny"),
    (_dead_run, instance.runs, "problem", "counts as started, and its process"),
    (_slot_of_an_ended_run, instance.slots, "problem", "pool lancedb is held by run"),
]


@pytest.mark.parametrize(
    ("break_it", "check", "level", "what"), BREAKS, ids=[b[0].__name__[1:] for b in BREAKS]
)
def test_what_is_broken_is_found(
    data: DataDir, break_it: Callable[[DataDir], None], check: Check, level: str, what: str
) -> None:
    """A check that never finds anything is worse than none."""
    # A slot counts as left behind two minutes after its run.
    now = datetime.now(UTC) + timedelta(seconds=300)
    assert worst(check(patient(data, now=now))).level == "ok"
    break_it(data)
    found = worst(check(patient(data, now=now)))
    assert (found.level, what in found.what) == (level, True), found
    assert found.mend


@pytest.mark.parametrize(
    ("environ", "level", "what"),
    [
        ({"CSIMPACT_AUTOMATON": "on"}, "warning", "CSIMPACT_AUTOMATON is no variable"),
        ({"CSIMPACT_AUTOMATION": "yess"}, "warning", "neither on nor off"),
        ({"CSIMPACT_TICK_SECONDS": "1.5"}, "problem", "no number of seconds"),
        ({"CSIMPACT_TICK_SECONDS": "0"}, "problem", "no number of seconds"),
        ({"CSIMPACT_AUTOMATION": "On", "CSIMPACT_TICK_SECONDS": "5"}, "ok", "AUTOMATION"),
    ],
)
def test_variables_are_read_closely(
    data: DataDir, environ: dict[str, str], level: str, what: str
) -> None:
    """A misspelt switch is silent: nothing runs, and nobody knows why."""
    found = worst(configuration.variables(patient(data, environ=environ)))
    assert (found.level, what in found.what) == (level, True), found
    if "AUTOMATON" in what:
        assert found.mend == "did you mean CSIMPACT_AUTOMATION?"


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("CSIMPACT_WEBHOOK", "http://hook/T0P", "https://hook/T0P"),
        ("CSIMPACT_POSTGRES_URL", "postgresql://u:T0P@h/d", "postgresql+psycopg2://u:T0P@h/d"),
        ("OPENALEX_API_KEY", " ", "T0P"),
    ],
)
def test_secrets_are_judged_and_never_shown(data: DataDir, name: str, bad: str, good: str) -> None:
    """What the doctor prints is pasted into tickets."""
    for value, levels in ((bad, {"problem", "warning"}), (good, {"ok"})):
        told = list(configuration.secrets(patient(data, environ={name: value})))
        (found,) = (f for f in told if name in f.what)
        assert found.level in levels
        assert "T0P" not in str(told)


def test_every_variable_is_registered() -> None:
    """A new variable that the doctor calls misspelt."""
    text = (PROJECT / "pipeline" / "settings.py").read_text()
    read = set(re.findall(r'(?:get|_switch)\("(CSIMPACT_\w+)"', text)) | {"CSIMPACT_PROFILE"}
    assert read == set(VARIABLES)


def test_room_is_measured_against_what_is_stored(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up in the night ends the run half way."""
    for free, level in ((10**12, "ok"), (machine.LEAST_FREE + 10, "warning"), (10, "problem")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: mock.Mock(free=free))
        assert next(iter(machine.disk(patient(data)))).level == level


def test_inodes_run_out_before_bytes_do(data: DataDir) -> None:
    """No space left on a device with gigabytes free puzzles everybody."""
    room = {"f_bavail": 10**9, "f_blocks": 10**9, "f_bfree": 10**9, "f_frsize": 4096}
    few = mock.Mock(f_files=10**6, f_favail=12, **room)
    with mock.patch.object(os, "statvfs", return_value=few):
        assert "12 files can still be made" in worst(machine.disk(patient(data))).what


def test_a_folder_that_cannot_be_written_is_named(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first stage that writes there would fail after an hour of others."""
    may = os.access  # root may write anywhere: the answer is replaced, not the folder
    monkeypatch.setattr(os, "access", lambda p, mode: Path(p) != data.ledger and may(p, mode))
    found = worst(machine.folders(patient(data)))
    assert (found.level, str(data.ledger) in found.what) == ("problem", True)


def test_files_of_another_user_are_counted(data: DataDir) -> None:
    """One `sudo csimpact refresh` and the service cannot write any more."""
    assert worst(machine.owners(patient(data))).level == "ok"
    if os.geteuid():
        pytest.skip("only root gives files away")
    os.chown(next(data.inbox.rglob("*.json*")), 65534, 65534)
    found = worst(machine.owners(patient(data)))
    assert (found.level, found.what[:7]) == ("problem", "1 files")


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="no /proc/locks on this system")
def test_locks_are_told_by_their_holder(data: DataDir) -> None:
    """Another refresh is running, and nobody knows which."""
    assert worst(machine.locks(patient(data))).level == "ok"
    with FileLock(data.root / "locks" / "refresh.lock"):
        (found,) = machine.locks(patient(data))
        if "no lock" in found.what:
            pytest.skip("/proc/locks does not name this process here")
        assert found.what == f"held: refresh by process {os.getpid()}"
        with mock.patch.object(machine.psutil, "pid_exists", return_value=False):
            assert "which is gone" in worst(machine.locks(patient(data))).what


def test_an_index_that_needs_compaction(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions pile up where nobody prunes; searches scan what no index knows."""
    assert worst(index.vectors(patient(data))).level == "ok"
    monkeypatch.setattr(index, "MANY_VERSIONS", 0)
    assert "versions take room" in worst(index.vectors(patient(data))).what
    monkeypatch.setattr(index, "MUCH_UNINDEXED", -1)
    assert "not in the search index" in list(index.vectors(patient(data)))[1].what


def test_automation_without_its_daemon_is_a_problem(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switched on, and never started: the dataset would stand still in silence."""
    assert worst(instance.daemon(patient(data))).level == "ok"
    monkeypatch.setenv("CSIMPACT_AUTOMATION", "on")
    found = worst(instance.daemon(patient(data)))
    assert (found.level, found.mend) == ("problem", "make live")
    from dagster._daemon.types import DaemonHeartbeat

    with open_instance(reopened(data)) as records:
        beat = DaemonHeartbeat(datetime.now(UTC).timestamp(), "SENSOR", "id", [])
        records.add_daemon_heartbeat(beat)
    assert worst(instance.daemon(patient(data))).what == "alive"


def test_a_package_of_another_version(monkeypatch: pytest.MonkeyPatch, data: DataDir) -> None:
    """Figures made with other versions are nobody else's figures."""
    real = packages.version
    monkeypatch.setattr(packages, "version", lambda n: "0.1" if n == "polars" else real(n))
    assert "polars 0.1 (locked: " in worst(packages.packages(patient(data))).what
    monkeypatch.setattr(sys, "version_info", (3, 12, 1))
    assert worst(packages.python(patient(data))).level == "problem"


def test_exit_codes_of_the_command(
    data: DataDir, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A monitor reads the code, and nothing else."""
    assert main.run(["doctor", "--format", "json"]) == 0
    _weights_gone(data)
    assert main.run(["doctor"]) == 2
    assert "problem" in capsys.readouterr().out
