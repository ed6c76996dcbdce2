"""Two nights on a tiny library: exactly what changed is in the second report, and nothing else."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from assets.night_report import night_report
from assets.wholes import TrainConfig
from pipeline.refresh import refresh
from pipeline.run_job import RunReport
from resources.journal import Journal
from resources.reports import Reports
from resources.snapshots import link_or_copy
from resources.workspace import Workspace
from tests.conftest import NASTY_TITLES
from tests.library import deliver, paper, papers, reopened, run_stages, tiny_workspace

CVPR, ICML = ("cvpr", 2016), ("icml", 2016)
FIRST = [*papers(range(6)), paper(6, cites=9), paper(7)]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two venue-years of one window, reported once."""
    workspace = tiny_workspace(tmp_path)
    deliver(workspace, CVPR, FIRST, "2024-01-01")
    deliver(workspace, ICML, papers(range(100, 104)), "2024-01-01")
    run_stages(workspace)
    return workspace


def reported(workspace: Workspace) -> dict[str, Any] | None:
    """The document of a report made now, or None if there was nothing to report."""
    reports = Reports(workspace.data.reports)
    if not night_report(workspace, TrainConfig()).made:
        return None
    return reports.last().document()


def rows(document: dict[str, Any], section: str, table: str) -> list[dict[str, Any]]:
    listing = document["sections"][section]["tables"][table]
    assert listing["n_rows"] == len(listing["rows"])
    return listing["rows"]


def test_the_first_report_lists_nothing_and_says_so(workspace: Workspace) -> None:
    """A hundred thousand new papers are no news, and a page of them opens nowhere."""
    first = reported(workspace)
    assert first
    assert first["words"] == (
        "First report: everything is new. Nothing failed. The journal tells of no run since. "
        "The library holds 12 papers, 11 scored; nothing is stale."
    )
    assert list(first["sections"]) == ["tables", "failures", "costs", "standing"]
    counts = {r["table"]: (r["files"], r["rows"]) for r in rows(first, "tables", "tables")}
    assert counts["papers"] == (2, 12)
    assert counts["citation_counts"] == (2, 11)


def test_the_second_night_tells_what_moved_and_only_that(workspace: Workspace) -> None:
    """A row withheld on the first night must be listed, one that stayed must not."""
    reported(workspace)
    news = [
        *papers(range(3)), paper(3, cites=30), paper(4, cites=4),  # 3: +27; 5 is gone
        paper(6, cites=9, abstract="Another abstract."), paper(7, cites=2),  # 7: known now
        paper(8, cites=8),
    ]  # fmt: skip
    deliver(workspace, CVPR, news, "2024-02-01")
    run_stages(workspace)
    second = reported(workspace)
    assert second
    by_id = dict(workspace.lake.read_all("papers", ["paper_id", "title"]).iter_rows())
    new, gone = rows(second, "papers", "new"), rows(second, "papers", "gone")
    assert [r["title"] for r in new] == [paper(8)["title"]]
    assert [r["title"] for r in gone] == [paper(5)["title"]]
    assert second["sections"]["papers"]["words"] == (
        "1 new paper (cvpr 2016: 1), 1 paper gone (cvpr 2016: 1) and other details (abstract of 1)."
    )
    moved = rows(second, "counts", "moved")
    assert [(r["title"], r["before"], r["after"], r["change"]) for r in moved] == [
        (paper(3)["title"], 3, 30, 27)
    ]
    assert second["sections"]["counts"]["numbers"] == {
        "moved": 1, "change": 27, "known": 2, "lost": 1,
    }  # fmt: skip
    assert second["sections"]["counts"]["words"] == (
        "1 citation count moved (+27 in all), 2 counts became known and 1 count was lost."
    )
    scores = {r["title"]: r for r in rows(second, "scores", "moved")}
    assert scores[paper(3)["title"]]["why"].startswith("own citations")
    assert scores[paper(3)["title"]]["citations_before"] == 3
    assert all(r["why"] == "pool" for t, r in scores.items() if t != paper(3)["title"])
    assert second["sections"]["scores"]["numbers"]["first"] == 2  # 7 has a count, 8 is new
    assert rows(second, "coverage", "coverage")[0]["venue"] == "cvpr"
    assert "icml" not in str(second["sections"]["papers"]) + str(second["sections"]["counts"])
    assert "citations" in second["sections"]["tables"]["words"]
    assert set(by_id.values()) >= scores.keys()


def test_a_night_without_news_makes_no_page(workspace: Workspace) -> None:
    """A page per quiet night buries the one that matters; counts seen again are no news."""
    reported(workspace)
    assert reported(workspace) is None
    deliver(workspace, CVPR, FIRST[::-1], "2024-02-01")  # a month later, in another order
    run_stages(workspace)
    seen_again = workspace.lake.read("citation_counts", CVPR)["observed_on"]
    assert {str(day) for day in seen_again} == {"2024-02-01"}
    assert reported(workspace) is None
    assert len(Reports(workspace.data.reports).written()) == 1
    assert reported(workspace) is None


