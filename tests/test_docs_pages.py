"""The pages people read: links and headings, commands, columns and SQL in them are real."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from pipeline.cli.main import app
from pipeline.query import Library
from pipeline.settings import PROJECT, DataDir
from pipeline.tables import TNCSI_SP

PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")])
IMPACT = (PROJECT / "docs" / "impact.md").read_text(encoding="utf-8")
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_anchors_lead_somewhere(page: Path) -> None:
    """A heading that was renamed, a page or a picture that was moved or never made."""
    broken = []
    for name, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{name}#{anchor}")
    assert broken == []


def commands(text: str) -> set[str]:
    """Lines of blocks and words in backticks that call csimpact, without their comments."""
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S))
    lines = re.findall(r"^(?:\.venv/bin/)?(csimpact .*)$", blocks, re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return {
        re.split(r" [#>] ?", " ".join(line.split()))[0].strip()
        for line in [*lines, *re.findall(r"`(csimpact [^`]*)`", prose)]
    }


# docs/operations.md has a test of its own.
NAMED = sorted({
    line
    for page in ("README.md", "docs/impact.md", "docs/sql.md")
    for line in commands((PROJECT / page).read_text(encoding="utf-8"))
})  # fmt: skip


@pytest.mark.parametrize("line", NAMED)
def test_a_named_command_is_one(line: str) -> None:
    """A command or flag that was renamed, and is copied from a page."""
    rest = shlex.split(re.sub(r"[][…]", "", line))[1:]
    command = typer.main.get_command(app)
    while rest and hasattr(command, "commands") and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    assert not hasattr(command, "commands"), f"{line}: no such command"
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= flags


def test_commands_were_found() -> None:
    """A changed form of the pages would leave the test above without any work."""
    assert {"csimpact overview", "csimpact validate", "csimpact rising"} <= set(NAMED)
    assert len(NAMED) >= 40


def test_every_column_of_the_scores_is_explained() -> None:
    """A new companion that nobody says the formula of."""
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", IMPACT, re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert set(TNCSI_SP.schema.names()) <= explained


def test_files_named_in_the_impact_page_exist() -> None:
    """A module that was moved, and is looked for as the source of a method."""
    named = re.findall(r"`((?:pipeline|tests|assets|docs)/[\w/.]+)`", IMPACT)
    assert named
    assert [name for name in named if not (PROJECT / name).exists()] == []


def test_sql_of_the_impact_page_answers(analyst_env: DataDir) -> None:
    """A figure that is said to be had by asking, and is not."""
    for query in re.findall(r"^```sql\n(.*?)^```", IMPACT, re.M | re.S):
        found = Library(analyst_env).sql(query)
        assert found["papers"].item() > 0
        assert abs(found["rho"].item()) <= 1
