"""A mapping is written by hand: each slip must be named, and all of them at once."""

import pytest

from pipeline.corpus.table_mapping import load_mapping
from pipeline.errors import InputError
from pipeline.settings import PROJECT

GOOD = """
source = "mine"
format = "csv"
[venue]
constant = "vis"
[columns]
id = "Id"
title = "Title"
year = "Year"
"""


def problems(text: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        load_mapping(text.encode() if isinstance(text, str) else text)
    message = str(caught.value)
    assert message.startswith("mapping: ")
    assert "\n" not in message
    return message


def test_defaults() -> None:
    """A default that deletes rows would surprise whoever left it out."""
    mapping = load_mapping(GOOD.encode())
    assert (mapping.replace, mapping.patch, mapping.encoding) == (False, False, "utf-8")
    assert mapping.needed == ("Id", "Title", "Year")


@pytest.mark.parametrize("path", sorted((PROJECT / "docs" / "mappings").glob("*.toml")))
def test_the_examples_load(path: object) -> None:
    """An example that does not load teaches mistrust."""
    load_mapping(path.read_bytes())  # type: ignore[attr-defined]


def test_every_problem_is_named_at_once() -> None:
    """Problems shown one at a time cost one run each."""
    message = problems(
        """
        source = "dblp"
        format = "xlsx"
        encoding = "utf-9"
        delimiter = ";;"
        colour = "red"
        [venue]
        constant = "vis"
        column = "Venue"
        [columns]
        title = 3
        """
    )
    assert "7 problems" in message or "8 problems" in message
    for place in ("source: is a built-in source", "format:", "encoding: is no text encoding",
                  "delimiter:", "colour:", "venue: expected either `constant` or `column`",
                  "columns.title:", "columns: id: Field required"):  # fmt: skip
        assert place in message, place


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD.replace('title = "Title"', ""), "columns.title: papers need one"),
        (GOOD.replace('year = "Year"', ""), "columns.year: papers need one"),
        (GOOD.replace('[venue]\nconstant = "vis"', ""), "venue: papers need one"),
        (GOOD + 'cited_by_count = "N"', "citation_source: counts need to say who counted"),
        (GOOD + '[edges]\nciting = "a"\ncited = "b"', "expected either [columns] or [edges]"),
        ('source = "m"\nformat = "csv"', "expected either [columns] or [edges]"),
        (
            'source = "m"\nformat = "csv"\nreplace = true\n[edges]\nciting = "a"\ncited = "b"',
            "replace: only papers can be replaced",
        ),
        (
            'source = "m"\nformat = "csv"\npatch = true\n[columns]\nid = "a"',
            "a patch needs another",
        ),
        ("patch = true\n" + GOOD, "venue: only papers have one; columns.year: a patch is placed"),
        (GOOD.replace("constant", "values = {a = 'b'}\nconstant"), "`values` translate a `column`"),
        (GOOD.replace('"mine"', '"My Table"'), "source: String should match"),
        (GOOD.replace('"mine"', '"semantic_scholar"'), "is a built-in source; name it"),
        (GOOD + '[separators]\nauthors = " "', "separators.authors: String should have at least"),
        ("encoding = 'zlib'\n" + GOOD, "encoding: is no text encoding"),
        ("not toml", "expected a TOML file in UTF-8"),
    ],
)
def test_mappings_that_contradict_themselves(text: str, problem: str) -> None:
    """A mapping that is half understood imports half a table."""
    assert problem in problems(text)


def test_other_encodings_of_the_mapping_are_refused() -> None:
    """Latin-1 column names would never be found in the table."""
    assert "expected a TOML file in UTF-8" in problems(GOOD.replace("Id", "É").encode("latin-1"))
