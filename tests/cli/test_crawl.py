"""`csimpact crawl` as a process: killed, refused, dry, and silent about its key."""

import gzip
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.main import run
from pipeline.corpus.openalex_query import SELECT, crawl_cost
from pipeline.settings import PROJECT, DataDir
from pipeline.simulation.literature import simulate_literature
from pipeline.simulation.openalex_server import Faults, RunningServer, serve
from tests.openalex import Request, page, scripted, work

KEY = "sEcReT-kEy-0123456789"
COMMAND = [sys.executable, "-m", "pipeline.cli.main", "crawl"]


@pytest.fixture(scope="module")
def shared_server() -> Iterator[RunningServer]:
    """Twenty pages of one venue-year, for those who have the key."""
    literature = simulate_literature(n_papers=2000, seed=7, venues=("acl",), years=(2019,))
    with serve(literature, api_key=KEY, latency_s=0.01) as server:
        yield server


@pytest.fixture
def server(shared_server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> RunningServer:
    """The server, and the environment that leads to it."""
    shared_server.calls.clear()
    shared_server.faults = Faults()
    monkeypatch.setenv("CSIMPACT_OPENALEX_URL", shared_server.url)
    monkeypatch.setenv("OPENALEX_API_KEY", KEY)
    monkeypatch.setenv("NO_COLOR", "1")
    return shared_server


@dataclass
class Storm:
    """What a number of killed crawls printed, and how many had asked for a page when killed."""

    n_killed: int
    printed: str


def storm(server: RunningServer, n_kills: int, seed: int) -> Storm:
    """Start crawls and kill each after a random number of pages; the last may end in peace."""
    dice, printed, killed = random.Random(seed), b"", 0
    while killed < n_kills:
        begun, pages = len(server.calls), dice.choice((0, 1, 1, 2, 2, 3))
        process = subprocess.Popen(
            [*COMMAND, "--venue", "acl", "--year", "2019"],
            cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        while len(server.calls) < begun + pages + 1 and process.poll() is None:
            time.sleep(0.001)
        time.sleep(dice.random() * 0.02)  # before, while and after the page is written
        if process.poll() is None:
            process.kill()
            killed += 1
        printed += process.communicate()[0]
        if process.returncode == 0:
            break
    return Storm(killed, printed.decode())


def check_truth(server: RunningServer, data: DataDir) -> None:
    """One delivered file, whose works are the server's."""
    (path,) = (data.inbox / "openalex").rglob("*.gz")
    header, *works = map(json.loads, gzip.decompress(path.read_bytes()).splitlines())
    true = [{k: v for k, v in w.items() if k in SELECT} for w in server.works("acl", 2019)]
    assert works == sorted(true, key=lambda w: str(w["id"]))
    assert header["complete"] is True


def holds_key(folder: Path) -> list[Path]:
    """Files with the key in them, in whatever form."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files

    def content(path: Path) -> bytes:
        data = path.read_bytes()
        return data + (gzip.decompress(data) if path.suffix == ".gz" else b"")

    return [path for path in files if KEY.encode() in content(path)]


def test_a_crawl_killed_again_and_again_ends_with_the_truth(
    server: RunningServer, data_dir: DataDir, capfd: pytest.CaptureFixture[str]
) -> None:
    """A page lost or doubled between the works and the cursor, by SIGKILL; and a key on disk."""
    killed = storm(server, 5, seed=1)
    assert killed.n_killed == 5
    assert holds_key(data_dir.root) == []  # the checkpoint still lies there
    finished = subprocess.run(
        [*COMMAND, "--venue", "acl", "--year", "2019", "--debug"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    check_truth(server, data_dir)
    needed = crawl_cost(2000).calls
    assert needed <= len(server.calls) <= 1.02 * needed + killed.n_killed
    assert holds_key(data_dir.root) == []
    assert KEY not in killed.printed + finished.stdout + finished.stderr
    assert "complete" in finished.stdout


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_kills(server: RunningServer, data_dir: DataDir, seed: int) -> None:
    """The moments that five kills do not hit."""
    killed = storm(server, 10, seed=100 + seed)
    assert run(["crawl", "--venue", "acl", "--year", "2019"]) == 0
    check_truth(server, data_dir)
    assert len(server.calls) <= 1.02 * crawl_cost(2000).calls + killed.n_killed


def test_a_dry_run_asks_once_and_keeps_nothing(
    server: RunningServer, data_dir: DataDir, capfd: pytest.CaptureFixture[str]
) -> None:
    """A price that is only known once it was paid."""
    assert run(["crawl", "--venue", "acl", "--year", "2018-2019", "--dry-run"]) == 0
    out = capfd.readouterr().out
    rows = [line.replace("│", " ").split() for line in out.splitlines()]
    assert ["acl", "2019", "2,000", "20", "0.20"] in rows
    assert ["acl", "2018", "0", "1", "0.01"] in rows
    assert ["all", "21", "0.21"] in rows
    assert "Asking took 2 calls, 0.02 cents" in out
    assert len(server.calls) == 2
    assert not data_dir.inbox.exists()


def test_a_crawl_then_a_poll(
    server: RunningServer, data_dir: DataDir, capfd: pytest.CaptureFixture[str]
) -> None:
    """The evening's crawl and the night's poll, as a person runs them."""
    assert run(["crawl", "--poll"]) == 0
    assert "No work of OpenAlex is known yet" in capfd.readouterr().out
    assert run(["crawl", "--venue", "ACL", "--year", "2019"]) == 0
    assert "Next: csimpact refresh" in capfd.readouterr().out
    assert run(["crawl", "--venue", "acl", "--year", "2019"]) == 0
    rows = [line.replace("│", " ").split() for line in capfd.readouterr().out.splitlines()]
    assert ["acl", "2019", "2,000", "20", "0.20", "no", "complete"] in rows
    calls = len(server.calls)
    assert run(["crawl", "--poll", "--dry-run"]) == 0
    out = " ".join(capfd.readouterr().out.split())
    assert "2,000 works are known: 20 calls, 0.20 cents" in out
    assert len(server.calls) == calls
    one = server.works("acl", 2019)[0]
    server.set_count(one["id"], one["cited_by_count"] + 1)
    assert run(["crawl", "--poll"]) == 0
    rows = [line.replace("│", " ").split() for line in capfd.readouterr().out.splitlines()]
    assert ["2,000", "1", "0", "0", "0", "20", "0.20", "yes"] in rows
    assert holds_key(data_dir.root) == []


def test_what_cannot_be_crawled_is_one_line(
    server: RunningServer, data_dir: DataDir, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each ends with exit code 2 and the remedy, before anything is asked."""
    for arguments, words in (
        ([], "expected --venue and --year, or --poll"),
        (["--venue", "acl"], "expected --venue and --year, or --poll"),
        (["--year", "2019"], "expected --venue and --year, or --poll"),
        (["--poll", "--venue", "acl", "--year", "2019"], "expected --venue and --year, or --poll"),
        (["--venue", "alc", "--year", "2019"], "nearest: alt, acl"),
        (["--venue", "naacl", "--venue", "acl", "--venue", "eacl", "--year", "2019"],
         "naacl, eacl: no OpenAlex source is registered"),
        (["--venue", "acl", "--year", "19"], "expected 2018 or 2016-2020"),
        (["--venue", "acl", "--year", "1950-1978"], "expected years within acl 1979-"),
        (["--venue", "acl", "--year", "2020-2019"], "expected years within acl 1979-"),
    ):  # fmt: skip
        assert run(["crawl", *arguments]) == 2, arguments
        told = capfd.readouterr().err
        assert words in told
        assert told.count("\n") == 1
    assert server.calls == []


def test_each_trouble_is_one_line_and_the_others_are_delivered(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One bad year of three must not take the others with it, nor hide among them."""

    def answer(request: Request) -> Any:
        bad = "publication_year:2018" in request.params["filter"]
        return page([work(11)], count=5 if bad else 1)

    with scripted(answer) as server:
        monkeypatch.setenv("CSIMPACT_OPENALEX_URL", server.url)
        assert run(["crawl", "--venue", "acl", "--year", "2017-2019"]) == 2
    told = capfd.readouterr()
    assert "acl 2018: OpenAlex says there are 5 works" in told.err
    assert told.err.count("\n") == 1
    assert told.out.count("complete") == 3  # one of them incomplete
    assert len(list((data_dir.inbox / "openalex").rglob("*.gz"))) == 3


def test_an_exhausted_budget_is_one_line_however_many_wait(
    server: RunningServer, data_dir: DataDir, capfd: pytest.CaptureFixture[str]
) -> None:
    """Forty lines that all say midnight."""
    server.faults = Faults(rates={"429_exhausted": 1.0})
    assert run(["crawl", "--venue", "acl", "--year", "2010-2019"]) == 2
    told = capfd.readouterr()
    assert told.err.count("\n") == 1
    assert "run the same command again after 20" in told.err
    assert told.out.count("waits for budget") == 10


def test_two_crawls_at_once_are_refused(
    server: RunningServer, data_dir: DataDir, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two processes that append to one checkpoint."""
    from resources.workspace import WorkspaceLock

    with WorkspaceLock(data_dir, "crawl", timeout_s=0):
        assert run(["crawl", "--venue", "acl", "--year", "2019"]) == 2
    assert "another crawl is running" in capfd.readouterr().err
    assert server.calls == []


def test_a_wrong_key_is_one_line_without_the_key(
    server: RunningServer,
    data_dir: DataDir,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The first mistake everybody makes, answered with their key in a bug report."""
    monkeypatch.setenv("OPENALEX_API_KEY", "wrong-" + KEY)
    assert run(["crawl", "--venue", "acl", "--year", "2019", "--debug"]) == 2
    told = capfd.readouterr()
    assert "environment variable OPENALEX_API_KEY" in told.err
    assert KEY not in told.out + told.err
    assert len(server.calls) == 1
