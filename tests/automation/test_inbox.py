"""Files dropped into the inbox: asked for when they are wholly there, once, and not before."""

import gzip
import json
import os
import shutil
import time
from pathlib import Path

import dagster as dg
import pytest

from pipeline.automation.inbox import PATIENCE_S, Memory, evaluate, scholar_dump
from pipeline.automation.names import ASKED_BY, REFRESH, WHY
from pipeline.automation.reconcile import evaluate as reconcile
from resources.workspace import Workspace
from tests.automation.runs_of import add_run, fail
from tests.library import paper, papers, run_stages, write_list

CELL = ("cvpr", 2016)


class Sensor:
    """The sensor's ticks, half a minute apart."""

    def __init__(self, instance: dg.DagsterInstance, workspace: Workspace) -> None:
        self.instance, self.workspace = instance, workspace
        self.cursor: str | None = None
        self.now = time.time()

    def tick(self, after_s: float = 30.0) -> dg.RunRequest | str:
        self.now += after_s
        memory = Memory.read(self.cursor)
        answer = evaluate(self.instance, self.workspace, memory, now=self.now)
        self.cursor = memory.write()
        return answer

    def drop(self, name: str, data: bytes, age_s: float = 0.0) -> Path:
        path = self.workspace.data.inbox / name
        path.write_bytes(data)
        os.utime(path, (self.now - age_s,) * 2)
        return path


@pytest.fixture
def sensor(instance: dg.DagsterInstance, workspace: Workspace) -> Sensor:
    workspace.data.inbox.mkdir()
    return Sensor(instance, workspace)


def as_list(numbers: range) -> bytes:
    return json.dumps(papers(numbers)).encode()


def asked(answer: dg.RunRequest | str) -> dg.RunRequest:
    assert isinstance(answer, dg.RunRequest), answer
    return answer


def test_a_file_that_still_grows_is_not_taken(sensor: Sensor) -> None:
    """Half a list would be loaded, and its other half looked like papers that came a day later."""
    whole = as_list(range(8))
    for share in (0.3, 0.6, 0.9):
        sensor.drop("cvpr2016.json", whole[: int(len(whole) * share)])
        assert sensor.tick() == "still being written: cvpr2016.json"
    sensor.drop("cvpr2016.json", whole)
    assert isinstance(sensor.tick(), str)  # changed since the last look
    request = asked(sensor.tick())
    assert request.tags == {ASKED_BY: "scholar_dump", WHY: "in the inbox: cvpr2016.json"}
    run_stages(sensor.workspace)
    assert sensor.tick() == "no file in the inbox is news"


def test_a_file_left_alone_is_taken_at_the_first_tick(sensor: Sensor) -> None:
    """A file of yesterday would wait for a second tick for nothing."""
    sensor.drop("cvpr2016.json", as_list(range(8)), age_s=3600)
    asked(sensor.tick())


@pytest.mark.parametrize("name", [".cvpr2016.json", "cvpr2016.json.part", "cvpr2016.json.tmp"])
def test_names_of_unfinished_files_are_never_taken(sensor: Sensor, name: str) -> None:
    """Browsers, rsync and curl write under such names until they are done."""
    sensor.drop(name, as_list(range(8)), age_s=3600)
    assert sensor.tick() == sensor.tick() == "no file in the inbox is news"


@pytest.mark.parametrize(
    ("name", "damaged", "line"),
    [
        ("cvpr2016.json", as_list(range(8))[:-9], "it ends before its closing ]"),
        ("cvpr2016.json.gz", gzip.compress(as_list(range(8)))[:-9], "the gzip stream is damaged"),
        ("papers.jsonl.gz", gzip.compress(b'{"paperId": "a"}\n{"pa'), "before its closing }"),
        ("papers.parquet", b"PAR1 and no end", "before the end of a Parquet file"),
        ("cvpr2016.json", b"", "it is empty"),
    ],
)
def test_a_damaged_file_waits_is_named_once_and_ends_in_quarantine(
    sensor: Sensor, name: str, damaged: bytes, line: str
) -> None:
    """A stalled copy would be loaded as it stands; a broken one would never be heard of."""
    sensor.drop(name, damaged)
    sensor.tick()
    first = sensor.tick()
    assert isinstance(first, str)
    assert first.startswith(f"damaged or unfinished: {name}: ")
    assert line in first
    assert sensor.tick() == f"still being written: {name}"
    asked(sensor.tick(after_s=PATIENCE_S))
    run_stages(sensor.workspace)
    assert sensor.workspace.lake.read_all("quarantine").height == 1
    told = sensor.tick()
    assert isinstance(told, str)
    assert told.startswith("cannot be used: ")  # in the words of who read it
    assert sensor.tick() == "no file in the inbox is news"