@pytest.mark.parametrize("moment", ["gather", "page", "commit", "settle"])
def test_a_killed_report_is_told_by_the_next_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Killed at any moment, nothing that changed may be lost, nor told twice."""
    first = reported(workspace)
    assert first
    deliver(workspace, CVPR, [*FIRST, paper(8, cites=8)], "2024-02-01")
    run_stages(workspace)

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "gather":
            patch.setattr("resources.reports.link_or_copy", die_at(3, link_or_copy, die))
        elif moment == "page":
            patch.setattr("assets.night_report.report_page", die)
        elif moment == "commit":
            patch.setattr(Path, "rename", die)
        else:
            patch.setattr(Path, "replace", die_at(4, Path.replace, die))
        with pytest.raises(Killed):
            night_report(workspace, TrainConfig())
    again = reported(workspace)
    reports = Reports(workspace.data.reports)
    if moment == "settle":  # its page was finished: only its tables had to take their place
        assert again is None
        again = reports.last().document()
    assert again
    assert again["since"] == first["made_at"]
    assert [r["title"] for r in rows(again, "papers", "new")] == [paper(8)["title"]]
    assert len(reports.written()) == 2
    assert len(list(reports.root.glob("*.html"))) == 2
    assert reported(workspace) is None


def die_at(number: int, real: Any, die: Any) -> Any:
    seen = 0

    def called(*arguments: Any, **more: Any) -> Any:
        nonlocal seen
        seen += 1
        return die() if seen == number else real(*arguments, **more)

    return called


def test_kept_tables_that_are_damaged_cost_one_comparison(workspace: Workspace) -> None:
    """A flipped bit in last night's copy must not stop every night to come."""
    reported(workspace)
    kept = Reports(workspace.data.reports).tables / "papers/venue=cvpr/year=2016/part.parquet"
    kept.unlink()  # a link: writing into it would damage the lake
    kept.write_bytes(b"PAR1 and no more")
    document = reported(workspace)
    assert document
    assert document["words"].startswith("First report: everything is new.")
    assert reported(workspace) is None


class Page(HTMLParser):
    """Text and tags of a page; refuses what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


EVIL = ("<script>alert(1)</script> & <b>bold</b>", "over\u202eride", "tab\tand \x1b[31mred")


def test_any_title_is_text_and_the_page_stands_alone(workspace: Workspace) -> None:
    """Markup in a title would be obeyed, an override would turn the line, a link would call out."""
    reported(workspace)
    titles = (*NASTY_TITLES, *EVIL)
    more = [paper(20 + i, cites=500, title=t) for i, t in enumerate(titles)]
    deliver(workspace, CVPR, [*FIRST, *more], "2024-02-01")
    run_stages(workspace)
    night_report(workspace, TrainConfig())
    html = Reports(workspace.data.reports).last().page.read_text(encoding="utf-8")
    page = Page(html)
    shown = {text.strip() for text in page.text}
    for title in NASTY_TITLES:
        assert title in shown, title
    assert "\u202e" not in html
    assert "\x1b" not in html
    names = [name for name, _ in page.tags]
    assert "script" not in names
    assert "b" not in names
    assert not re.findall(r"https?://|src=|url\(", html)
    tables = [attributes for tag, attributes in page.tags if tag == "div"]
    assert all(t["role"] == "region" and t["tabindex"] == "0" for t in tables)
    assert names.count("table") == names.count("caption") == len(tables)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a} <= set(ids)
    assert ("html", {"lang": "en"}) in page.tags


Refreshed = tuple[Workspace, RunReport]


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refreshed]:
    """A library loaded by a refresh, and what its run reported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        workspace = tiny_workspace(tmp_path_factory.mktemp("refreshed"))
        deliver(workspace, CVPR, FIRST, "2024-01-01")
        yield workspace, refresh(workspace)


def test_the_journal_adds_up_to_what_the_run_reported(
    refreshed: Refreshed,
) -> None:
    """Costs that do not add up to the run's own figures are nobody's costs."""
    workspace, run = refreshed
    entries = Journal(workspace.data.journal).costs()
    costs = {cost.step: cost.figures for cost in entries if cost.run_id == run.run_id}
    assets = run.assets
    assert costs.keys() == assets.keys()
    assert "night_report" in costs
    for step in costs.keys() - {"night_report"}:
        for name in ("cells", "files_changed", "rows_written", "texts_encoded", "pools_searched"):
            assert costs[step].get(name) == assets[step].get(name), (step, name)
        assert costs[step]["seconds"] == pytest.approx(assets[step]["seconds"], abs=0.01)
    assert costs["paper_embeddings"]["texts_encoded"] == 8
    rows_of = workspace.lake.read("papers", CVPR).height
    authors = workspace.lake.read("authorships", CVPR).height
    assert costs["papers"]["rows_written"] == rows_of + authors


def test_the_report_sums_the_runs_since_the_last(
    refreshed: Refreshed,
) -> None:
    """The cost of a run told in two reports, or in none."""
    workspace, _ = refreshed
    reports = Reports(workspace.data.reports)
    first = reports.last().document()["sections"]["costs"]
    assert first["numbers"]["texts_encoded"] == 8
    assert first["numbers"]["runs"] == 1
    assert "8 texts encoded" in first["words"]
    deliver(workspace, CVPR, [*FIRST, paper(8, cites=8)], "2024-02-01")
    incidents = workspace.data.incidents
    incidents.mkdir()
    (incidents / "one.md").write_text("# refresh failed\n\ntopic_pools: disk | <full>\n")
    refresh(reopened(workspace.data))
    document = reports.last().document()
    second = document["sections"]["costs"]
    assert second["numbers"]["texts_encoded"] == 1
    # The last report itself was the last step of the first run.
    steps = [r["step"] for r in second["tables"]["steps"]["rows"]]
    assert steps[0] == "night_report"
    assert "1 run failed: refresh failed: topic_pools: disk | <full>." in document["words"]
    assert refresh(reopened(workspace.data)).run_id == ""
    assert len(reports.written()) == 2
