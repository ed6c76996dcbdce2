"""The filters and SQL helps of the command line, and any text in every output format."""

import csv
import io
import json
import unicodedata
from collections.abc import Callable

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.cli.main import run
from pipeline.cli.output import print_papers
from pipeline.query import Library
from pipeline.query.views import VIEWS
from pipeline.settings import DataDir
from pipeline.tables import TABLES

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(analyst_env: DataDir, capfdbinary: pytest.CaptureFixture[bytes]) -> Cli:
    """(exit code, standard output, standard error) of a command."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return call


def test_search_takes_every_filter(cli: Cli) -> None:
    """An option that is parsed and not passed on filters nothing."""
    filters = ["--domain", "nlp", "--year", "2021-2022", "--min-score", "0.3", "--venue", "acl"]
    code, out, _ = cli("search", "parsing", *filters, "-k", "200", "--format", "json")
    found = json.loads(out)
    assert code == 0
    assert {p["venue"] for p in found} == {"acl"}
    assert {p["year"] for p in found} == {2021, 2022}
    assert min(p["tncsi_sp"] for p in found) >= 0.3
    paper, author = found[0]["paper_id"], authors_of(found[0]["paper_id"])[0]
    code, out, _ = cli("similar", paper, "--year", "2021", "--format", "json")
    assert {p["year"] for p in json.loads(out)} == {2021}
    code, out, _ = cli("top", "--author", author.upper(), "--format", "json")
    assert paper in [p["paper_id"] for p in json.loads(out)]
    code, out, _ = cli("search", "x", "--author", author, "--format", "json", "-k", "99")
    assert paper in [p["paper_id"] for p in json.loads(out)]


def authors_of(paper_id: str) -> list[str]:
    query = f"SELECT author_name FROM paper_authors WHERE paper_id = '{paper_id}'"
    return Library().sql(query)["author_name"].to_list()


def test_papers_left_out_for_want_of_a_score_are_told(cli: Cli) -> None:
    """Six papers without a count would seem to be of low impact."""
    code, _, err = cli("search", "x", "--domain", "ml", "--min-score", "0.1")
    assert code == 0
    assert err == "note: 6 papers that match otherwise have no score and are left out\n"
    assert cli("search", "x", "--domain", "ml")[2] == ""
    assert cli("similar", Library().top(k=1)["paper_id"][0], "--min-score", "0.1")[2] == err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("search", "x", "--year", "twenty"), "a year or years such as 2018-2022"),
        (("search", "x", "--year", "2022-"), "a year or years such as 2018-2022"),
        (("search", "x", "--year", "2022-2020"), "first year before the last"),
        (("search", "x", "--min-score", "2"), "from 0 to 1"),
        (("search", "x", "--domain", "visoin"), "nearest: vision"),
        (("search", "x", "--author", "'; DROP TABLE papers"), "none is near"),
        (("search", "x", "--venue", "icml", "--min-score", "0"), "6 have no score"),
        (("top", "--domain", "speech"), "years held: none"),
        (("sql",), "a QUERY, --list or --views"),
        (("sql", "SELECT 1", "--views"), "a QUERY, --list or --views"),
        (("sql", "COPY scores TO 'x.csv'"), "received COPY"),
    ],
)
def test_what_cannot_be_met_is_one_line(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    """A trace, or an empty table, tells nobody what to type instead."""
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_names_are_listed_with_their_meaning(cli: Cli) -> None:
    """Views come first: they are what to ask."""
    code, out, err = cli("sql", "--list", "--format", "json")
    rows = json.loads(out)
    assert (code, err) == (0, "")
    assert [r["name"] for r in rows] == [*VIEWS, *TABLES]
    assert {r["kind"] for r in rows[: len(VIEWS)]} == {"view"}


def test_the_script_is_printed_as_it_is(cli: Cli) -> None:
    """A table's frame around it, or a folded line, would be no SQL."""
    code, out, err = cli("sql", "--views")
    assert (code, err) == (0, "")
    with duckdb.connect(":memory:") as connection:
        connection.execute(out)
        (rows,) = connection.sql("SELECT count(*) FROM scores").fetchall()
    assert rows[0] == Library().sql("SELECT count(*) FROM scores").item()


NASTY = (
    """a "quoted", 'title'; with\r\nlines""",
    "[bold red]markup[/] :smile: [link=x]y[/link]",
    "שלום \u202eעולם\u202c \u2067abc\u2069",
    "😀 𝔘𝔫𝔦 👩\u200d👩\u200d👧 𠜎",
    "\x1b[31mred\x1b[0m \x85 \u2028 \u2029 \x0b",
    "=1+1 | -2 @x e\u0301 \ufeff",
    "",
    "null",
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(NASTY)
OVERRIDES = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it is read out each time
@given(titles=st.lists(TEXTS, min_size=1, max_size=4))
@example(titles=list(NASTY))
def test_any_text_survives_json_and_csv_and_cannot_command_a_terminal(
    capfdbinary: pytest.CaptureFixture[bytes], titles: list[str]
) -> None:
    """One title with a quote shifts columns; one with an escape or override rewrites a line."""

    def printed(output: str, titles: list[str]) -> str:
        papers = {"paper_id": [f"p{n}" for n in range(len(titles))], "title": titles}
        print_papers(
            pl.DataFrame(papers, schema={"paper_id": pl.String, "title": pl.String}), output
        )
        return capfdbinary.readouterr().out.decode()

    assert [p["title"] for p in json.loads(printed("json", titles))] == titles
    rows = list(csv.reader(io.StringIO(printed("csv", titles), newline="")))
    assert rows[1:] == [[f"p{n}", title] for n, title in enumerate(titles)]
    table = printed("table", titles)
    assert len(table.splitlines()) == len(printed("table", ["plain"] * len(titles)).splitlines())
    assert not {c for c in table if c in OVERRIDES or unicodedata.category(c) == "Cc"} - {"\n"}


def test_nasty_titles_come_out_of_search_sql_and_top_alike(
    library_env: DataDir, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A command with a way of printing of its own would be the one that breaks."""
    commands = (
        ("search", "quotes", "--venue", "iclr", "-k", "99"),
        ("top", "--venue", "iclr", "-k", "99"),
        ("sql", "SELECT paper_id, title FROM scores WHERE venue = 'iclr'"),
        ("similar", "Optimisation of graph networks, part 0", "-k", "99"),
    )
    want = dict(Library().sql("SELECT paper_id, title FROM papers").rows())
    for command in commands:
        assert run([*command, "--format", "json"]) == 0
        as_json = json.loads(capfdbinary.readouterr().out)
        assert run([*command, "--format", "csv"]) == 0
        text = capfdbinary.readouterr().out.decode()
        as_csv = list(csv.DictReader(io.StringIO(text, newline="")))
        assert run(list(command)) == 0
        table = capfdbinary.readouterr().out.decode()
        for rows in (as_json, as_csv):
            assert {p["paper_id"]: p["title"] for p in rows} == {
                p["paper_id"]: want[p["paper_id"]] for p in rows
            }
        assert {"שלום עולם: למידה עמוקה", "Four bytes 😀 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢"} <= {
            p["title"] for p in as_csv
        }
        assert all(p["title"] in table for p in as_json)
