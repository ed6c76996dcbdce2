"""Killed at random moments, whatever runs: the next refresh comes to what nobody disturbed."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import dagster as dg
import pytest

from pipeline.refresh import plan_refresh
from pipeline.tables import Cell
from resources.dagster_processes import Processes, running
from resources.integrity import verify
from resources.workspace import Workspace
from tests.library import assert_same_tables, deliver, papers, raw_tables, reopened, run_stages
from tests.refreshing import delivered

SEED = int(os.environ.get("CSIMPACT_STORM_SEED", "5"))
KILLS = int(os.environ.get("CSIMPACT_STORM_KILLS", "50"))
CELLS: tuple[Cell, ...] = (("cvpr", 2016), ("icml", 2016))
NIGHTS = (
    ("worker",),
    ("daemon", "worker"),
    ("worker", "daemon"),
    ("daemon",),
    ("code_server",),
    ("code_server", "worker"),  # nobody is left to tell of the worker's end
    ("daemon", "code_server", "worker"),  # the machine is switched off
)
PATIENCE_S = 75.0  # run monitoring looks every half minute


def news_of(night: int, *workspaces: Workspace) -> None:
    """Papers new and gone, counts moved, in one venue-year or the other."""
    first, day = 100 * (night % 2), f"2024-{2 + night // 28:02d}-{1 + night % 28:02d}"
    rows = papers(range(first + night % 5, first + 9 + night % 7), cites=1 + night)
    for workspace in workspaces:
        deliver(workspace, CELLS[night % 2], rows, day)


class Storm:
    """One set of processes, a run a night, and whom it hit where."""

    def __init__(self, processes: Processes, rng: random.Random) -> None:
        self.processes, self.rng = processes, rng
        self.hits: Counter[str] = Counter()

    def night(self, instance: dg.DagsterInstance, victims: Sequence[str]) -> None:
        run_id = self.processes.launch("refresh")
        if victims[0] != "daemon":  # else it may also die while the run waits, or starts
            self.until(instance, run_id, lambda run: self.stage(instance, run_id) != "start")
        time.sleep(self.rng.uniform(0, 4))
        for victim in victims:
            stage = self.stage(instance, run_id)
            if killed := self.kill(victim):
                self.hits[f"{victim} in {stage}"] += killed
            time.sleep(self.rng.choice([0, 0.5]))
        for role in ("code_server", "daemon"):
            if not self.processes.alive(role):
                self.processes.start(role)
        if not self.until(instance, run_id, lambda run: run.is_finished):
            # Killed while it was starting: run monitoring gives up on it after five minutes.
            run = self.run(instance, run_id)
            assert run.status == dg.DagsterRunStatus.STARTING, run.status
            instance.report_run_failed(run)

    def kill(self, victim: str) -> int:
        """How many processes died."""
        if victim == "worker":
            return self.processes.kill_workers()
        self.processes.kill("daemon" if victim == "daemon" else "code_server")
        return 1

    def until(
        self, instance: dg.DagsterInstance, run_id: str, reached: Callable[[dg.DagsterRun], bool]
    ) -> bool:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if reached(self.run(instance, run_id)):
                return True
            time.sleep(0.1)
        return False

    def run(self, instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def stage(self, instance: dg.DagsterInstance, run_id: str) -> str:
        steps = [
            event.step_key or ""
            for event in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_START)
        ]
        if not steps:
            return "start"
        return "end" if self.run(instance, run_id).is_finished else steps[-1]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_storm_of_kills_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker, the daemon, the code server, or all of a machine: nothing twice, nothing lost."""
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    rng = random.Random(SEED)
    workspace, peace = delivered(tmp_path / "storm"), delivered(tmp_path / "peace")
    for one in (workspace, peace):
        run_stages(one)
    with running(workspace.data, webserver=True, module="tests.storm_definitions") as processes:
        storm, night = Storm(processes, rng), 0
        with processes.instance() as instance:
            while storm.hits.total() < KILLS:
                news_of(night, workspace, peace)
                victims = rng.choice(NIGHTS)
                storm.night(instance, victims)
                run_stages(reopened(workspace.data))
                run_stages(peace)
                after = reopened(workspace.data)
                assert plan_refresh(after) == [], (night, victims)
                assert_same_tables(raw_tables(after), raw_tables(peace))
                assert sorted(after.vectors.paper_ids()) == sorted(
                    after.lake.read_all("papers", ["paper_id"])["paper_id"]
                )
                night += 1
            run_id = processes.launch("refresh")  # nobody waits for a slot of the dead
            assert storm.until(instance, run_id, lambda run: run.is_finished)
            assert storm.run(instance, run_id).status == dg.DagsterRunStatus.SUCCESS
    assert verify(reopened(workspace.data), deep=True) == []
    with capsys.disabled():
        print(f"\nseed {SEED}, {night} nights")
        for hit, n in sorted(storm.hits.items()):
            print(f"  {n:3} × {hit}")
