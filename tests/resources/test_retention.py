"""What is deleted, and above all what is not."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from pipeline.cli import main
from pipeline.refresh import refresh
from pipeline.run_job import open_instance
from pipeline.settings import DataDir
from resources import retention
from resources.releases import list_releases
from resources.retention import Pruned, RetentionPolicy, prune
from resources.run_retention import runs_in_force
from resources.workspace import Workspace
from tests.library import deliver, papers, raw_tables, run_stages, tiny_workspace

CELL = ("cvpr", 2016)
LATER = datetime.now(UTC) + timedelta(days=100)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    return tiny_workspace(tmp_path)


def by_name(done: list[Pruned]) -> dict[str, Pruned]:
    return {one.what: one for one in done}


def aged(path: Path, days: float, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    then = time.time() - days * 86400
    os.utime(path, (then, then))
    return path


def test_runs_go_and_what_partitions_hold_stays(workspace: Workspace) -> None:
    """Deleting a run deletes its materialisations: automation would make everything again."""
    for cites in (1, 3, 5):
        deliver(workspace, CELL, papers(range(8), cites=cites), f"2024-0{cites}-01")
        refresh(workspace)
    tables = raw_tables(workspace)
    with open_instance(workspace) as instance:
        runs = [run.run_id for run in instance.get_runs()]  # newest first
        assert runs_in_force(instance) == {runs[0], runs[2]}  # counts moved, papers did not
        assert by_name(prune(workspace, instance, datetime.now(UTC)))["runs"].count == 0
        told = by_name(prune(workspace, instance, LATER, dry_run=True))["runs"]
        assert len(instance.get_runs()) == 3
        before = _standing(instance)
        done = by_name(prune(workspace, instance, LATER))["runs"]
        assert (done.count, told.count) == (1, 1)
        assert done.bytes == told.bytes > 10_000
        assert "2 more hold" in done.note
        assert [run.run_id for run in instance.get_runs()] == [runs[0], runs[2]]
        assert _standing(instance) == before
        assert by_name(prune(workspace, instance, LATER))["runs"].count == 0
    assert not list(workspace.data.dagster.rglob(f"{runs[1]}*"))
    assert {n: f.to_dicts() for n, f in raw_tables(workspace).items()} == {
        n: f.to_dicts() for n, f in tables.items()
    }
    assert not refresh(workspace).run_id


def _standing(instance: dg.DagsterInstance) -> dict[str, tuple[set[str], dict[str, str]]]:
    """Per asset, the partitions that count as made, and the data version of each."""
    found = {}
    for key in instance.all_asset_keys():
        partitions = instance.get_materialized_partitions(key)
        versions = instance.event_log_storage.get_latest_tags_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version"]
        )
        tags = {p: str(t.get("dagster/data_version")) for p, t in versions.items()}
        found[key.to_user_string()] = (partitions, tags)
    return found


def test_runs_going_on_stay_however_old(workspace: Workspace) -> None:
    """A training of a day must not lose the ground under its feet."""

    @dg.op
    def nothing() -> None: ...

    @dg.job
    def waiting() -> None:
        nothing()

    with open_instance(workspace) as instance:
        instance.create_run_for_job(waiting)
        assert by_name(prune(workspace, instance, LATER))["runs"].count == 0
        assert instance.get_runs_count() == 1


def test_files_go_by_their_age(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs and leftovers pile up until the disk is full; the young ones are still needed."""
    data = workspace.data
    old = [
        aged(data.dagster / "logs" / "run" / "compute_logs" / "step.out", 31, "x" * 50),
        aged(data.incidents / "2024-01-01.md", 366),
        aged(data.reports / "2024-01-01T031500Z.html", 367),
        aged(data.reports / "2024-01-01T031500Z.json", 367),
        aged(data.lake / "papers" / ".part.parquet.123.tmp", 2),
    ]
    young = [
        aged(data.dagster / "logs" / "run" / "compute_logs" / "step.err", 29),
        aged(data.incidents / "2026-01-01.md", 300),
        aged(data.reports / "2024-01-02T031500Z.html", 366),  # the last: what is next compared with
        aged(data.reports / "tables" / "papers" / "part.parquet", 999),
        aged(data.inbox / "dump.json", 9999),
        aged(data.ledger / "identity-000001.jsonl", 9999),
    ]
    now = datetime.now(UTC)
    monkeypatch.setattr(retention, "leftovers", lambda root, age_s: root.rglob(".*.tmp"))
    told = prune(workspace, None, now, dry_run=True)
    assert all(path.exists() for path in old)
    done = prune(workspace, None, now)
    assert done == told
    assert by_name(done)["logs of steps and ticks"] == Pruned("logs of steps and ticks", 1, 50)
    assert sum(one.count for one in done) == len(old)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in young)


