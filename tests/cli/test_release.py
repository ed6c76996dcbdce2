"""`csimpact release`: what a person reads of releases, and exit codes."""

import csv
import io
import json
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from assets.stages import Job, rewrite_cell
from pipeline.cli.main import run
from pipeline.settings import DataDir
from pipeline.tables import Cell
from resources import release_check
from resources.release_making import make_release
from resources.releases import find_release
from resources.workspace import Workspace, open_workspace


@pytest.fixture
def library(small_library: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the small library, as the one the code under test takes for its own."""
    shutil.copytree(small_library.root, tmp_path / "data", symlinks=True)
    monkeypatch.setenv("CSIMPACT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    return open_workspace()


@pytest.fixture
def two_releases(library: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The library with releases of two days, between which a count and a title moved."""
    library.today = date(2026, 3, 1)
    make_release(library)
    lake, cell = library.lake, ("iclr", 2022)
    monkeypatch.setattr("resources.release_making.plan", lambda *_: [])  # edited by hand, and stale
    papers = lake.read("papers", cell)
    nasty = papers.filter(pl.col("title").str.starts_with("=SUM"))["paper_id"].item()
    this = pl.col("paper_id") == nasty
    title = pl.when(this).then(pl.lit("Another\ntitle | <b>")).otherwise("title")
    edited(library, cell, "papers", papers.with_columns(title=title), beside="authorships")
    cited = pl.when(this).then(900).otherwise("cited_by_count").cast(pl.Int32)
    counts = lake.read("citation_counts", cell).with_columns(cited_by_count=cited)
    edited(library, cell, "citation_counts", counts, beside="citation_snapshots")
    library.today = date(2026, 3, 2)
    make_release(library)
    return library


def edited(library: Workspace, cell: Cell, output: str, rows: pl.DataFrame, *, beside: str) -> None:
    """Store other rows, as a stage would; `beside` is the other table of the output."""
    state = library.lake.state(output, cell)
    assert state
    tables = {output: rows, beside: library.lake.read(beside, cell)}
    assert rewrite_cell(Job(library, {}), output, cell, tables, facets=state.facets)


def printed(arguments: list[str], capfd: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert run(["release", *arguments]) == code
    said = capfd.readouterr()
    return said.err if code else said.out


def test_making_tells_what_was_made(library: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    """A command without a word leaves one wondering; a second one makes no second release."""
    assert "No release yet: csimpact release make" in printed(["list"], capfd)
    said = printed(["make"], capfd)
    assert said.startswith("The first release: 70 papers.\nRelease ")
    assert "shared with the lake" in said
    assert printed(["make"], capfd).startswith("Nothing changed since release ")


def test_the_list_shows_the_newest_first(
    two_releases: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    """One damaged folder must not hide the others."""
    rows = json.loads(printed(["list", "--format", "json"], capfd))
    assert [row["release"] for row in rows] == ["2026-03-02", "2026-03-01"]
    assert rows[0]["papers"] == rows[1]["papers"] == 70
    assert rows[0]["changes"] == "No paper is new, 1 has another title."
    manifest = find_release(two_releases.data, "2026-03-01").folder / "manifest.json"
    manifest.unlink()
    assert "DAMAGED" in printed(["list"], capfd)
    assert "2026-03-02" in printed(["list"], capfd)


def test_a_difference_in_each_format(
    two_releases: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    """A title may hold anything, and formats are contracts."""
    arguments = ["diff", "2026-03-01", "latest"]
    said = printed(arguments, capfd)
    assert "No paper is new, 1 has another title." in said
    assert "google_scholar: 1 count moved, by +400 citations in all." in said
    document = json.loads(printed([*arguments, "--format", "json"], capfd))
    assert document["examples"]["retitled"][0]["after"] == "Another\ntitle | <b>"
    assert document["words"][0] in said
    rows = list(csv.DictReader(io.StringIO(printed([*arguments, "--format", "csv"], capfd))))
    assert [(r["venue"], r["year"], r["citations"]) for r in rows] == [("iclr", "2022", "400")]
    backwards = printed(["diff", "2026-03-02", "2026-03-01"], capfd)
    assert "by -400 citations" in backwards
    page = (find_release(two_releases.data, "latest").folder / "CHANGES.md").read_text()
    assert "| Another title \\| \\<b\\> |" in page


def test_verify_names_every_file_and_exits_2(
    two_releases: Workspace, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check whose finding nobody sees, in the terminal or in a script."""
    assert "croissant.json: valid" in printed(["verify"], capfd)
    monkeypatch.setattr(release_check, "find_spec", lambda _: None)
    assert "not checked: mlcroissant is not installed" in printed(["verify", "2026-03-01"], capfd)
    folder = find_release(two_releases.data, "latest").folder
    (folder / "CHANGES.md").unlink()
    (folder / "more.txt").touch()
    assert run(["release", "verify", "--format", "json"]) == 2
    said = capfd.readouterr()
    assert json.loads(said.out) == [
        {"file": "CHANGES.md", "problem": "missing"},
        {"file": "more.txt", "problem": "not of this release"},
    ]
    assert said.err.count("\n") == 1
    assert "2 findings" in said.err


def test_what_is_not_there_is_one_line(
    two_releases: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    """A traceback for a mistyped day."""
    wrong = printed(["verify", "2026-03-03"], capfd, code=2)
    assert wrong == "error: no release 2026-03-03: the newest are 2026-03-01, 2026-03-02\n"


def test_pruning_says_what_goes(two_releases: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    """A policy one cannot try is a policy one does not trust."""
    old = two_releases.data.releases / "2025-10-01"
    shutil.copytree(two_releases.data.releases / "2026-03-01", old)
    shutil.copytree(old, old.with_name("2025-10-02"))
    assert printed(["prune", "--dry-run"], capfd) == "Would remove 2025-10-01\n"
    assert old.exists()
    assert printed(["prune"], capfd) == "Removed 2025-10-01\n"
    assert not old.exists()
    assert printed(["prune"], capfd) == "Nothing to remove.\n"
