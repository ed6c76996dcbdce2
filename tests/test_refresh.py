"""`csimpact refresh` in processes of its own: two at once, killed, on a full or read-only disk."""

import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipeline.refresh import plan_refresh, refresh
from pipeline.tables import TABLES
from resources.dagster_home import prepare_dagster_home
from resources.workspace import Workspace
from tests.library import assert_same_tables, raw_tables, reopened, run_stages
from tests.refreshing import delivered, ended, news, start, undisturbed


@pytest.fixture(autouse=True)
def _tiny_encoder_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two venue-years of one window, delivered and not yet loaded."""
    return delivered(tmp_path)


def test_a_second_refresh_ends_with_one_line(workspace: Workspace) -> None:
    """Two at once would write one file twice and mint ids twice."""
    first = start(workspace.data, "hold")
    deadline = time.monotonic() + 60
    while not (workspace.data.root / "holding").exists():
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    code, lines = ended(start(workspace.data, "nothing"))
    (workspace.data.root / "go").touch()
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("another refresh is running on this data folder")
    assert ended(first)[0] == 0
    assert plan_refresh(workspace) == []


def test_ctrl_c_ends_a_refresh_at_once(workspace: Workspace) -> None:
    """Dagster retries what was interrupted: Ctrl-C once had to be pressed four times."""
    process = start(workspace.data, "hold")
    deadline = time.monotonic() + 60
    while not (workspace.data.root / "holding").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    code, lines = ended(process)
    assert code == -signal.SIGINT
    assert lines[-1] == "KeyboardInterrupt"
    assert workspace.lake.cells("papers")  # what was finished is kept
    refresh(reopened(workspace.data))
    assert plan_refresh(reopened(workspace.data)) == []


def test_killed_refreshes_lose_nothing(tmp_path: Path, workspace: Workspace) -> None:
    """Killed between file and rename, while encoding, in LanceDB, before the state is kept.

    A killed run also keeps its pool slot: the next one once waited for it for ever.
    """
    rng = random.Random(7)
    kills = [
        ("kill_write", rng.randrange(1, 12)),
        ("kill_encode", 1),
        ("kill_index", 1),
        ("kill_state", rng.randrange(1, 4)),
    ]
    for mischief, number in kills:
        if mischief == "kill_state":
            news(workspace)
        assert ended(start(workspace.data, mischief, number))[0] == -9, mischief
    report = refresh(reopened(workspace.data))
    assert report.run_id
    after = reopened(workspace.data)
    assert plan_refresh(after) == []
    assert_same_tables(raw_tables(after), raw_tables(undisturbed(tmp_path / "peace")))
    assert after.vectors.count() == raw_tables(after)["papers"].height


@pytest.mark.slow
def test_killed_at_any_moment_a_refresh_converges(tmp_path: Path, workspace: Workspace) -> None:
    """Chosen moments are those somebody thought of; the seed is the process number."""
    run_stages(workspace)
    news(workspace)
    process = start(workspace.data, "nothing")
    moment = random.Random(process.pid).uniform(3, 9)
    time.sleep(moment)
    process.kill()
    assert process.wait() in (0, -9)
    run_stages(reopened(workspace.data))
    after = reopened(workspace.data)
    assert plan_refresh(after) == [], moment
    assert_same_tables(raw_tables(after), raw_tables(undisturbed(tmp_path / "peace")))


@pytest.mark.slow
def test_runs_at_once_share_one_database(tmp_path: Path, workspace: Workspace) -> None:
    """Three runs on the same venue-years, whose records somebody else keeps locked for seconds."""
    run_stages(workspace)
    news(workspace)
    home = prepare_dagster_home(workspace.data)
    with dg.DagsterInstance.from_config(str(home)):
        pass  # its databases exist, so that they can be locked
    processes = [start(workspace.data, "runs_at_once") for _ in range(3)]
    deadline = time.monotonic() + 60
    while len(list(workspace.data.root.glob("ready-*"))) < 3:
        assert all(process.poll() is None for process in processes)
        assert time.monotonic() < deadline
        time.sleep(0.02)
    locked = [sqlite3.connect(path) for path in (home / "history").rglob("*.db")]
    for connection in locked:
        connection.execute("BEGIN IMMEDIATE")
    (workspace.data.root / "go").touch()
    time.sleep(3)
    for connection in locked:
        connection.close()
    assert locked
    for process in processes:
        code, lines = ended(process)
        assert code == 0, lines
    after = reopened(workspace.data)
    run_stages(after)
    assert_same_tables(raw_tables(after), raw_tables(undisturbed(tmp_path / "peace")))
    assert after.vectors.paper_ids().len() == raw_tables(after)["papers"].height


def test_a_full_disk_is_one_line_and_heals(tmp_path: Path, workspace: Workspace) -> None:
    """A write that fails must leave the old file, say so once, and be made good later."""
    refresh(workspace)
    before = raw_tables(workspace)
    news(workspace)
    code, lines = ended(start(workspace.data, "full_disk"))
    assert code == 2, lines
    assert len(lines) == 1, lines
    assert lines[0].startswith("topic_pools: could not write ")
    assert "make room" in lines[0]
    after = raw_tables(workspace)
    for table in ("topic_pools", "tncsi_sp"):
        assert after[table].equals(before[table]), table
    assert not list(workspace.data.lake.rglob("*.tmp"))
    refresh(reopened(workspace.data))
    assert_same_tables(raw_tables(workspace), raw_tables(undisturbed(tmp_path / "peace")))


@pytest.fixture
def read_only_lake(workspace: Workspace) -> Iterator[Workspace]:
    """A loaded library with news, whose lake nobody may write, root included."""
    run_stages(workspace)
    news(workspace)
    folders = [p for p in workspace.data.lake.rglob("*") if p.is_dir()]
    change = shutil.which("chattr") or "chattr"
    if subprocess.run([change, "+i", *folders], capture_output=True, check=False).returncode:
        for folder in folders:
            folder.chmod(0o500)
        try:
            (folders[0] / "probe").touch()
            pytest.skip("nothing here makes a folder read-only for this user")
        except OSError:
            pass
    yield workspace
    subprocess.run([change, "-i", *folders], capture_output=True, check=False)
    for folder in folders:
        folder.chmod(0o755)


def test_a_read_only_lake_is_one_line(read_only_lake: Workspace) -> None:
    """Somebody else's library is read, never half changed."""
    before = {t: raw_tables(read_only_lake)[t] for t in TABLES}
    code, lines = ended(start(read_only_lake.data, "nothing"))
    assert code == 2
    assert len(lines) == 1, lines
    assert lines[0].startswith("dump_shards: ")
    after = raw_tables(read_only_lake)
    assert all(after[t].equals(before[t]) for t in TABLES)
