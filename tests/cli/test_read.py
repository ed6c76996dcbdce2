"""The reading commands: contracts of their output, key by key, and how they fail."""

import contextlib
import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from pipeline.cli.main import app, hoisted, run
from pipeline.cli.sections import SECTIONS
from pipeline.settings import PROJECT, DataDir

NASTY_TITLES = (
    """Quotes "double" and 'single', commas; semicolons""",
    "[bold]Markup[/bold] is [red]not[/] interpreted :smile:",
    "שלום עולם: למידה עמוקה",
    "Four bytes 😀 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "=SUM(A1:A9) | a pipe, a \\backslash and %s",
)
PAPER_KEYS = [
    "paper_id", "title", "venue", "year", "cited_by_count",
    "tncsi_sp", "excess_ratio", "n_pool", "status",
]  # fmt: skip
IMPACT_KEYS = [
    *PAPER_KEYS, "publication_date", "citation_source", "pool_loc", "pool_scale", "pool_k",
    "tncsi_sp_low", "tncsi_sp_high", "robust_low", "robust_high", "excess_low", "excess_high",
    "pool_percentile", "count_to_mean", "lognormal_cdf", "pool_ks", "pool_radius",
    "pool_same_venue", "pool_same_domain", "date_precision",
]  # fmt: skip
POOL_KEYS = [
    "paper_id", "title", "venue", "year", "publication_date", "cited_by_count", "similarity",
]  # fmt: skip
TITLE = "Graph Networks number 36"
TODAY = date.today().isoformat()

Cli = Callable[..., str]


@pytest.fixture
def cli(library_env: DataDir, capfdbinary: pytest.CaptureFixture[bytes]) -> Cli:
    """Runs a command that must succeed; gives its standard output."""

    def call(*arguments: str) -> str:
        code = run(arguments)
        out, err = capfdbinary.readouterr()
        assert (code, err) == (0, b"")
        return out.decode()

    return call


@pytest.fixture
def failing(library_env: DataDir, capfdbinary: pytest.CaptureFixture[bytes]) -> Cli:
    """Runs a command that must fail with exit code 2 and one line; gives that line."""

    def call(*arguments: str) -> str:
        code = run(arguments)
        out, err = capfdbinary.readouterr()
        assert (code, out) == (2, b"")
        line = err.decode()
        assert line.startswith("error: ")
        assert line.count("\n") == 1
        return line

    return call


def test_json_of_lists_is_the_contract(cli: Cli) -> None:
    """Notebooks of others read these keys; one renamed breaks them without a word."""
    top = json.loads(cli("top", "-k", "3", "--format", "json"))
    searched = json.loads(cli("search", "graph networks", "-k", "3", "--format", "json"))
    similar = json.loads(cli("similar", TITLE, "-k", "3", "--format", "json"))
    assert [len(top), len(searched), len(similar)] == [3, 3, 3]
    assert all(list(paper) == PAPER_KEYS for paper in top)
    assert all(list(paper) == [*PAPER_KEYS, "score"] for paper in searched + similar)
    reranked = json.loads(
        cli("search", "graph networks", "-k", "3", "--rerank", "9", "--format", "json")
    )
    assert all(list(paper) == [*PAPER_KEYS, "score", "cosine"] for paper in reranked)
    first: dict[str, Any] = top[0]
    assert isinstance(first["year"], int)
    assert isinstance(first["n_pool"], int)
    assert isinstance(first["tncsi_sp"], float)


def test_json_of_impact_is_one_object_with_its_pool(cli: Cli) -> None:
    """A list of one would break whoever reads the object."""
    paper = json.loads(cli("impact", TITLE, "--format", "json"))
    assert list(paper) == IMPACT_KEYS
    explained = json.loads(cli("impact", TITLE, "--explain", "--format", "json"))
    pool, standing = explained.pop("pool"), explained.pop("standing")
    assert standing["n_known"] == paper["n_pool"]
    assert standing["rank"] == standing["n_more"] + 1
    assert len(explained.pop("words")) >= 4
    assert [explained.pop(name) for name in ("other_rules", "profile")] == [[], None]
    assert explained == paper
    assert all(list(member) == POOL_KEYS for member in pool)
    similarities = [member["similarity"] for member in pool]
    assert similarities == sorted(similarities, reverse=True)
    assert sum(member["cited_by_count"] is not None for member in pool) == paper["n_pool"]


