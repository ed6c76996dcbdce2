"""The journal of costs: lines added by several at once, and torn by a crash."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.errors import StorageError
from resources.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal" / "costs.jsonl")


def test_what_is_added_is_read_back_in_order(journal: Journal) -> None:
    """Texts among the figures could be a secret, and sums of booleans mean nothing."""
    assert journal.costs() == []
    journal.add("r1", "refresh", "papers", {"cells": 2, "serves": "key=abc", "news": True})
    journal.add("r1", "refresh", "tncsi_sp", {"seconds": 0.5})
    first, second = journal.costs()
    assert (first.run_id, first.job, first.step, first.figures) == (
        "r1", "refresh", "papers", {"cells": 2},
    )  # fmt: skip
    assert second.figures == {"seconds": 0.5}
    assert b"abc" not in journal.path.read_bytes()


def test_only_what_ended_since(journal: Journal) -> None:
    """The costs of last night told again tonight."""
    journal.add("r1", "refresh", "papers", {"cells": 1})
    first = journal.costs()[0]
    journal.add("r2", "refresh", "papers", {"cells": 2})
    assert [c.run_id for c in journal.costs(since=first.at)] == ["r2"]
    assert journal.costs(since=datetime.now(UTC) + timedelta(days=1)) == []


def test_a_torn_line_is_passed_over_and_spoils_no_other(journal: Journal) -> None:
    """A kill in the middle of a line must cost that line, not the next one too."""
    journal.add("r1", "refresh", "papers", {"cells": 1})
    journal.add("r2", "refresh", "papers", {"cells": 2})
    journal.path.write_bytes(journal.path.read_bytes()[:-20])
    journal.add("r3", "refresh", "papers", {"cells": 3})
    assert [c.run_id for c in journal.costs()] == ["r1", "r3"]


def test_runs_beside_each_other_do_not_mix_lines(journal: Journal) -> None:
    """Two runs at once once wrote into each other's line."""

    def write(name: str) -> None:
        for number in range(50):
            journal.add(name, "refresh", "papers", {"cells": number})

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = journal.costs()
    for name in "abcd":
        assert [c.figures["cells"] for c in found if c.run_id == name] == list(range(50))


def test_a_journal_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A traceback would hide that no table was harmed."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"could not write .*tables are untouched"):
        Journal(tmp_path / "file" / "costs.jsonl").add("r", "refresh", "papers", {})
