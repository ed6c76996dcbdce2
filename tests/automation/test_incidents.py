"""One readable page per failed run, and a message that never tells where it was sent."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dagster as dg
import pytest

from assets.materialise import INTERRUPTED, clear_errors
from pipeline.automation import incidents
from pipeline.automation.incidents import run_failure
from pipeline.automation.names import ASKED_BY, IN_PROCESS, REFRESH, WHY, job_tags
from pipeline.errors import StorageError
from resources.workspace import Workspace
from tests.automation.runs_of import add_run, fail

LINE = "could not write topic_pools: No space left on device: make room, then run again"
SECRET = "token-nobody-may-see"


class Sensor:
    """The sensor's ticks; the first one only learns where the log ends."""

    def __init__(self, instance: dg.DagsterInstance, workspace: Workspace) -> None:
        self.instance, self.workspace = instance, workspace
        self.cursor: str | None = None
        self.tick()

    def tick(self) -> None:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"workspace": self.workspace}
        )
        self.cursor = run_failure().evaluate_tick(context).cursor

    def pages(self) -> list[Path]:
        return sorted(self.workspace.data.incidents.glob("*"))


@pytest.fixture
def sensor(instance: dg.DagsterInstance, workspace: Workspace) -> Sensor:
    return Sensor(instance, workspace)


def run_refresh(instance: dg.DagsterInstance, error: Exception) -> str:
    """Id of a run whose second step fails."""

    @dg.op(out=dg.Out(dg.Nothing))
    def refresh_papers(context: dg.OpExecutionContext) -> None:
        for cell in ("cvpr|2016", "icml|2016"):
            context.log_event(dg.AssetMaterialization("papers", partition=cell))

    @dg.op(ins={"after": dg.In(dg.Nothing)})
    def refresh_topic_pools() -> None:
        with clear_errors():
            raise error

    @dg.job(name=REFRESH, tags=job_tags(REFRESH), executor_def=dg.in_process_executor)
    def job() -> None:
        refresh_topic_pools(refresh_papers())

    tags = {ASKED_BY: "scholar_dump", WHY: "in the inbox: cvpr2016.json"}
    return job.execute_in_process(instance=instance, raise_on_error=False, tags=tags).run_id


def test_the_page_says_what_failed_what_stays_and_what_to_do(sensor: Sensor) -> None:
    """A stack trace at seven in the morning helps nobody."""
    run_id = run_refresh(sensor.instance, StorageError(LINE))
    sensor.tick()
    (page,) = sensor.pages()
    assert page.name.endswith(f"-refresh-{run_id[:8]}.md")
    text = page.read_text()
    lines = text.splitlines()
    assert lines[0].startswith("# refresh failed, 20")
    assert lines[2] == LINE
    for part in (
        "- failed step: refresh_topic_pools",
        "- asked by: scholar_dump",
        "- why: in the inbox: cvpr2016.json",
        "- step refresh_papers",
        "- papers: 2 venue-years",
        "`csimpact refresh` redoes it now",
        f"/runs/{run_id}",
    ):
        assert part in text
    assert "Traceback" not in text


def test_a_failed_run_has_one_page(sensor: Sensor) -> None:
    """A tick repeated after a crash of the daemon would fill the folder."""
    cursor = sensor.cursor
    run_refresh(sensor.instance, StorageError(LINE))
    sensor.tick()
    sensor.cursor = cursor
    sensor.tick()
    assert len(sensor.pages()) == 1
    sensor.tick()
    assert len(sensor.pages()) == 1


def test_a_bug_is_named_by_its_own_line(sensor: Sensor) -> None:
    """Dagster's message only says that a step failed."""
    run_refresh(sensor.instance, KeyError("members"))
    sensor.tick()
    assert sensor.pages()[0].read_text().splitlines()[2] == "KeyError: 'members'"


def test_a_run_without_a_failed_step_has_a_page_too(sensor: Sensor) -> None:
    """A killed process leaves no step that failed."""
    fail(sensor.instance, add_run(sensor.instance, "fetch"), "its process 17 is gone")
    sensor.tick()
    text = sensor.pages()[0].read_text()
    assert "its process 17 is gone" in text
    assert "- nothing" in text
    assert "`csimpact crawl` fetches now" in text


def test_who_stopped_a_command_needs_no_page(sensor: Sensor) -> None:
    """Ctrl-C is no incident."""

    @dg.op
    def stage() -> None:
        raise dg.Failure(INTERRUPTED, allow_retries=False)

    @dg.job(name=REFRESH)
    def job() -> None:
        stage()

    job.execute_in_process(
        instance=sensor.instance, raise_on_error=False, tags={IN_PROCESS: "true"}
    )
    sensor.tick()
    assert sensor.pages() == []


class Receiver(BaseHTTPRequestHandler):
    """Takes what is posted; answers by path."""

    received: list[dict[str, str]]

    def do_POST(self) -> None:
        if "slow" in self.path:
            time.sleep(1.0)
        type(self).received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(500 if "broken" in self.path else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    Receiver.received = []
    with HTTPServer(("127.0.0.1", 0), Receiver) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


@pytest.mark.parametrize(
    ("path", "said"),
    [("", None), ("broken/", "it answered 500"), ("slow/", "ReadTimeout"), (None, "ConnectError"),
     ("bad", "UnsupportedProtocol")],
)  # fmt: skip
def test_the_webhook_is_told_and_its_address_is_told_to_nobody(
    sensor: Sensor,
    server: str,
    path: str | None,
    said: str | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whoever reads a log could post; and a silent receiver would cost the page or the tick."""
    monkeypatch.setattr(incidents, "WEBHOOK_TIMEOUT_S", 0.3)
    base = {None: "http://127.0.0.1:1", "bad": "mailto:nobody"}.get(path, server)
    monkeypatch.setenv("CSIMPACT_WEBHOOK", f"{base}/{path}{SECRET}")
    caplog.set_level(logging.DEBUG)
    run_id = run_refresh(sensor.instance, StorageError(LINE))
    sensor.tick()
    (page,) = sensor.pages()
    if said is None:
        assert Receiver.received == [
            {
                "text": f"csimpact: refresh failed: {LINE}",
                "job": "refresh",
                "run_id": run_id,
                "page": page.name,
            }
        ]
    printed = "".join([*capfd.readouterr(), caplog.text])
    assert (f"the webhook did not take {page.name}: {said}" in printed) == (said is not None)
    events = "".join(map(repr, sensor.instance.all_logs(run_id)))
    for text in (printed, page.read_text(), events, sensor.cursor or ""):
        assert SECRET not in text
