"""The set-up around the code: lock, make, preflight, contracts, documents."""

import ast
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import preflight
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipeline.settings import PROJECT
from pipeline.tables import TABLES
from pipeline.tables.dictionary import data_dictionary

MAY_KNOW_THE_OUTSIDE = {
    "run_job",
    "train",
    "overview",
    "refresh",
    "automation",
    "cli",
    "definitions",
    "demo",
    "doctor",
    "query",
}


def project_file() -> dict[str, Any]:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text())


def locked() -> dict[str, str]:
    lines = (PROJECT / "requirements.lock").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_lock_pins_versions_and_nothing_else() -> None:
    """A hash, a local label or an index in the lock would bind strangers to one machine."""
    lines = (PROJECT / "requirements.lock").read_text().splitlines()
    odd = [x for x in lines if not re.fullmatch(r"# .*|#|[a-z0-9-]+==[\w.]+", x)]
    assert odd == []
    assert locked()["torch"] == "2.13.0"
    assert "setuptools" in locked()  # builds the editable install
    assert not [name for name in locked() if re.match(r"nvidia|cuda|triton", name)]


def test_lock_satisfies_every_declared_dependency() -> None:
    """A dependency added without `make lock` would float on fresh machines."""
    project = project_file()["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["dev"], *extras["minilm"]]
    pins = locked()
    unmet = [
        text
        for text in declared
        if (r := Requirement(text))
        and not r.specifier.contains(pins.get(canonicalize_name(r.name), "0"))
    ]
    assert unmet == [], "run `make lock`"


def test_installed_versions_are_the_locked_ones() -> None:
    """Results measured with other versions than the lock's would be nobody else's results."""

    def installed(name: str) -> str:
        try:
            return version(name).partition("+")[0]
        except PackageNotFoundError:
            return "absent"

    if Path(sys.prefix).resolve() != PROJECT / ".venv":
        pytest.skip("not in the project's .venv: versions are the environment's own")
    assert {n: installed(n) for n, v in locked().items() if installed(n) != v} == {}


@pytest.mark.skipif(shutil.which("make") is None, reason="make absent")
def test_make_lists_every_target() -> None:
    """`make` alone is the only manual most people read."""
    listed = subprocess.run(["make"], cwd=PROJECT, capture_output=True, text=True, check=True)
    targets = set(re.findall(r"^  make ([a-z-]+)", listed.stdout, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert targets == set(phony[1].split())
    assert {"demo", "test", "dev", "setup", "lock", "docs"} <= targets


def test_ci_calls_make_test() -> None:
    """CI that checks something else than `make test` lets the two drift apart."""
    script = PROJECT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().rstrip().endswith("exec make test")


def test_data_dictionary_is_current() -> None:
    """A table changed in code alone would leave analysts with last month's columns."""
    page = (PROJECT / "docs" / "data-dictionary.md").read_text()
    assert page == data_dictionary(TABLES.values()), "run `make docs`"


def test_no_dagster_section_beats_the_workspace() -> None:
    """[tool.dagster] or [tool.dg] would silently win over workspace.yaml."""
    assert not {"dagster", "dg"} & project_file()["tool"].keys()


def test_every_science_module_is_under_contract() -> None:
    """A new module that no contract names may import Dagster unseen."""
    contracts = project_file()["tool"]["importlinter"]["contracts"]
    named = {m.removeprefix("pipeline.") for m in contracts[1]["source_modules"]}
    children = [p for p in (PROJECT / "pipeline").iterdir() if not p.name.startswith("_")]
    modules = {p.stem for p in children if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert modules - MAY_KNOW_THE_OUTSIDE - named == set(), "add them in [tool.importlinter]"


def test_no_tracked_file_names_a_folder_of_one_machine() -> None:
    """A path of the author's machine breaks, or tells, elsewhere."""
    if shutil.which("git") is None or not (PROJECT / ".git").exists():
        pytest.skip("no git checkout: tracked files unknown")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    local = re.compile(r"(?<![\w.}-])/(?:work|root|opt|tmp/(?:wt|v)|home/[a-z]|Users/[A-Za-z])/")
    naming = [
        f"{name}: {found[0]}"
        for name in listed.stdout.split("\0")
        if name
        and (PROJECT / name).is_file()
        and (found := local.search((PROJECT / name).read_text(errors="ignore")))
    ]
    assert naming == []


def test_an_old_python_is_told_in_one_line() -> None:
    """Python 3.9 would otherwise fail minutes later, deep inside pip."""
    line = preflight.lacks_python((3, 9, 6))
    assert line
    assert line.startswith("Python: expected 3.11, received 3.9.6 (")
    assert "make PYTHON=" in line
    assert "\n" not in line
    assert preflight.lacks_python((3, 11, 0)) is None
    assert preflight.lacks_python((3, 12, 1)) is not None


def test_preflight_speaks_the_syntax_of_python_38() -> None:
    """A SyntaxError instead of the clear line is what a preflight exists to prevent."""
    for name in ("preflight.py", "install.py"):
        ast.parse((PROJECT / "scripts" / name).read_text(), feature_version=(3, 8))


def test_every_lack_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One lack per attempt makes five attempts of one."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("CSIMPACT_DATA", str(tmp_path / "file" / "data"))
    monkeypatch.setattr(preflight, "PYTHON", (3, 99))
    monkeypatch.setattr(preflight, "INSTALL_GB", 10**9)
    monkeypatch.setattr(preflight.importlib.util, "find_spec", lambda name: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        lines = preflight.lacking(install=True, port=taken.getsockname()[1])
    assert [line.partition(":")[0] for line in lines] == [
        "Python",
        "venv",
        "disk",
        "state folder",
        "port",
    ]
    assert all("expected" in x and "received" in x and "\n" not in x for x in lines)


def test_preflight_exits_2_and_leaves_no_trace(tmp_path: Path) -> None:
    """make must stop there; and a check that makes folders is no check."""
    script = str(PROJECT / "scripts" / "preflight.py")
    state = tmp_path / "state"
    fine = subprocess.run([sys.executable, script], env={"CSIMPACT_DATA": str(state)})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, script, "--port", str(taken.getsockname()[1])]
        busy = subprocess.run(
            command, env={"CSIMPACT_DATA": str(state)}, capture_output=True, text=True
        )
    assert (fine.returncode, busy.returncode) == (0, 2)
    assert busy.stderr.count("\n") == 1
    assert not state.exists()