def test_json_has_null_where_nothing_is_known(cli: Cli) -> None:
    """NaN is no JSON, and 0 would be a claim."""
    text = cli("impact", "A paper nobody counted", "--format", "json")
    paper = json.loads(text, parse_constant=pytest.fail)
    assert paper["cited_by_count"] is None
    assert paper["tncsi_sp"] is None
    assert paper["status"] == "no_citation_count"
    numbers = cli("sql", "SELECT 'nan'::DOUBLE AS a, NULL AS b", "--format", "json")
    assert json.loads(numbers) == [{"a": None, "b": None}]
    assert cli("sql", "SELECT 'nan'::DOUBLE AS a, 1 AS b", "--format", "csv") == "a,b\r\n,1\r\n"


def test_json_of_status_is_the_contract(cli: Cli) -> None:
    """The nightly report sums these."""
    status = json.loads(cli("status", "--format", "json"))
    totals = status["totals"]
    assert {
        "records", "papers", "excluded", "duplicates", "quarantined", "with_citation_count",
    } <= totals.keys()  # fmt: skip
    assert totals["records"] == sum(
        totals[part] for part in ("papers", "excluded", "duplicates", "quarantined")
    )
    assert [(p["venue"], p["year"]) for p in status["partitions"]] == [
        ("cvpr", 2022), ("cvpr", 2023), ("iclr", 2022),
    ]  # fmt: skip
    assert all(p["stale"] == [] for p in status["partitions"])
    assert sum(p["papers"] for p in status["partitions"]) == totals["papers"]
    assert status["prompt"] is None


def test_status_table_has_a_line_per_venue_or_per_year_of_one(cli: Cli) -> None:
    """Two hundred lines hide the one that matters."""
    lines = cli("status").splitlines()
    assert sum(line.split()[:2] == ["cvpr", "2022–2023"] for line in lines) == 1
    assert "72 records, 70 papers, 1 excluded" in lines[-1]
    years = [line.split()[1] for line in cli("status", "--venue", "CVPR").splitlines()[3:5]]
    assert years == ["2022", "2023"]
    rows = list(csv.DictReader(io.StringIO(cli("status", "--format", "csv"))))
    assert len(rows) == 3


@pytest.mark.parametrize("title", NASTY_TITLES)
def test_any_title_survives_every_format(cli: Cli, title: str) -> None:
    """Markup would be obeyed, quotes would split columns, and wide characters end in `?`."""
    assert json.loads(cli("impact", title, "--format", "json"))["title"] == title
    rows = list(csv.DictReader(io.StringIO(cli("impact", title, "--format", "csv"), newline="")))
    assert [row["title"] for row in rows] == [title]
    assert title in cli("impact", title)
    paper_id = rows[0]["paper_id"]
    query = f"SELECT title FROM papers WHERE paper_id = '{paper_id}'"
    assert json.loads(cli("sql", query, "--format", "json")) == [{"title": title}]
    assert title in cli("sql", query)
    listed = json.loads(cli("search", title, "--venue", "iclr", "-k", "70", "--format", "json"))
    assert title in [paper["title"] for paper in listed]


def test_tables_print_no_command_to_the_terminal(cli: Cli) -> None:
    """An escape sequence in a stored excerpt could rewrite the screen of whoever looks."""
    shown = cli("sql", "SELECT chr(27) || '[31mred' || chr(10) || 'next' || chr(8238) AS text")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "[31mred next" in shown


def test_csv_ends_lines_as_rfc_4180_says(cli: Cli) -> None:
    """A line feed inside a field must be quoted, and lines end with both characters."""
    text = cli("sql", "SELECT 'a\nb' AS x, 'c\"d' AS y, [1, 2] AS z", "--format", "csv")
    assert text == 'x,y,z\r\n"a\nb","c""d","[1,2]"\r\n'


def test_explain_says_how_the_score_follows(cli: Cli) -> None:
    """ "Why is this score so high?" is the question the command exists for."""
    assert "excess_ratio = (108 − 0) / (" in cli("impact", TITLE, "--explain")
    assert "no_citation_count" in cli("impact", "A paper nobody counted", "--explain")
    header = cli("impact", TITLE, "--explain", "--format", "csv").splitlines()[0]
    assert header.split(",") == POOL_KEYS


