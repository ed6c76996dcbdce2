"""Every documented SQL example runs, and answers."""

import re

import pytest

from benchmarks.sql import examples
from pipeline.query import Library
from pipeline.query.views import VIEWS
from pipeline.settings import PROJECT, DataDir

EXAMPLES = dict(examples())


def test_every_block_is_an_example_of_its_own() -> None:
    """Two blocks under one title would hide one of them from these tests."""
    page = (PROJECT / "docs" / "sql.md").read_text()
    assert len(EXAMPLES) == page.count("```sql\n") >= 10
    assert len({*EXAMPLES.values()}) == len(EXAMPLES)


def test_every_view_is_shown_in_use() -> None:
    """A view that no example asks is one that nobody finds."""
    text = " ".join(EXAMPLES.values())
    shown = {name for name in VIEWS if re.search(rf"\b{name}\b", text)}
    assert set(VIEWS) - shown == {"venues"}  # its columns stand in nearly all others


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_answers(analyst_env: DataDir, title: str) -> None:
    """An example that fails, or shows nothing, is the first thing an analyst meets."""
    found = Library(analyst_env).sql(EXAMPLES[title])
    assert found.height > 0
    assert all(found[column].null_count() < found.height for column in found.columns), found
