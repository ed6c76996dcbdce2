"""What the planner finds stale is asked for, once per run, until it is there."""

import time

import dagster as dg
import pytest

from assets.wholes import PLAIN_QUERIES
from pipeline.automation.names import ASKED_BY, FETCH, REFRESH, TRAIN, WHY
from pipeline.automation.reconcile import evaluate, reconcile_stale
from pipeline.automation.requests import FIRST_RETRY_S
from pipeline.automation.serving import report_serving_prompt
from resources.workspace import Workspace
from tests.automation.runs_of import add_run, fail
from tests.library import deliver, papers, run_stages

CVPR, ICML = ("cvpr", 2016), ("icml", 2016)


class Sensor:
    """The sensor's ticks, half a minute apart."""

    def __init__(self, instance: dg.DagsterInstance, workspace: Workspace) -> None:
        self.instance, self.workspace = instance, workspace
        self.cursor: str | None = None
        self.now = time.time()

    def tick(self, after_s: float = 30.0) -> dg.RunRequest | str:
        self.now += after_s
        self.cursor, answer = evaluate(self.instance, self.workspace, self.cursor, now=self.now)
        return answer


@pytest.fixture
def sensor(instance: dg.DagsterInstance, workspace: Workspace) -> Sensor:
    deliver(workspace, CVPR, papers(range(8)), "2024-01-01")
    return Sensor(instance, workspace)


def asked(answer: dg.RunRequest | str) -> dg.RunRequest:
    assert isinstance(answer, dg.RunRequest), answer
    assert answer.run_key
    return answer


def test_what_is_stale_is_asked_for_with_its_reasons(sensor: Sensor) -> None:
    """A refresh nobody can explain in the morning."""
    run_stages(sensor.workspace)
    assert sensor.tick() == "nothing is stale"
    deliver(sensor.workspace, CVPR, papers(range(8), cites=9), "2024-02-01")
    request = asked(sensor.tick())
    assert request.tags[ASKED_BY] == "reconcile_stale"
    assert request.tags[WHY].endswith(": dump_records cvpr 2016: sources: changed")
    run_stages(sensor.workspace)
    assert sensor.tick() == "nothing is stale"


def test_a_run_that_failed_is_repeated_ever_more_rarely(sensor: Sensor) -> None:
    """A full disk would be written to every half minute, all night."""
    gaps, request = [], asked(sensor.tick())
    for _ in range(4):
        asked_at = sensor.now
        run = add_run(sensor.instance, REFRESH, tags={"dagster/run_key": str(request.run_key)})
        assert "under way" in str(sensor.tick(after_s=5.0))
        fail(sensor.instance, run)
        while isinstance(answer := sensor.tick(after_s=5.0), str):
            assert answer.endswith("times: waits")
        assert answer.run_key != request.run_key
        request = answer
        gaps.append(sensor.now - asked_at)
    assert gaps == [FIRST_RETRY_S * 2**number for number in range(4)]


def test_the_wait_counts_from_the_end_of_the_run(sensor: Sensor) -> None:
    """A run that fails after two hours would be repeated without a pause, six times."""
    sensor.now = time.time() - 7200
    request = asked(sensor.tick())
    run = add_run(sensor.instance, REFRESH, tags={"dagster/run_key": str(request.run_key)})
    fail(sensor.instance, run)
    sensor.now = time.time()
    assert isinstance(sensor.tick(after_s=FIRST_RETRY_S / 2), str)
    asked(sensor.tick(after_s=FIRST_RETRY_S))


def test_news_during_a_run_are_asked_for_after_it(sensor: Sensor) -> None:
    """What arrives while a run is busy is lost to conditions: nobody else would repair it."""
    request = asked(sensor.tick())
    run = add_run(sensor.instance, REFRESH, tags={"dagster/run_key": str(request.run_key)})
    run_stages(sensor.workspace)
    deliver(sensor.workspace, ICML, papers(range(100, 104)), "2024-01-01")
    assert "under way" in str(sensor.tick())
    sensor.instance.delete_run(run.run_id)
    assert "icml 2016" in asked(sensor.tick()).tags[WHY]


