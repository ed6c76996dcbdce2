"""Runs of our jobs: one process, one of a pool at a time, convergence with the command line."""

import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from pipeline.automation.jobs import in_order
from pipeline.automation.names import KIND, MAX_RUNTIME, PRUNE, REFRESH, RELEASE
from pipeline.definitions import build_defs
from pipeline.refresh import plan_refresh, refresh
from pipeline.run_job import open_instance, run_job
from pipeline.settings import PROJECT
from resources.workspace import Workspace
from tests.library import (
    TODAY,
    assert_same_tables,
    deliver,
    papers,
    raw_tables,
    rebuilt,
    run_stages,
    tables_of,
)

CVPR, ICML = ("cvpr", 2016), ("icml", 2016)

# The job `refresh` as the daemon runs it: without the lock and the tags of the command.
AS_THE_DAEMON = """
import sys
from pathlib import Path
from pipeline.definitions import build_defs
from pipeline.run_job import open_instance, run_job
from pipeline.settings import DataDir
from tests.library import TODAY, reopened

workspace = reopened(DataDir(Path(sys.argv[1])))
job = build_defs(workspace=workspace, today=TODAY).get_job_def("refresh")
done = job.execute_in_process(instance=open_instance(workspace), raise_on_error=False)
sys.exit(not done.success)
"""


def test_every_job_runs_in_one_process_with_its_tags(workspace: Workspace) -> None:
    """A process per step loads Dagster and the encoder twelve times a night."""
    for job in build_defs(workspace=workspace, today=TODAY).resolve_all_job_defs():
        assert job.executor_def.name == "in_process", job.name
        if not job.name.startswith("__"):
            assert job.tags[KIND] == job.name
            assert int(job.tags[MAX_RUNTIME]) >= 3600


def test_a_run_of_the_command_line_is_of_its_kind_and_has_no_time_limit(
    workspace: Workspace,
) -> None:
    """The queue would start a refresh beside it, conditions follow it, and monitoring end it."""
    report = run_job(workspace, REFRESH, {})
    with open_instance(workspace) as instance:
        run = instance.get_run_by_id(report.run_id)
    assert run
    assert run.tags[KIND] == REFRESH
    assert run.tags[MAX_RUNTIME] == "0"


@pytest.mark.parametrize("job", [RELEASE, PRUNE])
def test_jobs_of_one_step_run_as_the_daemon_starts_them(workspace: Workspace, job: str) -> None:
    """A step that waits for another one that is not there, or wants configuration."""
    deliver(workspace, CVPR, papers(range(6)), "2024-01-01")
    run_stages(workspace)
    report = run_job(workspace, job, {})
    assert report.run_id
    assert [p.name for p in workspace.data.releases.glob("2*")] == ["2026-03-01"] * (job == RELEASE)


def test_a_step_in_process_waits_for_its_pool(workspace: Workspace) -> None:
    """Two encoders on one GPU, because one process runs all steps of a run."""
    working = []

    @dg.op(pool="gpu", out=dg.Out(dg.Nothing))
    def encode() -> None:
        working.append(1)

    job = in_order(REFRESH, [encode], "")
    with open_instance(workspace) as instance:
        storage = instance.event_log_storage
        storage.initialize_concurrency_limit_to_default("gpu")
        held = storage.claim_concurrency_slot("gpu", "another-run", "step")
        assert held.is_claimed

        def run() -> None:
            with dg.DagsterInstance.get() as own:
                job.execute_in_process(instance=own)

        running = threading.Thread(target=run)
        running.start()
        time.sleep(2.5)
        assert working == []
        storage.free_concurrency_slots_for_run("another-run")
        running.join(timeout=30)
    assert working == [1]


@pytest.mark.slow
def test_a_refresh_of_the_daemon_and_one_of_the_command_line_converge(
    workspace: Workspace, tmp_path: Path
) -> None:
    """The command holds a lock that the daemon's runs do not ask for: two writers of one cell."""
    deliver(workspace, CVPR, papers(range(8)), "2024-01-01")
    deliver(workspace, ICML, papers(range(100, 108)), "2024-01-01")
    command = [sys.executable, "-c", AS_THE_DAEMON, str(workspace.data.root)]
    with subprocess.Popen(command, cwd=PROJECT) as daemon:
        while not (workspace.data.lake / "_state" / "dump_records").exists():
            assert daemon.poll() is None
            time.sleep(0.02)
        refresh(workspace)
        assert daemon.wait(timeout=90) == 0
    assert plan_refresh(workspace) == []
    tables = raw_tables(workspace)
    for name in ("papers", "citation_snapshots", "paper_embeddings", "tncsi_sp"):
        assert not tables[name].is_duplicated().any(), name
    again = rebuilt(workspace, tmp_path / "again", keep_vectors=True)
    assert_same_tables(tables_of(workspace), tables_of(again))


@pytest.mark.parametrize(("today", "last"), [("2026-12-31", 2027), ("2027-01-02", 2028)])
def test_the_second_of_january_opens_the_cells_of_the_next_year(
    workspace: Workspace, today: str, last: int
) -> None:
    """Somebody would have to edit a list every New Year."""
    defs = build_defs(workspace=workspace, today=date.fromisoformat(today))
    partitions = defs.resolve_asset_graph().get(dg.AssetKey("papers")).partitions_def
    assert partitions
    assert partitions.has_partition_key(dg.MultiPartitionKey({"venue": "cvpr", "year": str(last)}))
    assert not partitions.has_partition_key(
        dg.MultiPartitionKey({"venue": "cvpr", "year": str(last + 1)})
    )


def test_a_run_of_the_new_year_is_kept_by_a_server_of_the_old(
    workspace: Workspace, instance: dg.DagsterInstance
) -> None:
    """A code server that nobody restarted would lose what the year's first runs made."""
    key = dg.MultiPartitionKey({"venue": "cvpr", "year": "2028"})
    deliver(workspace, CVPR, papers(range(4)), "2024-01-01")
    old = build_defs(workspace=workspace, today=date(2026, 12, 31))

    @dg.op
    def refresh_papers(context: dg.OpExecutionContext) -> None:
        context.log_event(dg.AssetMaterialization("papers", partition=key))

    job = in_order(REFRESH, [refresh_papers], "")
    with_job = dg.Definitions.merge(
        dg.Definitions(assets=list(old.assets or []), resources=old.resources),
        dg.Definitions(jobs=[job]),
    )
    assert with_job.get_job_def(REFRESH).execute_in_process(instance=instance).success
    new = build_defs(workspace=workspace, today=date(2027, 1, 2))
    for defs, shown in ((old, False), (new, True)):
        partitions = defs.resolve_asset_graph().get(dg.AssetKey("papers")).partitions_def
        assert partitions
        made = instance.get_materialized_partitions(dg.AssetKey("papers"))
        assert made == {key}
        assert partitions.has_partition_key(key) == shown
        # What the UI and the conditions ask, with keys that they may or may not know.
        dg.evaluate_automation_conditions(defs=defs, instance=instance)
