"""Dagster's instance of a team in a real PostgreSQL: `make test-postgres`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from pipeline.doctor.examination import examine
from pipeline.doctor.finding import Patient
from pipeline.refresh import refresh
from pipeline.run_job import open_instance
from pipeline.settings import PROJECT
from resources.dagster_processes import running
from resources.retention import RetentionPolicy, prune
from resources.workspace import Workspace
from tests.library import deliver, papers, tiny_workspace
from tests.postgres_server import PASSWORD, programs, running_postgres

pytestmark = pytest.mark.postgres
SUCCEEDED = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if programs() is None:
        pytest.skip("PostgreSQL absent: initdb and postgres are not on PATH")
    with running_postgres() as url:
        yield url


@pytest.fixture
def database(server: str, request: pytest.FixtureRequest) -> str:
    """An empty database of its own for each test."""
    name = f"test_{abs(hash(request.node.name))}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{server.rpartition('/')[0]}/{name}"


@pytest.fixture
def workspace(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    monkeypatch.setenv("CSIMPACT_POSTGRES_URL", database)
    workspace = tiny_workspace(tmp_path)
    deliver(workspace, ("cvpr", 2016), papers(range(8)), "2024-01-01")
    return workspace


def read(database: str, query: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(database)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(sa.text(query))]
    engine.dispose()
    return rows


def test_a_refresh_keeps_its_records_in_postgres_and_its_secret_nowhere(
    workspace: Workspace, database: str
) -> None:
    """Half in SQLite would split a team's history; a password on disk would be backed up."""
    report = refresh(workspace)
    assert report.assets["papers"]["cells"] == 1
    assert read(database, "SELECT status FROM runs") == [("SUCCESS",)]
    assert list(workspace.data.dagster.rglob("*.db")) == []
    files = [p for p in workspace.data.root.rglob("*") if p.is_file()]
    assert [p for p in files if PASSWORD.encode() in p.read_bytes()] == []
    (dump,) = read(database, "SELECT count(*) FROM event_logs WHERE event LIKE '%s3cret-of%'")
    assert dump == (0,)
    assert not refresh(workspace).run_id, "nothing is stale the second time"


# A run that holds the pool `lancedb` for a while, and writes down when.
HOLDER = """
import sys, time
from pathlib import Path
import dagster as dg
from pipeline.settings import DataDir
from pipeline.run_job import open_instance
from tests.library import reopened

@dg.op(pool="lancedb")
def hold():
    start = time.time()
    time.sleep(1.0)
    Path(sys.argv[2]).write_text(f"{start} {time.time()}")

@dg.job
def holding():
    hold()

workspace = reopened(DataDir(Path(sys.argv[1])))
assert holding.execute_in_process(instance=open_instance(workspace)).success
"""


def test_runs_beside_each_other_share_a_pool_of_one(workspace: Workspace, tmp_path: Path) -> None:
    """Two writers to the vector table would leave two rows of one paper."""
    notes = [tmp_path / f"held-{i}" for i in range(3)]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(workspace.data.root), str(note)], cwd=PROJECT
        )
        for note in notes
    ]
    assert [process.wait(timeout=120) for process in started] == [0, 0, 0]
    spans = sorted(tuple(map(float, note.read_text().split())) for note in notes)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    with open_instance(workspace) as instance:
        assert instance.get_runs_count(SUCCEEDED) == 3


WAITING = """
import time
import dagster as dg

@dg.op
def wait():
    time.sleep(3)

@dg.job(executor_def=dg.in_process_executor)
def waiting():
    wait()

defs = dg.Definitions(jobs=[waiting])
"""
GOING = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def test_the_queue_admits_as_many_runs_as_dagster_yaml_says(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Other storage, other limits: a night's runs would all start at once."""
    (tmp_path / "waiting_runs.py").write_text(WAITING)
    wanted = yaml.safe_load((PROJECT / "dagster.yaml").read_text())["concurrency"]["runs"]
    n_runs, most = wanted["max_concurrent_runs"] + 2, 0
    path = os.pathsep.join([str(tmp_path), str(PROJECT)])
    with (
        running(
            workspace.data, webserver=True, env={"PYTHONPATH": path}, module="waiting_runs"
        ) as processes,
        processes.instance() as instance,
    ):
        for _ in range(n_runs):
            processes.launch("waiting")
        deadline = time.monotonic() + 120
        while instance.get_runs_count(SUCCEEDED) < n_runs:
            most = max(most, instance.get_runs_count(dg.RunsFilter(statuses=GOING)))
            assert time.monotonic() < deadline, "the queue stands still"
            time.sleep(0.2)
    assert most == wanted["max_concurrent_runs"]


def test_prune_keeps_what_partitions_stand_on(workspace: Workspace, database: str) -> None:
    """Deleting a run deletes its materialisations: the partition would look missing."""
    refresh(workspace)
    deliver(workspace, ("cvpr", 2016), papers(range(8), cites=3), "2024-02-01")
    refresh(workspace)  # counts moved: the first run still made the papers
    deliver(workspace, ("cvpr", 2016), papers(range(8), cites=5), "2024-03-01")
    refresh(workspace)
    later = datetime.now(UTC) + timedelta(days=100)
    with open_instance(workspace) as instance:
        before = instance.get_materialized_partitions(dg.AssetKey("papers"))
        done = {d.what: d for d in prune(workspace, instance, later, RetentionPolicy())}
        assert done["runs"].count == 1
        assert instance.get_runs_count() == 2
        assert instance.get_materialized_partitions(dg.AssetKey("papers")) == before
    assert read(database, "SELECT count(DISTINCT run_id) FROM event_logs") == [(2,)]


def test_doctor_examines_it(workspace: Workspace) -> None:
    """A doctor that looks for SQLite files would call a team's instance missing."""
    refresh(workspace)
    told = {one.check: one.finding for one in examine(Patient(workspace))}
    assert told["dagster home"].what.endswith("PostgreSQL")
    names = ("dagster home", "dagster schema", "runs", "pool slots")
    assert [told[name].level for name in names] == ["ok"] * len(names)
    assert PASSWORD not in str(told)


def test_a_server_that_is_gone_is_one_line_without_the_password(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback with the address in it would end in a log."""
    address = f"postgresql+psycopg2://csimpact:{PASSWORD}@127.0.0.1:1/postgres"
    monkeypatch.setenv("CSIMPACT_POSTGRES_URL", address)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", "refresh"],
        cwd=PROJECT,
        env={**os.environ, "CSIMPACT_DATA": str(workspace.data.root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert PASSWORD not in done.stdout + done.stderr
