"""The stages as a chain, without Dagster: any sequence of refreshes equals building from nothing."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.tables import Cell
from resources.workspace import Workspace
from tests.library import (
    Row,
    assert_same_tables,
    deliver,
    paper,
    raw_tables,
    rebuilt,
    run_stages,
    tables_of,
    tiny_workspace,
)

CVPR, ICML, ACL = ("cvpr", 2016), ("icml", 2017), ("acl", 2020)
CELLS: tuple[Cell, ...] = (CVPR, ICML, ACL)
NO_INDEX = ("paper_index",)  # LanceDB has tests of its own, and seconds of start-up

# A row of a random list: paper number, what of it changed, its count.
CHANGES: dict[str, Callable[[int], Row]] = {
    "as it was": lambda n: {},
    "another title": lambda n: {"title": f"Renamed work on topic {n}"},
    "little changed title": lambda n: {"title": paper(n)["title"] + " revisited"},
    "title of another": lambda n: {"title": paper(n % 3)["title"]},
    "another abstract": lambda n: {"abstract": f"New abstract {n}."},
    "workshop": lambda n: {"status": "Workshop"},
    "rejected": lambda n: {"status": "Reject"},
    "no id": lambda n: {"id": None},
    "another id": lambda n: {"id": f"renumbered{n}"},
    "id of another": lambda n: {"id": f"id{n % 3}"},
    "no authors": lambda n: {"author": ""},
    "an author more": lambda n: {"author": paper(n)["author"] + ";Zoe Added"},
    "author of another": lambda n: {"author": paper(n % 3)["author"]},
    "malformed": lambda n: {"gs_citation": "many"},
}
ROWS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from(sorted(CHANGES)),
        st.one_of(st.none(), st.integers(0, 30)),
    ),
    max_size=9,
)
DELIVERIES = st.lists(
    st.tuples(st.sampled_from(CELLS), ROWS, st.booleans(), st.booleans()), min_size=1, max_size=6
)
FEW = settings(
    max_examples=15, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow]
)


def rows_of(drawn: list[tuple[int, str, int | None]], cell: Cell) -> list[Row]:
    """The rows, with papers of different venue-years kept apart; never an empty list."""
    base = 100 * CELLS.index(cell)
    rows = [paper(base + n, cites=c) | CHANGES[what](base + n) for n, what, c in drawn]
    return [
        row | ({"gs_citation": "many"} if what == "malformed" else {})
        for row, (_, what, _) in zip(rows, drawn, strict=True)
    ] or [paper(base, status="Reject")]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty library."""
    return tiny_workspace(tmp_path)


@given(DELIVERIES)
@FEW
def test_any_sequence_of_refreshes_equals_one_refresh_and_a_rebuild(deliveries) -> None:  # type: ignore[no-untyped-def]
    """Would catch a stage that reads less than it depends on, or history leaking into values."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        step_by_step, at_once = (tiny_workspace(folder / n) for n in ("steps", "once"))
        for i, (cell, drawn, dated, refresh_now) in enumerate(deliveries):
            # A list without a date counts as recent as the one before, so order is that of arrival.
            day = f"2024-{i + 1:02}-01" if dated else None
            for workspace in (step_by_step, at_once):
                deliver(workspace, cell, rows_of(drawn, cell), day)
            if refresh_now:
                run_stages(step_by_step, without=NO_INDEX)
        for workspace in (step_by_step, at_once):
            run_stages(workspace, without=NO_INDEX)
        assert_same_tables(tables_of(step_by_step), tables_of(at_once))
        again = rebuilt(step_by_step, folder / "again", keep_vectors=True)
        mine, other = raw_tables(step_by_step), raw_tables(again)
        for frames in (mine, other):
            del frames["citation_snapshots"]  # history: what was seen, and when
        assert_same_tables(mine, other)
