"""`csimpact aggregates`, `topics` and `rising`: every format, and how they fail."""

import csv
import io
import json
import shutil
from collections.abc import Callable

import pytest
import typer

from assets.impact_aggregates import IMPACT_AGGREGATES
from assets.topics import TOPICS
from assets.wholes import TrainConfig
from pipeline.cli import aggregates, main
from pipeline.settings import DataDir
from pipeline.tables import TABLES
from resources.workspace import open_workspace
from tests.conftest import NASTY_TITLES

Cli = Callable[..., tuple[int, str]]


@pytest.fixture
def cli(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs one of these commands; gives its exit code and what it printed, of both outputs."""
    app = typer.Typer(rich_markup_mode=None)
    aggregates.register(app)
    monkeypatch.setattr(main, "app", app)

    def call(*arguments: str) -> tuple[int, str]:
        code = main.run(arguments)
        out, err = capfdbinary.readouterr()
        return code, (err if code else out).decode()

    return call


@pytest.fixture(scope="module")
def overview(small_library: DataDir, tmp_path_factory: pytest.TempPathFactory) -> DataDir:
    """`small_library` with its topics and aggregates; read only."""
    data = DataDir(tmp_path_factory.mktemp("overview") / "data")
    shutil.copytree(small_library.root, data.root, symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        workspace = open_workspace(data)
        TOPICS.function(workspace, TrainConfig())
        IMPACT_AGGREGATES.function(workspace, TrainConfig())
    return data


@pytest.fixture
def overviewed(overview: DataDir, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    """`overview` as the one the code under test takes for its own."""
    monkeypatch.setenv("CSIMPACT_DATA", str(overview.root))
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    return overview


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("aggregates", "venue"), "impact aggregates"),
        (("topics",), "topics"),
        (("topics", "0"), "topics"),
        (("rising",), "rising papers"),
    ],
)
def test_before_the_overview_one_line_says_so(
    library_env: DataDir, cli: Cli, command: tuple[str, ...], words: str
) -> None:
    """An empty answer would read as "no venue is any good"."""
    assert cli(*command) == (2, f"error: no {words} yet: `csimpact overview` makes them\n")


def test_aggregates_in_every_format(overviewed: DataDir, cli: Cli) -> None:
    """json and csv are contracts: all columns of the table; the terminal shows what fits."""
    rows = json.loads(cli("aggregates", "venue", "--format", "json")[1])
    assert [list(row) for row in rows] == [TABLES["impact_aggregates"].schema.names()] * 2
    assert [(r["name"], r["period"], r["status"]) for r in rows] == [
        ("cvpr", "all", "ok"), ("iclr", "all", "too_few"),
    ]  # fmt: skip
    assert rows[0]["n_papers"] == 45
    table = list(csv.DictReader(io.StringIO(cli("aggregates", "venue", "--format", "csv")[1])))
    assert table[0]["mean_percentile"] == str(rows[0]["mean_percentile"])
    assert table[1]["mean_percentile"] == ""
    shown = cli("aggregates", "venue")[1]
    assert "scored" in shown
    assert "period" not in shown
    assert len(shown.strip().splitlines()) == 4


def test_aggregates_by_year_name_and_period(overviewed: DataDir, cli: Cli) -> None:
    """`year` is the library per year, in the order of years and not of merit."""
    years = json.loads(cli("aggregates", "year", "--format", "json")[1])
    assert [(r["kind"], r["period"]) for r in years] == [("library", "2022"), ("library", "2023")]
    of_one = cli("aggregates", "venue", "--name", "CVPR", "--period", "each", "--format", "json")[1]
    assert [(r["name"], r["period"]) for r in json.loads(of_one)] == [
        ("cvpr", "2022"), ("cvpr", "2023"),
    ]  # fmt: skip
    one_year = json.loads(cli("aggregates", "venue", "--period", "2023", "--format", "json")[1])
    assert [r["name"] for r in one_year] == ["cvpr"]
    assert "period" in cli("aggregates", "year")[1]
    assert len(cli("aggregates", "topic", "-k", "1")[1].strip().splitlines()) == 3
    code, line = cli("aggregates", "venue", "--period", "1999")
    assert (code, line) == (
        2, "error: expected period all, each or a year held, 2022 to 2023; received '1999'\n",
    )  # fmt: skip
    assert cli("aggregates", "domain", "--name", "cooking")[0] == 2
    assert cli("aggregates", "planet")[0] == 2


def test_topics_and_the_papers_of_one(overviewed: DataDir, cli: Cli) -> None:
    """Titles with markup, quotes, right-to-left and 4-byte letters, in every format."""
    listed = json.loads(cli("topics", "--format", "json")[1])
    assert sum(row["n_papers"] for row in listed) == 70
    sizes = [row["n_papers"] for row in listed]
    assert sizes == sorted(sizes, reverse=True)
    titles: set[str] = set()
    for row in listed:
        number = str(row["topic_id"])
        papers = json.loads(cli("topics", number, "-k", "99", "--format", "json")[1])
        assert len(papers) == row["n_papers"]
        near = [paper["similarity"] for paper in papers]
        assert near == sorted(near, reverse=True)
        titles |= {paper["title"] for paper in papers}
        text = cli("topics", number, "-k", "99", "--format", "csv")[1]
        assert [p["title"] for p in csv.DictReader(io.StringIO(text))] == [
            p["title"] for p in papers
        ]
        assert cli("topics", number)[0] == 0
    assert set(NASTY_TITLES) <= titles
    assert "terms" in cli("topics")[1]
    assert cli("topics", "99") == (
        2,
        f"error: expected the number of a topic, 0 to {len(listed) - 1}, received 99: "
        "`csimpact topics` lists all\n",
    )


def test_no_paper_rises_in_one_night(overviewed: DataDir, cli: Cli) -> None:
    """One observation is no history, and no error."""
    assert cli("rising") == (0, "no papers\n")
    assert json.loads(cli("rising", "--format", "json")[1]) == []


@pytest.mark.parametrize("command", ["aggregates", "topics", "rising"])
def test_help_tells_what_the_columns_mean(cli: Cli, command: str) -> None:
    """A newcomer reads --help before docs."""
    code, text = cli(command, "--help")
    assert code == 0
    assert "Example:" in text
