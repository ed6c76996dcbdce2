"""Refreshes in processes of their own, and the deliveries they refresh.

Belongs here: helpers of the tests of crashes and faults. Not: tests.
"""

import subprocess
import sys
from pathlib import Path

from pipeline.settings import PROJECT, DataDir
from resources.workspace import Workspace
from tests.library import deliver, papers, run_stages, tiny_workspace

# What a process does besides refreshing: argv is the state folder, the mischief, its number.
DRIVER = """
import os, resource, signal, sys, time
from pathlib import Path
from unittest import mock
import assets.materialise, assets.retriever, resources.lake, resources.vector_store
import dagster as dg
from pipeline.errors import CsimpactError
from pipeline.refresh import refresh
from pipeline.settings import DataDir
from tests.library import reopened

data, mischief, number = DataDir(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
seen = 0

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def at_number(real, act):
    def called(*args, **kwargs):
        global seen
        seen += 1
        if seen == number:
            act(*args)
        return real(*args, **kwargs)
    return called

def wait(*_):
    (data.root / "holding").touch()
    while not (data.root / "go").exists():
        time.sleep(0.02)

def full(real):
    def write(path, payload, **how):
        if "topic_pools" not in str(path):
            return real(path, payload, **how)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        try:
            return real(path, payload, **how)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    return write

lake, vectors = resources.lake, resources.vector_store.VectorStore
places = {
    "hold": (assets.retriever, "_encode", lambda real: at_number(real, wait)),
    # Between the temporary file and its renaming.
    "kill_write": (lake.Path, "replace", lambda real: at_number(real, die)),
    "kill_encode": (assets.retriever, "_encode", lambda real: at_number(real, die)),
    "kill_index": (vectors, "compact", lambda real: at_number(real, die)),
    "kill_state": (lake.Lake, "commit", lambda real: at_number(real, die)),
    "full_disk": (lake, "replace_file", full),
    "nothing": (lake, "replace_file", lambda real: real),
}
if mischief == "runs_at_once":
    from pipeline.definitions import build_defs
    from resources.dagster_home import prepare_dagster_home
    os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(data))
    job = build_defs(workspace=reopened(data)).get_job_def("refresh")
    (data.root / f"ready-{os.getpid()}").touch()
    while not (data.root / "go").exists():
        time.sleep(0.02)
    result = job.execute_in_process(instance=dg.DagsterInstance.get(), raise_on_error=False)
    sys.exit(not result.success)

assets.materialise.RETRIES = dg.RetryPolicy(max_retries=1, delay=0.05)
place, name, change = places[mischief]
try:
    with mock.patch.object(place, name, change(getattr(place, name))):
        refresh(reopened(data))
except CsimpactError as problem:
    print(problem, file=sys.stderr)
    sys.exit(2)
"""


def delivered(folder: Path) -> Workspace:
    workspace = tiny_workspace(folder)
    deliver(workspace, ("cvpr", 2016), papers(range(8)), "2024-01-01")
    deliver(workspace, ("icml", 2016), papers(range(100, 108)), "2024-01-01")
    return workspace


def news(workspace: Workspace) -> None:
    """A later list: papers gone and new, counts moved."""
    deliver(workspace, ("cvpr", 2016), papers(range(3, 12), cites=4), "2024-02-01")


def start(data: DataDir, mischief: str, number: int = 1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(data.root), mischief, str(number)],
        cwd=PROJECT,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Exit code and lines of stderr."""
    try:
        _, stderr = process.communicate(timeout=90)
    finally:
        process.kill()
    return process.returncode, stderr.strip().splitlines()


def undisturbed(folder: Path) -> Workspace:
    """The same deliveries, refreshed in peace."""
    workspace = delivered(folder)
    run_stages(workspace)
    news(workspace)
    run_stages(workspace)
    return workspace
