"""Dagster's own processes over a state folder: code server, daemon, web server.

Belongs here: starting them, waiting until they answer, killing and restarting one by its role, and
leaving none behind. Not: what they run (pipeline/definitions.py), nor `make dev`, which hands a
terminal to `dagster dev` (scripts/dev.py).

Each role is a process group of its own: a killed code server leaves the runs that it had started
alive, as on a real machine, and closing still finds them.

Example:
    >>> with running(data, webserver=True, env={"CSIMPACT_AUTOMATION": "on"}) as processes:
    ...     run_id = processes.launch("refresh")
    ...     processes.kill("daemon")
    ...     processes.start("daemon")
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline.errors import StorageError
from pipeline.settings import PROJECT, DataDir
from resources.dagster_home import SETTLED_TICKS, prepare_dagster_home

if TYPE_CHECKING:
    import dagster as dg

Role = Literal["code_server", "daemon", "webserver"]

START_TIMEOUT_S = 120.0  # on two busy cores, imports alone take ten seconds
LOCATION = "csimpact"
CLOSING = (signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)  # and seconds to end


@contextmanager
def running(
    data: DataDir,
    *,
    webserver: bool = False,
    daemon: bool = True,
    env: Mapping[str, str] | None = None,
    module: str = "pipeline.definitions",
    port: int | None = None,
) -> Iterator["Processes"]:
    """The processes, answering; all of them, and their runs, are gone afterwards.

    Raises StorageError with the last line of its log if one does not answer in time.

    Args:
        data: the state folder.
        webserver: also serve the UI, on loopback; runs can then be launched.
        daemon: also run sensors, schedules and the run queue.
        env: variables for all of them, beside those of this process.
        module: where the definitions are.
        port: of the web server; any free one by default.
    """
    processes = Processes(data, dict(env or {}), module, port or free_port())
    try:
        roles: list[Role] = ["code_server"]
        roles += ["daemon"] if daemon else []
        roles += ["webserver"] if webserver else []
        for role in roles:
            processes.start(role, wait=role == "code_server")  # the others ask it at once
        for role in roles:
            processes.wait(role)
        yield processes
    finally:
        processes.close()


@dataclass
class Processes:
    """The processes of one state folder, by role."""

    data: DataDir
    env: Mapping[str, str]
    module: str
    port: int
    code_port: int = field(default_factory=lambda: free_port())
    _started: dict[Role, subprocess.Popen[bytes]] = field(default_factory=dict)
    _since: dict[Role, float] = field(default_factory=dict)
    _groups: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Of the web server."""
        return f"http://127.0.0.1:{self.port}"

    def log(self, role: Role) -> Path:
        """What the process of a role printed."""
        return self.data.dagster / "processes" / f"{role}.log"

    def instance(self) -> "dg.DagsterInstance":
        """Dagster's records of this state folder; the caller uses it as a context manager."""
        import dagster as dg

        return dg.DagsterInstance.from_config(str(prepare_dagster_home(self.data)))

    def alive(self, role: Role) -> bool:
        """Whether the process of a role runs."""
        process = self._started.get(role)
        return process is not None and process.poll() is None

    def start(self, role: Role, *, wait: bool = True) -> None:
        """Start the process of a role that is not running."""
        home = prepare_dagster_home(self.data)
        path = self.log(role)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._since[role] = time.time()
        with path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *self._arguments(role, home)],
                cwd=home,  # so that nothing is written anywhere else
                env=self._environment(home),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started[role] = process
        self._groups.append(process.pid)
        if wait:
            self.wait(role)

    def _environment(self, home: Path) -> dict[str, str]:
        path = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        mine = {"CSIMPACT_DATA": str(self.data.root), "DAGSTER_HOME": str(home), "PYTHONPATH": path}
        return {**SETTLED_TICKS, **os.environ, **mine, **self.env}

    def _arguments(self, role: Role, home: Path) -> list[str]:
        if role == "code_server":
            where = ["--host", "127.0.0.1", "--port", str(self.code_port)]
            # One process, unlike `dagster code-server start`: who dies is who was killed.
            named = ["--module-name", self.module, "--location-name", LOCATION]
            return ["dagster", "api", "grpc", *where, *named, "--inject-env-vars-from-instance"]
        workspace = home / "processes" / "workspace.yaml"
        workspace.write_text(
            "load_from:\n  - grpc_server:\n      host: 127.0.0.1\n"
            f"      port: {self.code_port}\n      location_name: {LOCATION}\n"
        )
        if role == "daemon":
            return ["dagster._daemon", "run", "--workspace", str(workspace)]
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        return ["dagster_webserver", "--workspace", str(workspace), *where]

    def wait(self, role: Role, timeout_s: float = START_TIMEOUT_S) -> None:
        """Until the process of a role answers."""
        deadline = time.monotonic() + timeout_s
        while not self._answers(role):
            if not self.alive(role) or time.monotonic() > deadline:
                raise StorageError(
                    f"Dagster's {role} did not start ({_last_line(self.log(role))}): see "
                    f"{self.log(role)}"
                )
            time.sleep(0.1)

    def _answers(self, role: Role) -> bool:
        if role == "code_server":
            return _accepts(self.code_port)
        if role == "daemon":
            return self._heart_beats()
        try:
            with urllib.request.urlopen(f"{self.url}/server_info", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _heart_beats(self) -> bool:
        """Whether every daemon that this instance needs gave a sign since it was started."""
        with self.instance() as instance:
            wanted = set(instance.get_required_daemon_types())
            beats = instance.get_daemon_heartbeats()
        since = self._since["daemon"]
        return all(name in beats and beats[name].timestamp >= since for name in wanted)

    def kill(self, role: Role, number: int = signal.SIGKILL) -> None:
        """Kill the process of a role, and nothing that it started."""
        process = self._started.pop(role)
        with suppress(ProcessLookupError):
            process.send_signal(number)
        process.wait()

    def workers(self) -> list[int]:
        """Process ids of the runs that are under way, whoever of our code servers started them."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,pgid=,args="], capture_output=True, text=True, check=True
        )
        rows = (line.split(maxsplit=2) for line in listed.stdout.splitlines())
        return [
            int(pid)
            for pid, group, args in (row for row in rows if len(row) == 3)
            if int(group) in self._groups and "multiprocessing.spawn" in args
        ]

    def kill_workers(self) -> int:
        """Kill the processes of all runs under way; gives how many there were."""
        workers = self.workers()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(workers)

    def launch(
        self,
        job: str,
        run_config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Queue a run by the web server, as a person does in the UI; gives its id."""
        from dagster_graphql import DagsterGraphQLClient

        client = DagsterGraphQLClient("127.0.0.1", port_number=self.port)
        return client.submit_job_execution(
            job, run_config=dict(run_config or {}), tags=dict(tags or {})
        )

    def close(self) -> None:
        """End every process, and every run they started, also those of killed ones."""
        for number, patience_s in CLOSING:
            for group in self._groups:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, number)
            deadline = time.monotonic() + patience_s
            while any(map(_any_left, self._groups)) and time.monotonic() < deadline:
                for process in self._started.values():
                    process.poll()  # a process is gone when its parent has asked for its end
                time.sleep(0.05)
        self._started.clear()


def _any_left(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else "it printed nothing"
