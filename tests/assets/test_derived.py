"""The mechanism of tables made of the whole library: kills, damage, and what moves them."""

from collections.abc import Callable
from pathlib import Path
from unittest import mock

import polars as pl
import pytest

from assets.derived import Drawn, derived
from assets.wholes import TrainConfig, Whole
from pipeline.errors import DamagedError
from pipeline.tables import RISING_PAPERS, TOPICS
from resources.lake import Lake
from resources.workspace import Workspace
from tests.library import deliver, paper, papers, reopened, run_stages, tiny_workspace

CVPR = ("cvpr", 2016)
ASK = TrainConfig()
TABLES = ("topics", "rising_papers")


def drawn_of(*looks_at: str) -> tuple[Whole, Callable[[], int]]:
    """An asset of two empty tables, and how often they were drawn."""
    draw = mock.Mock(
        return_value=Drawn({"topics": TOPICS.empty(), "rising_papers": RISING_PAPERS.empty()})
    )

    def tables(workspace: Workspace) -> Drawn:
        """Two tables."""
        found: Drawn = draw(workspace)
        return found

    whole = derived(tables, tables=TABLES, looks_at=looks_at, code="1")
    return whole, lambda: draw.call_count


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = tiny_workspace(tmp_path)
    deliver(workspace, CVPR, papers(range(6)), "2024-01-01")
    run_stages(workspace)
    return workspace


@pytest.mark.parametrize(
    ("looks_at", "stands"),
    [(("papers", "paper_embeddings"), True), (("papers", "citation_counts"), False)],
)
def test_a_count_moves_only_what_looks_at_counts(
    workspace: Workspace, looks_at: tuple[str, ...], stands: bool
) -> None:
    """Topics found anew whenever anybody is cited; aggregates of yesterday's counts."""
    whole, drawn = drawn_of(*looks_at)
    whole.function(workspace, ASK)
    deliver(workspace, CVPR, [paper(n, cites=9) for n in range(6)], "2024-02-01")
    run_stages(workspace)
    again = reopened(workspace.data)
    assert whole.current is not None
    assert whole.current(again) == stands
    assert whole.function(again, ASK).made == (not stands)
    assert drawn() == (1 if stands else 2)


@pytest.mark.parametrize("table", TABLES)
def test_a_kill_while_writing_leaves_nothing_that_counts(workspace: Workspace, table: str) -> None:
    """One new table beside one of yesterday, taken for a pair."""
    whole, drawn = drawn_of("papers")
    assert whole.current is not None
    write = Lake.write

    def killed(lake: Lake, name: str, cell: None, frame: pl.DataFrame) -> object:
        if name == table:
            raise KeyboardInterrupt
        return write(lake, name, cell, frame)

    with mock.patch.object(Lake, "write", killed), pytest.raises(KeyboardInterrupt):
        whole.function(workspace, ASK)
    again = reopened(workspace.data)
    assert not whole.current(again)
    assert whole.function(again, ASK).made
    assert whole.current(again)
    assert drawn() == 2


@pytest.mark.parametrize("table", TABLES)
def test_a_damaged_file_is_named_never_served_and_made_anew(
    workspace: Workspace, table: str
) -> None:
    """A changed byte read as data, or a night without news that leaves it there."""
    whole, drawn = drawn_of("papers")
    whole.function(workspace, ASK)
    path = workspace.lake.path(table, None)
    whole_bytes = path.read_bytes()
    path.write_bytes(whole_bytes[:60] + b"XXXX" + whole_bytes[64:])
    again = reopened(workspace.data)
    with pytest.raises(DamagedError, match=table):
        again.lake.read(table)
    assert whole.current is not None
    assert not whole.current(again)
    assert whole.function(again, ASK).made
    assert path.read_bytes() == whole_bytes
    assert again.lake.read(table).height == 0
    assert drawn() == 2
