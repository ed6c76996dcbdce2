"""What every test may use, and the closing count of what did not run."""

import os
from collections import Counter
from pathlib import Path

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


def skip_reasons(reports: list[pytest.CollectReport | pytest.TestReport]) -> Counter[str]:
    """How many tests or files were skipped for each reason."""
    reasons: Counter[str] = Counter()
    for report in reports:
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        reasons[text.removeprefix("Skipped: ") or "no reason given"] += 1
    return reasons


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
    if deselected := len(terminalreporter.stats.get("deselected", [])):
        marks, words = config.getoption("markexpr"), config.getoption("keyword")
        rule = " ".join(f"-{o} '{v}'" for o, v in (("m", marks), ("k", words)) if v)
        only_slow = marks == "not slow" and not words
        hint = "; `make test-slow` runs them" if only_slow else ""
        terminalreporter.write_line(f"{deselected:5} left out by {rule or 'the selection'}{hint}")
