"""States are parsed once, and yet nobody may be told an old one."""

import os
from pathlib import Path
from unittest import mock

import pytest

from pipeline.staleness import State
from resources import state_files
from resources.lake import Lake

CELL = ("cvpr", 2016)
LONG_AGO = 1_700_000_000 * 10**9


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def commit(lake: Lake, digest: str) -> Path:
    """A state as if written long ago: all of one size and one time stamp."""
    lake.commit("papers", CELL, State({"records": "r"}, digest))
    path = lake.root / "_state" / "papers" / "cvpr" / "2016.json"
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return path


def told(lake: Lake) -> str:
    """The digest by both ways of reading."""
    state = lake.state("papers", CELL)
    assert state
    assert lake.states("papers") == {CELL: state}
    return state.digest


def test_a_state_replaced_in_the_same_instant_is_read(lake: Lake) -> None:
    """Size and time stamp alone cannot tell two states of one night apart."""
    first = commit(lake, "aaaa").stat()
    assert told(lake) == "aaaa"
    second = commit(lake, "bbbb").stat()
    assert (first.st_size, first.st_mtime_ns) == (second.st_size, second.st_mtime_ns)
    assert told(lake) == "bbbb"


def test_a_state_just_written_is_not_remembered(lake: Lake) -> None:
    """Within one tick of the clock even the inode may be that of the file before."""
    path = commit(lake, "aaaa")
    os.utime(path)
    now = path.stat()
    assert told(lake) == "aaaa"
    path.write_bytes(path.read_bytes().replace(b"aaaa", b"bbbb"))
    os.utime(path, ns=(now.st_mtime_ns, now.st_mtime_ns))
    assert told(lake) == "bbbb"


def test_a_settled_state_is_parsed_once(lake: Lake) -> None:
    """Twenty thousand files parsed at every tick would take a second each time."""
    commit(lake, "aaaa")
    assert told(lake) == "aaaa"
    with mock.patch.object(state_files, "_parse", side_effect=AssertionError("parsed again")):
        assert told(lake) == "aaaa"


def test_files_that_are_no_states_are_passed_over(lake: Lake) -> None:
    """A killed process leaves a temporary file beside the states; it must not stop the planner."""
    path = commit(lake, "aaaa")
    path.with_name(".2017.json.123.tmp").write_bytes(b"{}")
    path.parent.with_name("all.json").write_bytes(b'{"inputs": {}}')
    assert told(lake) == "aaaa"


def test_a_forgotten_state_is_gone(lake: Lake) -> None:
    """Remembered beyond its file, it would vouch for tables that are being replaced."""
    commit(lake, "aaaa")
    assert told(lake) == "aaaa"
    lake.forget("papers", CELL)
    assert lake.states("papers") == {}
    assert lake.state("papers", CELL) is None
