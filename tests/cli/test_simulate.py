"""`csimpact simulate serve`: a process that serves until it is told to stop."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from pipeline.cli.main import run
from pipeline.settings import PROJECT

COMMAND = [sys.executable, "-m", "pipeline.cli.main", "simulate", "serve", "--papers", "60"]


@contextmanager
def serving(*options: str, key: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *options],
        cwd=PROJECT,
        env=os.environ | {"OPENALEX_API_KEY": key},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.search(r"CSIMPACT_OPENALEX_URL=(http://127\.0\.0\.1:\d+)", line)
        assert address, process.communicate(timeout=5)
        assert "60 simulated papers, none of them real" in line
        yield process, address[1]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(asked: signal.Signals) -> None:
    """A server that leaves with a traceback, or not at all, spoils the terminal."""
    with serving("--seed", "3") as (process, address):
        answer = httpx.get(f"{address}/works", params={"per_page": 1, "cursor": "*"})
        assert answer.json()["meta"]["count"] == 60
        process.send_signal(asked)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")


def test_budget_key_and_faults_are_options() -> None:
    """The key comes from the environment and is printed nowhere."""
    options = ("--api-key-from-env", "--budget-usd", "0.1", "--fault", "html", "--fault-rate", "1")
    with serving(*options, key="a-secret") as (process, address):
        page = httpx.get(f"{address}/works", params={"api_key": "a-secret"})
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["x-ratelimit-limit"] == "1000"
        assert httpx.get(f"{address}/works").headers["x-ratelimit-limit"] == "100"
        assert httpx.get(f"{address}/works", params={"api_key": "no"}).status_code == 401
        process.terminate()
        out, err = process.communicate(timeout=10)
        assert "a-secret" not in out + err


def test_what_cannot_be_served_is_one_line(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each ends with exit code 2 and the remedy, never with a traceback."""
    monkeypatch.delenv("OPENALEX_API_KEY", raising=False)
    with serving() as (_, address):
        port = address.rsplit(":", 1)[1]
        for options, words in (
            (["--port", port], f"port {port}: expected a free port"),
            (["--fault", "nope"], "received nope"),
            (["--api-key-from-env"], "expected a key in OPENALEX_API_KEY"),
            (["--papers", "0"], "--papers"),
        ):
            assert run(["simulate", "serve", *options]) == 2, options
            error = capfd.readouterr().err
            assert words in error
            assert error.count("\n") == 1
