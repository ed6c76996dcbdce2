"""The impact report as an asset: made once of the same inputs, among the nightly reports."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from assets.impact_report import IMPACT_REPORT, impact_report, read_last_night
from assets.night_report import night_report
from assets.wholes import TrainConfig
from pipeline.settings import PROJECT
from resources.impact_page import ImpactPage
from resources.reports import Reports
from resources.workspace import Workspace
from tests.library import deliver, paper, papers, reopened, run_stages, tiny_workspace

CVPR, ACL = ("cvpr", 2016), ("acl", 2016)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = tiny_workspace(tmp_path)
    deliver(made, CVPR, papers(range(8)))
    deliver(made, ACL, [paper(20 + i, cites=i, title=f"<b>{i}</b> of things") for i in range(6)])
    run_stages(made)
    return made


def test_the_page_and_its_plots(workspace: Workspace) -> None:
    """A page without its figures in Dagster, or figures that are not those of the page."""
    result = impact_report(workspace, TrainConfig())
    pages = ImpactPage(workspace.data.impact_report)
    page = pages.page.read_text(encoding="utf-8")
    document = orjson.loads(pages.document.read_bytes())
    assert result.made
    assert result.plots
    assert len(result.plots) == page.count("<img ")
    assert not result.plots.keys() & result.facts.keys()
    metadata = result.metadata()
    assert metadata["plot_coverage_with_count"].value.startswith(
        "![plot_coverage_with_count](data:image/png;"
    )
    assert metadata["page"].path == str(pages.page)
    assert metadata["library_papers"] == 14
    assert document["sections"]["library"]["numbers"]["papers"] == 14
    assert "&lt;b&gt;" in page
    assert "<code>csimpact overview</code>" in page
    assert not [p for p in pages.page.parent.iterdir() if p.name.startswith(".")]


def test_made_again_only_where_something_moved(workspace: Workspace) -> None:
    """Ten seconds every night for a page that says the same, or a page that never changes."""
    first = impact_report(workspace, TrainConfig())
    again = impact_report(reopened(workspace.data), TrainConfig())
    assert (again.made, again.version) == (False, first.version)
    assert IMPACT_REPORT.current is not None
    assert IMPACT_REPORT.current(workspace)
    deliver(workspace, CVPR, papers(range(8), cites=3), "2026-02-01")
    run_stages(workspace)
    assert not IMPACT_REPORT.current(workspace)
    moved = impact_report(workspace, TrainConfig())
    assert moved.made
    assert moved.version != first.version
    night_report(workspace, TrainConfig())
    assert impact_report(workspace, TrainConfig()).made  # a night to tell of
    assert not impact_report(workspace, TrainConfig()).made


def test_nightly_reports_and_the_page_leave_each_other_alone(workspace: Workspace) -> None:
    """The page taken for a night and removed as one that was killed, or listed among them."""
    impact_report(workspace, TrainConfig())
    night_report(workspace, TrainConfig())
    reports = Reports(workspace.data.reports)
    reports.write(datetime(2030, 1, 1, tzinfo=UTC), "killed", {})
    deliver(workspace, CVPR, papers(range(8), cites=3), "2026-02-01")
    run_stages(workspace)
    night_report(workspace, TrainConfig())
    assert ImpactPage(workspace.data.impact_report).page.exists()
    assert len(reports.written()) == 2


def test_a_damaged_nightly_document_costs_its_section_only(workspace: Workspace) -> None:
    """A broken file of last night that keeps the library's page from being made."""
    night_report(workspace, TrainConfig())
    assert read_last_night(workspace) is not None
    document = Reports(workspace.data.reports).last().page.with_suffix(".json")
    for content in ("{", "[]", '{"made_at": 3}', '{"made_at": "x", "sections": 1}'):
        document.write_text(content)
        assert read_last_night(workspace) is None, content
    assert impact_report(workspace, TrainConfig()).made
    page = ImpactPage(workspace.data.impact_report).page.read_text(encoding="utf-8")
    assert "No nightly report yet" in page


def test_an_empty_library_has_a_page(tmp_path: Path) -> None:
    """The first thing somebody looks at fails."""
    result = impact_report(tiny_workspace(tmp_path), TrainConfig())
    assert result.made
    assert not result.plots


def test_loading_the_asset_loads_no_plots() -> None:
    """Dagster starts a process per step: none may pay for matplotlib but this one."""
    code = (
        "import sys, assets.impact_report; "
        "print([m for m in ('torch', 'matplotlib', 'PIL', 'scipy', 'sklearn') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
    assert IMPACT_REPORT.asset == "impact_report"