def test_a_state_that_returns_is_asked_for_again_at_once(sensor: Sensor) -> None:
    """A run key seen before is dropped by Dagster; a wait would be for a run that succeeded."""
    keys = [asked(sensor.tick()).run_key]
    run_stages(sensor.workspace)
    sensor.tick()
    for day in ("2024-02-01", "2024-03-01", "2024-04-01"):
        for cites in (2, 1):
            deliver(sensor.workspace, CVPR, papers(range(8), cites=cites), f"{day[:8]}0{3 - cites}")
            keys.append(asked(sensor.tick()).run_key)
            run_stages(sensor.workspace)
            sensor.tick()
    assert len(set(keys)) == len(keys)


def test_a_plan_missing_again_is_not_held_for_a_repetition(sensor: Sensor) -> None:
    """The same cells vanish twice: the second time looked like a run that failed."""
    run_stages(sensor.workspace)
    for _ in range(2):
        sensor.workspace.lake.forget("tncsi_sp", CVPR)
        request = asked(sensor.tick())
        assert "tncsi_sp cvpr 2016: not made yet" in request.tags[WHY]
        run_stages(sensor.workspace)
        assert sensor.tick() == "nothing is stale"


@pytest.mark.parametrize(
    ("job", "assets", "waits"),
    [
        (REFRESH, (), True),
        (FETCH, (), True),  # what it brings is refreshed once it is all there
        ("__ASSET_JOB", ("papers",), True),
        ("__ASSET_JOB", ("openalex_works",), True),
        ("__ASSET_JOB", ("pair_labels",), False),
        (TRAIN, (), False),
    ],
)
def test_it_waits_for_runs_that_move_the_library(
    sensor: Sensor, job: str, assets: tuple[str, ...], waits: bool
) -> None:
    """A refresh beside a fetch is one too many; a training of a day must hold up nothing."""
    add_run(sensor.instance, job, assets=assets)
    assert isinstance(sensor.tick(), str) == waits


def test_the_sensor_itself_asks(
    sensor: Sensor, instance: dg.DagsterInstance, workspace: Workspace
) -> None:
    """The parts would agree while the sensor lost its cursor between them."""
    cursor, counts = None, []
    for _ in range(2):
        context = dg.build_sensor_context(
            instance=instance, cursor=cursor, resources={"workspace": workspace}
        )
        result = reconcile_stale().evaluate_tick(context)
        cursor = result.cursor
        counts.append(len(result.run_requests or []))
    assert counts == [1, 0]


class Prompts:
    """A registry in which somebody promotes and takes back."""

    serving: str | None = None

    def champion(self, _: str) -> str | None:
        return self.serving

    def decisions(self) -> list["Prompts"]:
        return [self]

    kind, by = "promoted", "ada"


def test_a_prompt_promoted_by_hand_is_told_once(
    instance: dg.DagsterInstance, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures of `retrieval_quality` would go on telling of the prompt before."""
    prompts = Prompts()
    monkeypatch.setattr(Workspace, "prompts", prompts)
    key = dg.AssetKey("soft_prompt")
    told = []
    for serving in (None, "p1", "p1", "p2", None, None):
        prompts.serving = serving
        told.append(report_serving_prompt(instance, workspace) is not None)
    assert told == [False, True, False, True, True, False]
    last = instance.get_latest_materialization_event(key)
    assert last
    assert last.asset_materialization
    assert (last.asset_materialization.tags or {})["dagster/data_version"] == PLAIN_QUERIES


def test_a_training_tells_of_its_own_prompt(
    instance: dg.DagsterInstance, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by the sensor first, the prompt would be measured twice."""
    prompts = Prompts()
    prompts.serving = "p1"
    monkeypatch.setattr(Workspace, "prompts", prompts)
    add_run(instance, TRAIN)
    assert report_serving_prompt(instance, workspace) is None
