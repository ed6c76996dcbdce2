"""What every test may use, and the closing count of what did not run."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from pipeline.settings import PROJECT, DataDir

# A slow machine is no failure; and a build must not fail by luck that nobody can repeat.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    """An empty state folder that the code under test takes for its own."""
    data = DataDir(tmp_path / "data")
    data.root.mkdir()
    monkeypatch.setenv("CSIMPACT_DATA", str(data.root))
    return data


@pytest.fixture(scope="session")
def real_lists() -> Path:
    """The folder of real dumps: `CSIMPACT_SHARED_DATA`, else `shared/data` beside the project."""
    named = os.environ.get("CSIMPACT_SHARED_DATA")
    folder = Path(named) if named else PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real dumps absent: set CSIMPACT_SHARED_DATA to their folder")
    return folder


# What output formats, terminals and SQL stumble over; each is the title of one small_library paper.
NASTY_TITLES = (
    """Quotes "double" and 'single', commas; semicolons""",
    "[bold]Markup[/bold] is [red]not[/] interpreted :smile:",
    "שלום עולם: למידה עמוקה",
    "Four bytes 😀 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "=SUM(A1:A9) | a pipe, a \\backslash and %s",
)
TOPICS = ("graph networks", "image retrieval", "speech synthesis", "robot grasping")


def _paper(title: str, citations: int, **more: str) -> dict[str, Any]:
    common = {"status": "Poster", "author": "Ada Lovelace", "abstract": f"About {title}."}
    return {"title": title, "gs_citation": citations} | common | more


@pytest.fixture(scope="session")
def small_library(tmp_path_factory: pytest.TempPathFactory) -> DataDir:
    """A built data folder: 70 papers of three venue-years, scored in 2022, a small pool in 2023.

    Also a rejected paper, a row in quarantine, two papers of one title, one without a count.
    """
    from assets import corpus, impact, retriever
    from pipeline.models.tiny import write_tiny_encoder
    from resources.workspace import open_workspace

    data, lists = DataDir(tmp_path_factory.mktemp("library")), tmp_path_factory.mktemp("lists")
    titles = [f"{TOPICS[i % 4].title()} number {i}" for i in range(40)]
    files = {
        "cvpr2022": [
            *(_paper(title, 3 * i) for i, title in enumerate(titles)),
            _paper("A rejected paper", 9, status="Reject"),
            _paper("", 1),
        ],
        "iclr2022": [
            *(_paper(title, 500) for title in NASTY_TITLES),
            _paper("The same title", 1),
            _paper("A paper nobody counted", -1),
            *(_paper(f"Optimisation of {TOPICS[i % 4]}, part {i}", i) for i in range(18)),
        ],
        "cvpr2023": [_paper("The same title", 2), *(_paper(f"Later {t}", 1) for t in TOPICS)],
    }
    for name, rows in files.items():
        (lists / f"{name}.json").write_text(json.dumps(rows))
    write_tiny_encoder(data.models / "tiny", seed=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        workspace = open_workspace(data)
        assert workspace.import_files([lists]).refused == []
        for stage in (*corpus.STAGES, *retriever.STAGES, *impact.STAGES):
            list(stage.run(workspace, stage.stale(workspace)))
    return data


@pytest.fixture
def library_env(small_library: DataDir, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    """`small_library` as the one the code under test takes for its own; read only."""
    monkeypatch.setenv("CSIMPACT_DATA", str(small_library.root))
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    return small_library


@pytest.fixture
def own(small_library: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    """A copy of `small_library` to write in, as the one the code under test takes for its own."""
    data = DataDir(tmp_path / "library")
    shutil.copytree(small_library.root, data.root)
    monkeypatch.setenv("CSIMPACT_DATA", str(data.root))
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    return data


@pytest.fixture(scope="session")
def analyst_library(tmp_path_factory: pytest.TempPathFactory) -> DataDir:
    """A built data folder: simulated papers of three sources and two days (tests/analyst.py)."""
    from tests.analyst import build_analyst_library

    data = DataDir(tmp_path_factory.mktemp("analyst"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        build_analyst_library(data, tmp_path_factory.mktemp("outbox"))
    return data


@pytest.fixture
def analyst_env(analyst_library: DataDir, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    """`analyst_library` as the one the code under test takes for its own; read only."""
    monkeypatch.setenv("CSIMPACT_DATA", str(analyst_library.root))
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    return analyst_library


@pytest.fixture
def small_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    """A validation that simulates little: how well it does so is tested beside the studies."""
    from pipeline.impact.validation import calibration, interval_study

    monkeypatch.setattr(interval_study, "POOL_SIZES", (30,))
    monkeypatch.setattr(interval_study.coverage_figures, "__kwdefaults__", {"repetitions": 20})
    monkeypatch.setattr(calibration.planted_calibration, "__kwdefaults__", {"resamples": 2})


def skip_reasons(reports: list[pytest.CollectReport | pytest.TestReport]) -> Counter[str]:
    """How many tests or files were skipped for each reason."""
    reasons: Counter[str] = Counter()
    for report in reports:
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        reasons[text.removeprefix("Skipped: ") or "no reason given"] += 1
    return reasons


SERVERS = {"postgres": "make test-postgres"}
"""Marks of tests that start servers of other makers, and what runs them."""


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marks of SERVERS."""
    for mark, command in SERVERS.items():
        config.addinivalue_line("markers", f"{mark}: starts a server; `{command}`")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out tests that need a server, unless their mark is named in `-m`."""
    named = config.getoption("markexpr")
    for mark in (m for m in SERVERS if m not in named):
        left_out = [item for item in items if item.get_closest_marker(mark)]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
        config.stash.setdefault(LEFT_OUT, {})[mark] = len(left_out)


LEFT_OUT = pytest.StashKey[dict[str, int]]()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Closes with what did not run and why: silence would read as "all was tested"."""
    reasons = skip_reasons(terminalreporter.stats.get("skipped", []))
    for report in terminalreporter.stats.get("xfailed", []):
        reasons[f"known failure: {report.wasxfail or report.nodeid}"] += 1
    terminalreporter.section(f"skipped: {reasons.total()}")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5} × {reason}")
    servers = config.stash.get(LEFT_OUT, {})
    for mark, count in servers.items():
        if count:
            line = f"{count:5} left out: they start a {mark} server; `{SERVERS[mark]}` runs them"
            terminalreporter.write_line(line)
    deselected = len(terminalreporter.stats.get("deselected", [])) - sum(servers.values())
    if deselected:
        marks, words = config.getoption("markexpr"), config.getoption("keyword")
        rule = " ".join(f"-{o} '{v}'" for o, v in (("m", marks), ("k", words)) if v)
        only_slow = marks == "not slow" and not words
        hint = "; `make test-slow` runs them" if only_slow else ""
        terminalreporter.write_line(f"{deselected:5} left out by {rule or 'the selection'}{hint}")