def test_impact_shows_how_sure_the_score_is(cli: Cli) -> None:
    """A bare number is believed to its last digit."""
    paper = json.loads(cli("impact", TITLE, "--format", "json"))
    shown = dict(line.split(maxsplit=1) for line in cli("impact", TITLE).splitlines())
    for name, low, high in (
        ("tncsi_sp", paper["robust_low"], paper["robust_high"]),
        ("excess_ratio", paper["excess_low"], paper["excess_high"]),
    ):
        assert shown[name] == f"{paper[name]:.3f}, 95% interval {low:.3f} to {high:.3f}"
    assert shown["pool_percentile"] == f"{paper['pool_percentile']:.3f}"
    assert shown["n_pool"] == f"{paper['n_pool']} counts of {paper['pool_k']} papers"
    assert shown["status"] == "ok"


def test_explain_draws_the_pool_in_characters_and_lists_as_many_as_asked(cli: Cli) -> None:
    """A thousand lines of pool push the answer off the screen."""
    shown = cli("impact", TITLE, "--explain", "-k", "3")
    assert shown.count("<- this paper") == 1
    members = cli("impact", TITLE, "--explain", "-k", "3", "--format", "csv").splitlines()[1:]
    assert len(members) > 30
    assert f"and {len(members) - 3} less similar ones" in shown
    listed = [line for line in shown.splitlines() if line.strip().startswith(("0.", "1."))]
    assert len(listed) == 3


def test_since_says_why_the_score_moved(cli: Cli) -> None:
    """Parts under other names, or none where nothing moved, break whoever adds them up."""
    told = json.loads(cli("impact", TITLE, "--since", TODAY, "--format", "json"))
    assert list(told) == [*IMPACT_KEYS, "change"]
    assert [part["total"] for part in told["change"]["parts"]] == [0, 0]
    assert told["change"]["words"][-1] == "nothing moved between the two"
    header = cli("impact", TITLE, "--since", TODAY, "--format", "csv").splitlines()[0]
    assert header == "measure,before,after,total,own,pool,both,pool_counts,pool_members"
    assert "nothing was known of it by 2000-01-01" in cli("impact", TITLE, "--since", "2000-01-01")


@pytest.mark.parametrize("suffix", ["png", "SVG"])
def test_plot_writes_a_picture_and_says_where(
    library_env: DataDir, tmp_path: Path, capfd: pytest.CaptureFixture[str], suffix: str
) -> None:
    """A picture nobody finds, or a note within the JSON."""
    picture = tmp_path / f"pool.{suffix}"
    picture.write_text("of last week")
    assert run(["impact", TITLE, "--plot", str(picture), "--format", "json"]) == 0
    out, err = capfd.readouterr()
    assert list(json.loads(out)) == IMPACT_KEYS
    assert err == f"note: the pool is drawn in {picture}\n"
    assert picture.read_bytes()[:5] in (b"\x89PNG\r", b"<?xml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["impact", "Graf Networks number 36"], "“Graph Networks number 36”"),
        (["similar", "zzzz"], "none is near"),
        (["impact", "The same title"], "names 2 papers"),
        (["impact", TITLE, "--since", "2999-01-01"], "received 2999-01-01: it is yet to come"),
        (["top", "--as-of", "2999-01-01"], "received 2999-01-01: it is yet to come"),
        (["impact", TITLE, "--plot", "pool.pdf"], "a .png or .svg file, received pool.pdf"),
        (["impact", TITLE, "--plot", "folder.png"], "a file, received the folder folder.png"),
        (["impact", TITLE, "--plot", "/no/such/folder/a.png"], "expected a folder that exists"),
        (["impact", TITLE, "--until", "2024-01-01"], "expected --since YYYY-MM-DD beside --until"),
        (["impact", TITLE, "--since", "2024-01-02", "--until", "2024-01-01"], "on or after"),
        (["impact", TITLE, "--since", "yesterday"], "does not match the format"),
        (["search", " "], "received none"),
        (["search", "x", "--venue", "cvrp"], "nearest: cvpr"),
        (["search", "x", "--rerank", "9"], "from 10 (as many as are shown) to 1000 papers"),
        (["top", "--year", "1999"], "no papers of 1999"),
        (["status", "--venue", "nowhere"], "venue: expected"),
        (["sql", "INSERT INTO papers VALUES (1)"], "received INSERT: nothing was changed"),
        (["sql", "SELEC 1"], "Parser Error"),
        (["sql", "FROM scoers"], "no table or view scoers; nearest: scores"),
        (["top", "--format", "xml"], "'xml'"),
        (["top", "-k", "0"], "greater than or equal to 1"),
        (["top", "--nonsense"], "No such option: --nonsense; see `csimpact top --help`"),
        (["nonsense"], "No such command"),
        (["search"], "Missing argument"),
        (["--data", "/no/such/folder", "top"], "found none"),
        (["top", "--data=/no/such/folder"], "found none"),
    ],
)
def test_errors_are_one_clear_line(
    failing: Cli, tmp_path: Path, arguments: list[str], message: str
) -> None:
    """A traceback for a typo sends people away."""
    (tmp_path / "folder.png").mkdir()
    with contextlib.chdir(tmp_path):
        said = failing(*arguments)
    assert message in said


