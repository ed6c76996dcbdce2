"""What the clock asks for, and when it asks for nothing."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from pipeline.automation import schedules
from pipeline.automation.names import OVERVIEW, REFRESH, TRAIN
from pipeline.automation.schedules import (
    monthly_pruning,
    nightly_release,
    no_overview,
    no_pruning,
    no_release,
    no_training,
    weekly_training,
)
from pipeline.definitions import build_defs
from pipeline.overview import overview
from pipeline.run_job import open_instance
from resources.release_making import make_release
from resources.retention import Pruned
from resources.workspace import Workspace
from tests.automation.runs_of import add_run
from tests.library import TODAY, deliver, papers, run_stages

CVPR = ("cvpr", 2016)


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(schedules, "NVIDIA", tmp_path / "nvidia0")


@pytest.fixture
def library(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """One venue-year, on a machine that may train."""
    monkeypatch.setenv("CSIMPACT_TRAINING", "on")
    deliver(workspace, CVPR, papers(range(6)), "2024-01-01")
    run_stages(workspace)
    return workspace


def test_everything_is_off_until_it_is_switched_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A developer's machine would crawl at night; a server's would sleep."""
    for value, status in ((None, "STOPPED"), ("off", "STOPPED"), ("on", "RUNNING")):
        if value:
            monkeypatch.setenv("CSIMPACT_AUTOMATION", value)
        repository = build_defs(workspace=workspace, today=TODAY).get_repository_def()
        instigators = [*repository.sensor_defs, *repository.schedule_defs]
        assert {one.default_status.value for one in instigators} == {status}


def test_training_needs_a_gpu_or_a_word(
    library: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours on a laptop, every Sunday, for nobody."""
    assert no_training(instance, library) is None
    monkeypatch.delenv("CSIMPACT_TRAINING")
    assert "CSIMPACT_TRAINING=on" in str(no_training(instance, library))
    schedules.NVIDIA.touch()
    assert no_training(instance, library) is None


def test_nothing_new_is_trained_on_once(
    library: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same labels train the same prompt, and use up the gate's test queries."""
    instance.report_runless_asset_event(dg.AssetMaterialization("soft_prompt"))
    assert no_training(instance, library) is None  # pairs are to be labelled
    monkeypatch.setattr(schedules, "stale_cells", lambda *_: [])
    assert "the same again" in str(no_training(instance, library))


@pytest.mark.parametrize("job", [REFRESH, TRAIN])
def test_training_waits_for_a_library_at_rest(
    library: Workspace, instance: dg.DagsterInstance, job: str
) -> None:
    """A prompt trained on half a night's papers."""
    add_run(instance, job)
    assert no_training(instance, library)


def test_a_release_waits_for_news_and_for_a_library_at_rest(
    library: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder a night of equal tables, or one that shows half of what came in."""
    assert no_release(instance, library) is None
    run = add_run(instance, REFRESH)
    assert "a refresh is under way" in str(no_release(instance, library))
    instance.delete_run(run.run_id)
    deliver(library, ("icml", 2016), papers(range(100, 104)), "2024-01-01")
    assert "cells are stale" in str(no_release(instance, library))
    run_stages(library)
    make_release(library)
    assert no_release(instance, library) == "nothing changed since the last release"


def test_an_overview_waits_for_news_and_for_a_library_at_rest(
    library: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page a night of equal figures, or one of half a night's papers; a release of the rest."""
    assert no_overview(instance, library) is None
    run = add_run(instance, REFRESH)
    assert "a refresh is under way" in str(no_overview(instance, library))
    instance.delete_run(run.run_id)
    run = add_run(instance, OVERVIEW)
    assert "an overview is under way" in str(no_release(instance, library))
    instance.delete_run(run.run_id)
    overview(library)
    assert no_overview(instance, library) == "nothing moved since the last overview"
    deliver(library, CVPR, papers(range(6), cites=9), "2024-02-01")
    run_stages(library)
    assert no_overview(instance, library) is None


def test_a_library_without_scores_has_no_overview(
    workspace: Workspace, instance: dg.DagsterInstance
) -> None:
    """A fresh installation would make an empty page every night."""
    assert no_overview(instance, workspace) == "no score to describe"


def test_nothing_old_is_not_pruned(
    library: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run a month that deletes nothing and is found in the list of runs."""
    assert no_pruning(instance, library) == "nothing is old enough to be deleted"
    page = library.data.incidents / "2020-01-01T000000Z-refresh-00000000.md"
    page.parent.mkdir()
    page.write_text("long ago")
    os.utime(page, (1.5e9, 1.5e9))
    assert no_pruning(instance, library) is None


@pytest.mark.parametrize("schedule", [nightly_release, monthly_pruning])
def test_a_schedule_asks_once_a_day(
    library: Workspace,
    schedule: Callable[[], dg.ScheduleDefinition],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A release that fails would be tried five times a night, with an incident each."""
    monkeypatch.setattr(schedules, "prune", lambda *_, **__: [Pruned("runs", 1, 1)])
    keys = []
    with open_instance(library) as instance:
        for hour in (4, 5):
            with dg.build_schedule_context(
                instance=instance,
                scheduled_execution_time=datetime(2026, 3, 1, hour, tzinfo=UTC),
                resources={"workspace": library},
            ) as context:
                (request,) = schedule().evaluate_tick(context).run_requests or []
                keys.append(request.run_key)
    assert keys == [f"{schedule().name}-2026-03-01"] * 2


def test_an_empty_library_trains_nothing(
    workspace: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first Sunday would end in an incident."""
    monkeypatch.setenv("CSIMPACT_TRAINING", "on")
    assert no_training(instance, workspace) == "no paper to train on"


def test_the_run_labels_every_cell_as_the_command_does(library: Workspace) -> None:
    """A teacher that changed unseen would leave old labels beside new ones."""
    with (
        open_instance(library) as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 3, 1, 12, tzinfo=UTC),
            resources={"workspace": library},
        ) as context,
    ):
        (request,) = weekly_training().evaluate_tick(context).run_requests or []
    assert request.run_key == "weekly_training-2026-03-01"
    config = request.run_config["ops"]["refresh_pair_labels"]["config"]
    assert config == {"scope": ["cvpr|2016"], "force": True}
    defs = build_defs(workspace=library, today=TODAY)
    assert dg.validate_run_config(defs.get_job_def(TRAIN), request.run_config)
