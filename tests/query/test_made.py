"""Tables made on demand, and names near to wrong ones."""

from pathlib import Path

import pytest

from pipeline.errors import NotFoundError
from pipeline.query.made import MADE_BY, read_made
from pipeline.query.near import near_names, nearest_said
from pipeline.tables import TABLES
from resources.lake import Lake


@pytest.mark.parametrize("table", MADE_BY)
def test_before_it_is_made_the_command_is_named(tmp_path: Path, table: str) -> None:
    """No rows would read as "nothing found"; rows of none are an answer."""
    lake = Lake(tmp_path)
    with pytest.raises(NotFoundError, match=rf"^no .* yet: `csimpact {MADE_BY[table]}` makes them"):
        read_made(lake, table)
    lake.write(table, None, TABLES[table].empty())
    assert read_made(lake, table).height == 0


def test_near_names_come_in_any_case_and_only_if_near() -> None:
    """ "Vision" is no other word than "vision", and "zzz" is near to nothing."""
    known = ("nlp", "vision", "robotics")
    assert near_names("VISOIN", known) == ["vision"]
    assert near_names("zzz", known) == []
    assert nearest_said([]) == ""
    assert nearest_said(["a", "b"]) == "; nearest: a, b"
