"""Dagster's usual launcher of runs, which also tells whether a run's process is still alive.

Belongs here: what run monitoring asks. Not: launching.

A code server notices when a run it started dies; if it was killed with it, or the machine was
switched off, nobody would, and the run would count as running until its time limit: no refresh
would start for half a day. A run writes the number of its process into its log first of all.
"""

import dagster as dg
import psutil
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher

CLOCK_S = 2.0  # by how much two clocks of one machine may differ


class WatchedRunLauncher(DefaultRunLauncher):
    """For one machine: process numbers mean nothing on another."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring asks about started runs."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process lives; a run without a known one counts as alive."""
        started = _process_of(self._instance, run)
        if started is None or _lives(*started):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"its process {started[0]} is gone")


def _process_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[int, float] | None:
    """Process number, and when the run wrote it down."""
    records = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT, ascending=False
    ).records
    for record in records:
        event = record.event_log_entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event else None
        if pid is not None:
            return int(str(pid.value)), record.event_log_entry.timestamp
    return None


def _lives(pid: int, written_at: float) -> bool:
    try:
        process = psutil.Process(pid)
        # A process born after the line was written only inherited the number.
        young = process.create_time() > written_at + CLOCK_S
        return not young and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