def test_releases_go_by_their_own_policy(workspace: Workspace) -> None:
    """A release a night would fill the disk; a clean-up beside one being made would tear it."""
    for day in range(1, 29):
        aged(workspace.data.releases / f"2024-02-{day:02}" / "papers.parquet", 1, "x" * 10)
    told = by_name(prune(workspace, None, LATER, dry_run=True))["releases"]
    with workspace.lock("release"):
        held = by_name(prune(workspace, None, LATER))["releases"]
    assert (held.count, held.note) == (0, "left alone: one is being made")
    assert by_name(prune(workspace, None, LATER))["releases"] == told
    assert told.count == 28 - len(list_releases(workspace.data)) > 0
    assert told.bytes == 10 * told.count


def test_a_large_journal_is_put_aside(workspace: Workspace) -> None:
    """The next report reads all of it; and whoever is writing must not lose a line."""
    journal = aged(workspace.data.journal, 0, "x" * 1_000_001)
    policy = RetentionPolicy(journal_mb=1)
    with journal.open("a") as writer:
        prune(workspace, None, datetime.now(UTC), policy)
        writer.write("a line on the way")
    (aside,) = journal.parent.iterdir()
    assert aside.read_text().endswith("a line on the way")
    aged(aside, 366)
    assert by_name(prune(workspace, None, datetime.now(UTC)))["journals put aside"].count == 1


def test_old_versions_of_the_vectors_go_unless_they_are_being_written(
    workspace: Workspace,
) -> None:
    """Compaction beside a writer would make one of the two fail, in the middle of a night."""
    for day, numbers in enumerate((range(8), range(9)), start=1):
        deliver(workspace, CELL, papers(numbers), f"2024-01-0{day}")
        run_stages(workspace)
    store, what = workspace.vectors, "versions of the vector table"
    # LanceDB keeps what is younger than its own clock says: versions cannot be aged from outside.
    assert by_name(prune(workspace, None, datetime.now(UTC)))[what].count == 0
    n_versions = len(store.health().versions)
    assert n_versions > 2
    told = by_name(prune(workspace, None, LATER, dry_run=True))[what]
    assert told.count == n_versions - 1
    with workspace.lock("stage-paper_index"):
        held = by_name(prune(workspace, None, LATER))[what]
    assert (held.count, held.note) == (0, "left alone: the index is being written")
    rows = store.count()
    store.compact(timedelta(milliseconds=1))
    assert len(store.health().versions) < n_versions
    assert (store.count(), store.health().unindexed) == (rows, 0)


def test_a_policy_of_nonsense_is_refused(
    data_dir: DataDir, capsys: pytest.CaptureFixture[str]
) -> None:
    """`runs_days=0` would delete what ended a second ago."""

    for keep in ("runs_days=0", "run_days=3", "runs_days", "runs_days=x"):
        assert main.run(["prune", "--dry-run", "--keep", keep]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main.run(["prune", "--keep", "runs_days=7", "--format", "json"]) == 0