def test_tracebacks_come_with_debug_only(
    library_env: DataDir, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --debug nobody can report a bug; with it always on, nobody reads the line."""
    assert run(["impact", "zzzz", "--debug"]) == 2
    shown = capfd.readouterr().err
    assert "Traceback" in shown
    assert shown.splitlines()[-1].startswith("error: no paper")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by accident")

    monkeypatch.setattr("pipeline.query.Library.top", broken)
    assert run(["top"]) == 1
    shown = capfd.readouterr().err
    assert shown.startswith("error: ZeroDivisionError: by accident; this is a bug")
    assert shown.count("\n") == 1


def test_shared_options_may_stand_anywhere() -> None:
    """People add --debug at the end, where the failing command is."""
    assert hoisted(["top", "-k", "1", "--debug"]) == ["--debug", "top", "-k", "1"]
    assert hoisted(["top", "--data", "a b", "-k", "1"]) == ["--data", "a b", "top", "-k", "1"]
    assert hoisted(["search", "--", "--debug"]) == ["search", "--", "--debug"]


@pytest.mark.parametrize("command", ["search", "similar", "impact", "top", "status", "sql"])
def test_help_shows_an_example(cli: Cli, command: str) -> None:
    """An example is what most people read of a help text."""
    shown = cli(command, "--help")
    assert f"  csimpact {command}" in shown
    assert "table|json|csv" in shown


def test_every_command_stands_under_one_heading() -> None:
    """A new command that nobody sorted in would be listed under none, or twice."""
    named = [name for names in SECTIONS.values() for name in names]
    assert sorted(named) == sorted(get_command(app).commands)  # type: ignore[attr-defined]


def test_summaries_fit_their_line(cli: Cli) -> None:
    """A summary cut off by an ellipsis says less than a shorter one."""
    summaries = [line for line in cli("--help").splitlines() if line.startswith("  ")]
    assert not [line for line in summaries if line.endswith("...")]


@pytest.mark.parametrize("width", [60, 80, 140])
def test_listed_papers_fit_any_terminal(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """On a narrow terminal titles had no column left, and ids were cut where people copy them."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    paper = json.loads(cli("top", "-k", "1", "--format", "json"))[0]
    shown = re.sub(r"\x1b\[[0-9;]*m", "", cli("top", "-k", "1"))
    assert max(map(len, shown.splitlines())) <= width
    assert paper["paper_id"] in shown
    assert paper["title"].split()[0] in shown
    assert ("status" in shown) == (width > 80)


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    """A help text that takes five seconds is not asked for twice."""
    code = (
        "import sys; from pipeline.cli.main import run; run(['--help']); "
        "print(sorted({'torch', 'lancedb', 'dagster', 'duckdb', 'polars'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    commands = (
        "import", "refresh", "search", "similar", "impact", "top", "status", "sql",
        "train", "prompt", "evaluate", "audit",
    )  # fmt: skip
    assert all(f"\n  {command} " in done.stdout for command in commands)


def test_a_closed_pipe_is_no_error(library_env: DataDir) -> None:
    """`csimpact … | head` must not end in a traceback."""
    shell = (
        f'"{sys.executable}" -m pipeline.cli.main sql "FROM range(200000)" --format csv | head -1'
    )
    done = subprocess.run(shell, shell=True, cwd=PROJECT, capture_output=True, text=True)
    assert done.stdout == "range\n"
    assert done.stderr == ""


def test_output_is_utf8_in_any_locale(library_env: DataDir) -> None:
    """Under a locale of the last century a title would raise instead of being printed."""
    env = {
        "CSIMPACT_DATA": str(library_env.root), "CSIMPACT_ENCODER": "tiny",
        "PYTHONIOENCODING": "ascii", "PATH": "",
    }  # fmt: skip
    code = (
        "from pipeline.cli.main import run\n"
        "for form in ('table', 'csv', 'json'): run(['sql', 'SELECT chr(128512)', '--format', form])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=env, capture_output=True)
    assert done.stdout.decode().count("😀") == 3
    assert done.stderr == b""
