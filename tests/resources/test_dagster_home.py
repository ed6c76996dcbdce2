import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipeline.errors import StorageError
from pipeline.settings import PROJECT, DataDir
from resources.dagster_home import dagster_yaml, prepare_dagster_home


def base_dirs(text: str) -> list[str]:
    config = yaml.safe_load(text)
    return [
        config["storage"]["sqlite"]["base_dir"],
        config["local_artifact_storage"]["config"]["base_dir"],
        config["compute_logs"]["config"]["base_dir"],
    ]


def test_template_keeps_its_state_below_data() -> None:
    """A `dagster dev` typed by hand at the project's root would keep a second history."""
    relative = base_dirs((PROJECT / "dagster.yaml").read_text())
    assert relative == ["data/dagster", "data/dagster", "data/dagster/logs"]


@pytest.mark.parametrize("name", ["plain", "with space", "it's: #1", 'ü\\"', "日本 🎓"])
def test_every_base_dir_moves_to_the_home(name: str) -> None:
    """A path that YAML reads otherwise would send Dagster's history to another folder."""
    home = Path("/state") / name
    moved = base_dirs(dagster_yaml((PROJECT / "dagster.yaml").read_text(), home))
    assert moved == [str(home), str(home), f"{home}/logs"]


def test_home_is_written_once_and_follows_the_template(data_dir: DataDir) -> None:
    """A rewrite on every start would race with a running daemon; a stale file would mislead it."""
    home = prepare_dagster_home(data_dir)
    written = home / "dagster.yaml"
    before = written.stat().st_mtime_ns
    assert prepare_dagster_home(data_dir) == home == data_dir.dagster
    assert written.stat().st_mtime_ns == before
    written.write_text("storage: stale")
    prepare_dagster_home(data_dir)
    assert base_dirs(written.read_text())[0] == str(home)
    assert [f.name for f in home.iterdir()] == ["dagster.yaml"]


def test_unwritable_home_is_one_clear_line(data_dir: DataDir) -> None:
    """A file in the way of the folder must not end in a traceback."""
    data_dir.dagster.write_text("in the way")
    with pytest.raises(StorageError, match=r"expected to write .*; free the folder"):
        prepare_dagster_home(data_dir)


def test_dagster_accepts_the_instance(data_dir: DataDir) -> None:
    """A misspelt key is refused only when Dagster starts; a lost one unguards the pools."""
    from dagster import DagsterInstance

    home = prepare_dagster_home(data_dir)
    with DagsterInstance.from_config(str(home)) as instance:
        assert not instance.telemetry_enabled
        assert instance.global_op_concurrency_default_limit == 1
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 60
        assert instance.root_directory == str(home)
        assert not instance.nux_enabled


DEFINITIONS = """
import dagster as dg

@dg.asset(pool="lancedb")
def answer() -> int:
    return 42

defs = dg.Definitions(assets=[answer], jobs=[dg.define_asset_job("one", ["answer"])])
"""


def listening(port: int) -> list[str]:
    """Local addresses, as hexadecimal, that listen on `port`; Linux only."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            address, number = line.split()[1].rsplit(":", 1)
            if line.split()[3] == "0A" and int(number, 16) == port:
                found.append(address)
    return found


@pytest.fixture
def short() -> Iterator[Path]:
    """A temporary folder whose name leaves room for a socket's: 107 bytes are all it may have."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's list of listening sockets")
def test_dev_serves_on_loopback_and_writes_into_the_state_folder_only(
    tmp_path: Path, short: Path
) -> None:
    """A UI open to the network, or a second history in the home folder, would go unnoticed."""
    port = 34567
    user, code = tmp_path / "user", tmp_path / "code"
    for folder in (user, code):
        folder.mkdir()
    (code / "trivial.py").write_text(DEFINITIONS)
    file = {"relative_path": str(code / "trivial.py"), "working_directory": str(code)}
    workspace = code / "workspace.yaml"
    workspace.write_text(json.dumps({"load_from": [{"python_file": file}]}))
    state = tmp_path / "the state"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DAGSTER")}
    surroundings = inherited | {
        "PYTHONPATH": str(PROJECT),  # this checkout, whatever is installed
        "HOME": str(user),
        "TMPDIR": str(short),
        "CSIMPACT_DATA": str(state),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, str(PROJECT / "scripts" / "dev.py")]
    command += ["--port", str(port), "--workspace", str(workspace)]
    before = set(PROJECT.iterdir())
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            command, env=surroundings, cwd=code, stdout=log, stderr=log, start_new_session=True
        )
        try:
            wait_for_location(port, server)
            assert set(listening(port)) == {"0100007F"}  # 127.0.0.1, little-endian
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=90)
    assert (state / "dagster" / "history" / "runs.db").exists()
    assert sorted(p.name for p in user.rglob("*")) == []
    assert [p for p in short.rglob("*") if p.is_file()] == []  # a socket may stay
    assert {p.name for p in code.iterdir()} == {"trivial.py", "workspace.yaml"}
    assert set(PROJECT.iterdir()) == before


def wait_for_location(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until the UI answers that the asset is loaded; fails after two minutes."""
    query = b'{"query": "{ assetNodes { assetKey { path } } }"}'
    for _ in range(240):
        assert server.poll() is None, "dagster dev ended by itself"
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/graphql", query, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                if json.load(answer)["data"]["assetNodes"] == [{"assetKey": {"path": ["answer"]}}]:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError("the UI did not come up within two minutes")
