"""Whether a run's process is alive, as run monitoring asks."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher.base import WorkerStatus

from pipeline.automation.launcher import WatchedRunLauncher
from pipeline.settings import DataDir
from resources.dagster_home import prepare_dagster_home
from tests.automation.runs_of import add_run


@pytest.fixture
def home(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance as the project's dagster.yaml makes it."""
    folder = prepare_dagster_home(DataDir(tmp_path / "data"))
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def health(instance: dg.DagsterInstance, pid: int | None) -> WorkerStatus:
    run = add_run(instance, "refresh")
    if pid is not None:
        instance.report_engine_event("Started process", run, EngineEventData.in_process(pid))
        instance.report_engine_event("Something else", run)
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchedRunLauncher)
    return launcher.check_run_worker_health(run).status


def test_a_run_of_a_killed_process_is_found_dead(home: dg.DagsterInstance) -> None:
    """Killed with its code server, a run would hold the queue until its time limit, half a day."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        assert health(home, process.pid) == WorkerStatus.RUNNING
        process.kill()
        process.wait()
        assert health(home, process.pid) == WorkerStatus.FAILED


def test_a_number_given_to_another_process_is_no_sign_of_life(
    home: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart of the machine, small numbers are all taken again."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        later = psutil.Process(process.pid).create_time() + 3600
        monkeypatch.setattr(psutil.Process, "create_time", lambda _: later)
        assert health(home, process.pid) == WorkerStatus.FAILED
        process.kill()


def test_a_run_that_wrote_no_number_yet_counts_as_alive(home: dg.DagsterInstance) -> None:
    """Called dead too early, a run is started twice."""
    assert health(home, None) == WorkerStatus.RUNNING


def test_the_queue_admits_one_run_of_a_kind_and_one_on_the_gpu(home: dg.DagsterInstance) -> None:
    """Dagster ignores limits in a section that another one overrides."""
    config = home.get_concurrency_config()
    assert config.pool_config.default_pool_limit == 1
    assert config.run_queue_config
    limits = {limit["key"]: limit for limit in config.run_queue_config.tag_concurrency_limits}
    assert limits["csimpact/kind"]["value"] == {"applyLimitPerUniqueValue": True}
    assert {limit["limit"] for limit in limits.values()} == {1}
    assert limits["csimpact/device"]["value"] == "gpu"
    assert home.run_monitoring_enabled
    assert home.run_monitoring_settings["free_slots_after_run_end_seconds"] == 60
