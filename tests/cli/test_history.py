"""`csimpact history`, `report` and `top --as-of`: their contracts, and how they fail."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from assets.night_report import night_report
from assets.wholes import TrainConfig
from pipeline.cli.main import run
from pipeline.impact.history import TRAJECTORY_COLUMNS
from pipeline.query import Library
from pipeline.settings import DataDir
from resources.reports import Reports
from resources.workspace import open_workspace

TITLE = "Graph Networks number 36"
Cli = Callable[..., tuple[int, str]]


@pytest.fixture
def cli(capfdbinary: pytest.CaptureFixture[bytes]) -> Cli:
    """Runs a command; gives its exit code and what it printed, of both outputs."""

    def call(*arguments: str) -> tuple[int, str]:
        code = run(arguments)
        out, err = capfdbinary.readouterr()
        return code, (err if code else out).decode()

    return call


def test_scores_as_of_today_are_those_published(library_env: DataDir) -> None:
    """Two ways to one number must agree to the last digit, over every paper."""
    library = Library(library_env)
    stored, derived = library.scores(), library.scores(as_of=date.today())
    assert stored.height == 70
    assert derived.sort("paper_id").equals(stored.sort("paper_id"), null_equal=True)
    some = library.scores("iclr", as_of=date.today())
    assert some.sort("paper_id").equals(library.scores("iclr").sort("paper_id"), null_equal=True)


def test_a_day_before_all_lists_has_no_scores(library_env: DataDir, cli: Cli) -> None:
    """The counts of now, shown under an old date."""
    assert Library(library_env).scores(as_of=date(2000, 1, 1))["n_pool"].sum() == 0
    assert cli("top", "--as-of", "2000-01-01") == (0, "no papers\n")
    now, past = (
        cli("top", "--format", "json"),
        cli("top", "--as-of", str(date.today()), "--format=json"),
    )
    assert json.loads(now[1]) == json.loads(past[1])
    code, line = cli("top", "--as-of", "yesterday")
    assert (code, line.count("\n")) == (2, 1)


def test_history_of_a_paper_in_every_format(library_env: DataDir, cli: Cli) -> None:
    """Its last row is what `impact` says; what no release published has none."""
    keys = [*TRAJECTORY_COLUMNS, "release"]
    rows = json.loads(cli("history", TITLE, "--format", "json")[1])
    impact = json.loads(cli("impact", TITLE, "--format", "json")[1])
    assert [list(row) for row in rows] == [keys]
    assert {k: rows[-1][k] for k in ("tncsi_sp", "n_pool", "cited_by_count")} == {
        k: impact[k] for k in ("tncsi_sp", "n_pool", "cited_by_count")
    }
    assert rows[-1]["release"] is None
    table = list(csv.DictReader(io.StringIO(cli("history", TITLE, "--format", "csv")[1])))
    assert [row["cited_by_count"] for row in table] == ["108"]
    assert cli("history", "nothing of that name")[0] == 2


def test_history_shows_what_releases_published(
    library_env: DataDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A score once published must stay visible beside what we would say today."""
    data = DataDir(tmp_path / "data")
    shutil.copytree(library_env.root, data.root, symlinks=True)
    released = data.releases / "2020-05-01" / "tncsi_sp" / "venue=cvpr" / "year=2022"
    released.mkdir(parents=True)
    lake = open_workspace(data).lake
    old = lake.read("tncsi_sp", ("cvpr", 2022)).with_columns(tncsi_sp=pl.lit(0.25))
    old.drop("pool_share").write_parquet(released / "part.parquet")
    rows = Library(data).trajectory(TITLE)
    assert rows.select("release", "day").row(0) == ("2020-05-01", date(2020, 5, 1))
    assert rows["tncsi_sp"][0] == 0.25
    assert rows["release"][-1] is None


def test_report_prints_path_and_words(data_dir: DataDir, cli: Cli) -> None:
    """Words folded in a pipe, or a document of other keys, break whoever reads them."""
    assert cli("report") == (
        2,
        f"error: no report in {data_dir.reports} yet: `csimpact refresh` makes one where rows "
        "moved\n",
    )
    reports, moment = Reports(data_dir.reports), datetime(2026, 3, 1, 3, 15, tzinfo=UTC)
    words = "[bold]One[/bold] " * 40
    with reports.night(open_workspace(data_dir).lake, [], moment):
        reports.write(moment, "<p>", {"words": words})
    page = reports.root / "2026-03-01T031500Z.html"
    assert cli("report") == (0, f"{page}\n\n{words}\n")
    assert json.loads(cli("report", "--format", "json")[1]) == {"page": str(page), "words": words}
    listed = json.loads(cli("report", "--list", "--format", "json")[1])
    assert [row["page"] for row in listed] == [str(page)]
    assert cli("report", "--format", "csv")[0] == 2


def test_a_report_of_the_real_stages_is_listed(
    library_env: DataDir, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain from asset to command line, over titles that formats stumble upon."""
    data = DataDir(tmp_path / "data")
    shutil.copytree(library_env.root, data.root, symlinks=True)
    night_report(open_workspace(data), TrainConfig())
    monkeypatch.setenv("CSIMPACT_DATA", str(data.root))
    assert "First report: everything is new." in cli("report")[1]
    assert "70 papers, 64 scored" in cli("report", "--list")[1]
