"""Deleting old runs of Dagster without making what they made look missing.

Belongs here: which runs may go, and everything that goes with one. Not: how old is old
(retention.py).

What Dagster 1.13 does (read in its source, and tested here): `delete_run` deletes a run's events
too, materialisations among them. A partition's status, its data version, and every declarative
condition are read from the newest such event, so that without it the partition counts as missing
and automation would make it again. Results of asset checks stand in a table of their own and
survive. So runs stay that hold the newest materialisation or observation of any asset partition.
With SQLite the run's own database file stays behind, emptied; it is deleted here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

PAGE = 200


@dataclass(frozen=True)
class PrunedRuns:
    """Runs deleted and their bytes; `held` as many were old and had to stay."""

    count: int
    bytes: int
    held: int


def prune_runs(instance: "dg.DagsterInstance", before: datetime, *, dry_run: bool) -> PrunedRuns:
    """Delete runs that ended before `before`, but those that say what a partition holds now."""
    needed = runs_in_force(instance)
    count = freed = held = 0
    for run_id in list(_ended(instance, before)):
        if run_id in needed:
            held += 1
            continue
        count, freed = count + 1, freed + sum(p.stat().st_size for p in _files_of(instance, run_id))
        if not dry_run:
            _delete(instance, run_id)
    return PrunedRuns(count, freed, held)


def runs_in_force(instance: "dg.DagsterInstance") -> set[str]:
    """Ids of runs that hold the newest materialisation or observation of an asset partition."""
    import sqlalchemy as sa
    from dagster import DagsterEventType
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

    kinds = (DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_OBSERVATION)
    columns = Events.c
    newest = (
        sa.select(sa.func.max(columns.id))
        .where(columns.dagster_event_type.in_([kind.value for kind in kinds]))
        .group_by(columns.asset_key, columns.partition, columns.dagster_event_type)
    )
    query = sa.select(columns.run_id).distinct().where(columns.id.in_(newest))
    # One query, where Dagster's own methods would load every event of every partition.
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]  # both SQL storages have it
        return {row[0] for row in connection.execute(query)}


def _ended(instance: "dg.DagsterInstance", before: datetime) -> Iterator[str]:
    import dagster as dg

    finished = [
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
    ]
    old, cursor = dg.RunsFilter(statuses=finished, updated_before=before), None
    while records := instance.get_run_records(old, limit=PAGE, cursor=cursor):
        yield from (record.dagster_run.run_id for record in records)
        cursor = records[-1].dagster_run.run_id


def _files_of(instance: "dg.DagsterInstance", run_id: str) -> list[Path]:
    home = Path(instance.root_directory)
    logs = (p for p in (home / "logs" / run_id).rglob("*") if p.is_file())
    return [*(home / "history" / "runs").glob(f"{run_id}.db*"), *logs]


def _delete(instance: "dg.DagsterInstance", run_id: str) -> None:
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.delete_run(run_id)
    for path in _files_of(instance, run_id):
        path.unlink(missing_ok=True)
