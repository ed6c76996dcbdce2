"""The operations page: every command, target, variable and figure in it exists."""

import re
import shlex

import pytest
import typer

from pipeline.cli.main import app
from pipeline.settings import PROJECT, VARIABLES
from resources.retention import RetentionPolicy

PAGE = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
# In blocks a line each, in text between backticks.
COMMANDS = sorted({
    line.partition("#")[0].strip()
    for line in [
        *re.findall(r"^csimpact .*$", PAGE, re.MULTILINE), *re.findall(r"`(csimpact [^`]*)`", PAGE),
    ]
})  # fmt: skip


def test_there_are_commands_to_check() -> None:
    """A changed form of the page would leave the tests below without any work."""
    assert len(COMMANDS) >= 12


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_is_one(line: str) -> None:
    """A flag that was renamed, read at three in the night."""
    command = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert not hasattr(command, "commands"), f"{line}: no such command"
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= flags


def test_make_targets_of_the_page_are_there() -> None:
    """The same for make."""
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", PAGE, re.MULTILINE)) <= targets


def test_every_variable_and_no_other_is_explained() -> None:
    """A variable that only the code knows is used by nobody."""
    assert set(re.findall(r"CSIMPACT_\w+", PAGE)) == set(VARIABLES)
    rows = dict(re.findall(r"^\| `(CSIMPACT_\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert {name: says.replace("`", "") for name, says in rows.items()} == dict(VARIABLES)


def test_the_retention_table_says_the_defaults() -> None:
    """Somebody counts on 90 days and finds 30."""
    rows = dict(re.findall(r"^\| `(\w+_(?:days|mb))` \| (\d+) ", PAGE, re.MULTILINE))
    assert {name: int(days) for name, days in rows.items()} == RetentionPolicy().model_dump()


def test_links_within_the_page_lead_somewhere() -> None:
    """A heading that was renamed."""
    headings = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", PAGE)) == anchors