def test_a_folder_that_is_still_copied_is_one_run(sensor: Sensor) -> None:
    """Eighty lists copied one by one would be eighty refreshes."""
    for year in (2014, 2015, 2016):
        sensor.drop(f"cvpr{year}.json", as_list(range(8)))
        assert isinstance(sensor.tick(), str)
    names = "cvpr2014.json, cvpr2015.json, cvpr2016.json"
    assert asked(sensor.tick()).tags[WHY] == f"in the inbox: {names}"


def test_a_copy_that_never_ends_does_not_hold_up_the_rest(sensor: Sensor) -> None:
    """A log somebody left open in the inbox would keep every list out for ever."""
    sensor.drop("cvpr2016.json", as_list(range(8)))
    for second in range(int(PATIENCE_S / 30) - 1):
        sensor.drop("growing.csv", b"a" * (second + 1))
        assert isinstance(sensor.tick(), str)
    sensor.drop("growing.csv", b"more")
    asked(sensor.tick(after_s=60.0))


def test_a_restored_inbox_is_no_news(sensor: Sensor) -> None:
    """A backup played back without its time stamps would start a refresh of nothing."""
    path = sensor.drop("cvpr2016.json", as_list(range(8)), age_s=3600)
    asked(sensor.tick())
    run_stages(sensor.workspace)
    os.utime(path, (sensor.now, sensor.now))
    assert all(isinstance(sensor.tick(), str) for _ in range(3))
    assert sensor.tick(after_s=PATIENCE_S) == "no file in the inbox is news"


def test_bytes_that_return_to_an_old_value_are_asked_for_again(sensor: Sensor) -> None:
    """Dagster drops a run key for ever: a list put back as it was would never be loaded."""
    keys = []
    for numbers in (range(8), range(4), range(8), range(4)):
        sensor.drop("cvpr2016.json", as_list(numbers), age_s=3600)
        keys.append(asked(sensor.tick()).run_key)
        run_stages(sensor.workspace)
        sensor.tick()
    assert len(set(keys)) == 4


def test_a_drop_is_one_run_whoever_looks_first(
    sensor: Sensor, instance: dg.DagsterInstance
) -> None:
    """Both sensors see that cells are stale: two refreshes for one file."""
    workspace = sensor.workspace
    run_stages(workspace)
    sensor.drop("cvpr2016.json", as_list(range(8)), age_s=3600)
    assert reconcile(instance, workspace, None, now=sensor.now)[1] == "nothing is stale"
    asked(sensor.tick())
    run = add_run(instance, REFRESH)
    answers = [sensor.tick(), reconcile(instance, workspace, None, now=sensor.now)[1]]
    assert all("a refresh is under way" in str(answer) for answer in answers)
    run_stages(workspace)
    instance.delete_run(run.run_id)
    assert sensor.tick() == "no file in the inbox is news"
    assert reconcile(instance, workspace, None, now=sensor.now)[1] == "nothing is stale"


def test_a_refresh_that_failed_before_it_read_the_file_is_asked_for_again(
    sensor: Sensor, instance: dg.DagsterInstance
) -> None:
    """A file would lie in the inbox for ever, because somebody asked for it once."""
    sensor.drop("cvpr2016.json", as_list(range(8)), age_s=3600)
    request = asked(sensor.tick())
    assert request.run_key
    run = add_run(instance, REFRESH, tags={"dagster/run_key": request.run_key})
    assert isinstance(sensor.tick(), str)
    fail(instance, run)
    again = asked(sensor.tick(after_s=120.0))
    assert again.run_key != request.run_key


def test_a_clock_set_back_does_not_hold_a_file_up(sensor: Sensor) -> None:
    """A time stamp of next year is never an hour old: the file would wait until then."""
    sensor.drop("cvpr2016.json", as_list(range(8)), age_s=-(86400.0 * 365))
    sensor.tick()
    sensor.now -= 86400.0 * 30
    asked(sensor.tick())


def test_the_sensor_itself_asks(
    sensor: Sensor, instance: dg.DagsterInstance, workspace: Workspace
) -> None:
    """The parts would agree while the sensor lost its cursor between them."""
    write_list(workspace.data.inbox, CELL, [paper(1, cites=2)])
    cursor, answers = None, []
    for _ in range(3):
        context = dg.build_sensor_context(
            instance=instance, cursor=cursor, resources={"workspace": workspace}
        )
        result = scholar_dump().evaluate_tick(context)
        cursor = result.cursor
        answers.append(len(result.run_requests or []))
    assert answers == [0, 1, 0]
    shutil.rmtree(workspace.data.inbox)
