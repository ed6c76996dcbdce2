"""Scores of a night must be those of a rebuild, and files of cells that stand must stand."""

import shutil
from collections.abc import Iterator
from datetime import date
from unittest import mock

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets import STAGES, tncsi_sp
from assets.stages import Job, Made, write_cell
from pipeline.tables import CITATION_COUNTS, Cell
from resources.files import digest_of
from resources.workspace import Workspace
from tests.library import RULE, deliver, papers, run_stages, tiny_workspace

A, B, C = ("cvpr", 2016), ("icml", 2017), ("acl", 2018)
A_YEAR = RULE.model_copy(update={"half_window_days": 366})  # B sees A and C, which see only B
SOURCES = ("google_scholar", "openalex", "a_table_of_somebody")
SCORES = next(stage for stage in STAGES if stage.asset == "tncsi_sp")
Change = tuple[Cell, int, str, int | None]
"""Venue-year, which of its papers, source, and what it tells from now on: None, nothing."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Three venue-years in a row, of which moved counts reach one or two further."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        workspace = tiny_workspace(tmp_path_factory.mktemp("scores"))
        workspace.rule = A_YEAR
        for i, cell in enumerate((A, B, C)):
            deliver(workspace, cell, papers(range(100 * i, 100 * i + 7)), "2024-01-01")
        run_stages(workspace, without=("paper_index",))
        yield workspace


changes = st.lists(
    st.tuples(
        st.sampled_from((A, B, C)),
        st.integers(0, 6),
        st.sampled_from(SOURCES),
        st.one_of(st.none(), st.integers(0, 3)),
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=25)
@given(told=changes, at_once=st.integers(1, 30))
def test_changed_counts_end_as_a_rebuild(
    library: Workspace, told: list[Change], at_once: int
) -> None:
    """A score left alone stays wrong; a file touched for nothing is copied by every backup."""
    before, files = scores(library), inodes(library)
    for change in told:
        tell(library, *change)
    with mock.patch.object(tncsi_sp, "_AT_ONCE", at_once):
        made = {one.cell: one for one in SCORES.run(library, SCORES.stale(library))}
    after = scores(library)
    moved = {cell for cell in after if not after[cell].equals(before[cell])}
    assert {cell for cell, one in made.items() if one.moved} == moved
    assert {cell for cell, inode in inodes(library).items() if inode != files[cell]} == moved
    assert SCORES.stale(library) == []
    assert all(after[cell].equals(frame) for cell, frame in rebuilt(library).items())


def tell(workspace: Workspace, cell: Cell, number: int, source: str, count: int | None) -> None:
    """Have `source` tell another count of a paper, as the stage before would store it."""
    lake = workspace.lake
    paper = lake.read("papers", cell).sort("paper_id")["paper_id", "paper_row"].row(number)
    others = lake.read("citation_counts", cell).filter(
        ~((pl.col("paper_id") == paper[0]) & (pl.col("citation_source") == source))
    )
    rows = [] if count is None else [(*paper, *cell, source, count, date(2026, 1, 1))]
    new = pl.DataFrame(rows, schema=CITATION_COUNTS.schema, orient="row")
    tables = {
        "citation_counts": pl.concat([others, new]).sort("paper_id", "citation_source"),
        "citation_snapshots": lake.read("citation_snapshots", cell),
    }
    values = digest_of(tables["citation_counts"].drop("observed_on"))
    job = Job(workspace, {cell: lake.states("citation_counts")[cell].inputs})
    write_cell(job, "citation_counts", cell, tables, facets={"values": values})


def scores(workspace: Workspace) -> dict[Cell, pl.DataFrame]:
    return {cell: workspace.lake.read("tncsi_sp", cell) for cell in (A, B, C)}


def inodes(workspace: Workspace) -> dict[Cell, int]:
    """Which file each cell's scores lie in: a file written again is another one."""
    return {c: workspace.lake.path("tncsi_sp", c).stat().st_ino for c in (A, B, C)}


def rebuilt(workspace: Workspace) -> dict[Cell, pl.DataFrame]:
    """The scores made from nothing; what stood before is put back."""
    root = workspace.lake.root
    kept = root.parent / "kept"
    for name in ("tncsi_sp", "_state/tncsi_sp"):
        shutil.move(root / name, kept / name)
    made: list[Made] = list(SCORES.run(workspace, SCORES.stale(workspace)))
    assert {one.cell for one in made if one.moved} == {A, B, C}
    found = scores(workspace)
    for name in ("tncsi_sp", "_state/tncsi_sp"):
        shutil.rmtree(root / name)
        shutil.move(kept / name, root / name)
    shutil.rmtree(kept)
    return found
