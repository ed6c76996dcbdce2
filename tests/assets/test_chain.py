"""The stages as a chain, without Dagster: any sequence of refreshes equals one."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.tables import Cell
from resources.workspace import Workspace
from tests.library import (
    Row,
    assert_same_tables,
    deliver,
    made_cells,
    mtimes,
    paper,
    papers,
    raw_tables,
    rebuilt,
    reopened,
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
Delivery = tuple[Cell, list[tuple[int, str, int | None]], bool, bool]
DELIVERIES = st.lists(
    st.tuples(st.sampled_from(CELLS), ROWS, st.booleans(), st.booleans()), min_size=1, max_size=6
)
# Without shrinking: a failure of this size is read from its last deliveries.
FEW = settings(
    max_examples=8, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow]
)


def rows_of(drawn: list[tuple[int, str, int | None]], cell: Cell) -> list[Row]:
    """The rows, with papers of different venue-years kept apart; never an empty list."""
    base = 100 * CELLS.index(cell)
    rows = [paper(base + n, cites=c) | CHANGES[what](base + n) for n, what, c in drawn]
    return rows or [paper(base, status="Reject")]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty library."""
    return tiny_workspace(tmp_path)


@given(DELIVERIES)
@FEW
def test_any_sequence_of_refreshes_equals_one_refresh_and_a_rebuild(
    deliveries: list[Delivery],
) -> None:
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


def test_older_lists_then_newer_with_a_refresh_between_equal_both_at_once(tmp_path: Path) -> None:
    """A dataset built over years must not differ from one built today."""
    older = {CVPR: papers(range(12)), ICML: papers(range(100, 110))}
    newer = {
        # 0 and 1 are gone, 12 to 14 new, 5 retitled, 6 without its count, 7 a workshop paper.
        CVPR: [
            *papers(range(2, 15), cites=2),
            paper(5, cites=3, title="A title the authors changed"),
            paper(6),
            paper(7, cites=9, status="Workshop"),
        ],
        ACL: papers(range(200, 208)),
    }
    newer[CVPR] = list({row["id"]: row for row in newer[CVPR]}.values())
    step_by_step, at_once = (tiny_workspace(tmp_path / n) for n in ("steps", "once"))
    for cell, rows in older.items():
        deliver(step_by_step, cell, rows, "2024-01-01")
        deliver(at_once, cell, rows, "2024-01-01")
    run_stages(step_by_step)
    for cell, rows in newer.items():
        deliver(step_by_step, cell, rows, "2025-01-01")
        deliver(at_once, cell, rows, "2025-01-01")
    run_stages(step_by_step)
    run_stages(at_once)
    assert_same_tables(tables_of(step_by_step), tables_of(at_once))


@pytest.mark.parametrize("dated", [True, False])
def test_a_third_delivered_later_equals_all_at_once(tmp_path: Path, dated: bool) -> None:
    """Rows and counts that arrive late must end where they would have been."""
    rows = papers(range(18), cites=2)
    withheld = [
        row if i % 3 != 1 else row | {"gs_citation": -1} for i, row in enumerate(rows) if i % 3 != 2
    ]
    later, at_once = (tiny_workspace(tmp_path / n) for n in ("later", "once"))
    deliver(later, CVPR, withheld, "2024-01-01" if dated else None)
    run_stages(later)
    for workspace in (later, at_once):
        deliver(workspace, CVPR, rows, "2024-06-01" if dated else None)
        run_stages(workspace)
    assert_same_tables(tables_of(later), tables_of(at_once))


def test_a_rebuild_with_the_same_ledger_is_equal_to_the_last_row_number(
    tmp_path: Path, workspace: Workspace
) -> None:
    """The lake may be thrown away: inbox, ledger and vectors hold everything."""
    deliver(workspace, CVPR, papers(range(8)), "2024-01-01")
    run_stages(workspace)
    deliver(workspace, ICML, papers(range(100, 105)), "2024-01-01")
    deliver(workspace, CVPR, papers(range(3, 12), cites=4), "2024-02-01")
    run_stages(workspace)
    mine = raw_tables(workspace)
    for keep_vectors in (True, False):
        again = rebuilt(workspace, tmp_path / str(keep_vectors), keep_vectors=keep_vectors)
        other = raw_tables(again)
        if not keep_vectors:  # a rebuild encodes only what is in use
            mine["paper_embeddings"] = tables_of(workspace)["paper_embeddings"]
        assert_same_tables(mine, other)


def test_an_older_list_delivered_late_changes_no_paper(workspace: Workspace) -> None:
    """An archive found later adds history, never replaces what is newer."""
    deliver(workspace, CVPR, papers(range(6), cites=3), "2025-01-01")
    run_stages(workspace)
    before = tables_of(workspace)
    deliver(workspace, CVPR, papers(range(6), cites=1), "2024-01-01")
    run_stages(workspace)
    assert_same_tables(before, tables_of(workspace))
    assert raw_tables(workspace)["dump_records"].height == 12


def test_moved_counts_redo_neither_papers_nor_vectors_nor_pools(workspace: Workspace) -> None:
    """A citation must never wake the encoder, nor rewrite a score that did not move."""
    # Three venue-years of one window; only counts of the third are in no pool of the others.
    deliver(workspace, CVPR, papers(range(6)), "2024-01-01")
    deliver(workspace, ("icml", 2016), papers(range(100, 106)), "2024-01-01")
    deliver(workspace, ACL, papers(range(200, 206)), "2024-01-01")
    run_stages(workspace)
    quiet = ("papers", "authorships", "paper_embeddings", "topic_pools")
    states = {name: workspace.lake.states(name) for name in ("papers", "topic_pools")}
    files = {name: mtimes(workspace, name) for name in (*quiet, "tncsi_sp", "citation_counts")}
    before = raw_tables(workspace)["tncsi_sp"]
    deliver(workspace, CVPR, papers(range(6), cites=5), "2024-02-01")
    made = made_cells(run_stages(workspace))
    assert made == {
        "dump_shards": {CVPR},
        "identities": {CVPR},
        "citation_counts": {CVPR},
        "tncsi_sp": {CVPR, ("icml", 2016)},
    }
    assert {name: workspace.lake.states(name) for name in states} == states
    for name in quiet:
        assert mtimes(workspace, name) == files[name], name
    scores = raw_tables(workspace)["tncsi_sp"]
    for cell, mtime in mtimes(workspace, "tncsi_sp").items():
        mine = (pl.col("venue") == cell[0]) & (pl.col("year") == cell[1])
        moved = not before.filter(mine).equals(scores.filter(mine))
        assert (mtime != files["tncsi_sp"][cell]) == moved, cell


def test_a_count_no_pool_holds_rewrites_no_other_score_file(workspace: Workspace) -> None:
    """Scores of a window are looked at; only those that moved are written."""
    deliver(workspace, CVPR, papers(range(6)), "2024-01-01")
    deliver(workspace, ("icml", 2016), [*papers(range(100, 106)), WORKSHOP], "2024-01-01")
    run_stages(workspace)
    files = mtimes(workspace, "tncsi_sp")
    moved = WORKSHOP | {"gs_citation": 99}  # a workshop paper is in no pool
    deliver(workspace, ("icml", 2016), [*papers(range(100, 106)), moved], "2024-02-01")
    made = run_stages(workspace)
    assert made_cells(made)["tncsi_sp"] == {CVPR, ("icml", 2016)}
    after = mtimes(workspace, "tncsi_sp")
    assert after[CVPR] == files[CVPR]
    assert after["icml", 2016] != files["icml", 2016]


WORKSHOP = paper(107, cites=1, status="Workshop")


def test_a_new_paper_redoes_only_venue_years_within_the_window(workspace: Workspace) -> None:
    """2016 and 2020 are no neighbours; a paper of one must not touch the other."""
    for cell, numbers in ((CVPR, range(6)), (("icml", 2016), range(100, 106))):
        deliver(workspace, cell, papers(numbers), "2024-01-01")
    deliver(workspace, ACL, papers(range(200, 206)), "2024-01-01")
    run_stages(workspace)
    deliver(workspace, CVPR, papers(range(7)), "2024-02-01")
    made = run_stages(workspace)
    cells = made_cells(made)
    near = {CVPR, ("icml", 2016)}
    assert cells["topic_pools"] == near
    assert cells["tncsi_sp"] == near
    assert cells["papers"] == cells["paper_embeddings"] == {CVPR}
    assert sum(int(one.facts["texts_encoded"]) for one in made["paper_embeddings"]) == 1


def test_an_identical_import_is_no_news(workspace: Workspace) -> None:
    """A nightly import of the same files must cost nothing."""
    rows = papers(range(6))
    for day in ("2024-01-01", None):
        deliver(workspace, CVPR, rows, day)
        run_stages(workspace)
        deliver(workspace, CVPR, rows, day)
        assert made_cells(run_stages(workspace)) == {}


def test_the_same_list_downloaded_again_later_keeps_every_table(workspace: Workspace) -> None:
    """Unchanged content of a later day once broke the key of dump_records, and is no news."""
    rows = papers(range(6))
    deliver(workspace, CVPR, rows, "2024-01-01")
    run_stages(workspace)
    before, files = tables_of(workspace), mtimes(workspace, "papers")
    deliver(workspace, CVPR, rows, "2024-02-01")
    assert made_cells(run_stages(workspace)) == {}
    assert mtimes(workspace, "papers") == files
    deliver(workspace, CVPR, rows[1:], "2024-01-15")  # in between: older than the repetition
    run_stages(workspace)
    assert tables_of(workspace)["papers"].equals(before["papers"])


def test_a_restored_inbox_is_no_news(tmp_path: Path, workspace: Workspace) -> None:
    """A backup loses time stamps; undated lists must keep their order all the same."""
    deliver(workspace, CVPR, papers(range(6)))
    deliver(workspace, CVPR, papers(range(3, 9)))
    run_stages(workspace)
    for path in workspace.data.inbox.rglob("*.json"):
        os.utime(path, (1, random.Random(path.name).randrange(10**9)))
    assert made_cells(run_stages(workspace)) == {}
    assert len(workspace.inbox().files) == 2


def test_files_dropped_twice_and_broken_files_stop_nothing(workspace: Workspace) -> None:
    """Two copies of one list, and a truncated one, once stopped every venue-year."""
    for name in ("a", "b"):
        path = workspace.data.inbox / name / "cvpr2016.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(papers(range(5))))
    (workspace.data.inbox / "icml2017.json").write_text('[{"title": "cut of')
    run_stages(workspace)
    tables = raw_tables(workspace)
    assert tables["papers"].height == 5
    assert tables["quarantine"]["source_row"].to_list() == [-1]


def test_a_library_without_papers_settles(workspace: Workspace) -> None:
    """With nothing to index there is no index, which must not look like a lost one."""
    deliver(workspace, CVPR, [paper(1, status="Reject")], "2024-01-01")
    run_stages(workspace)
    assert made_cells(run_stages(workspace)) == {}
    coverage = raw_tables(workspace)["venue_coverage"]
    assert coverage.select("n_records", "n_papers", "n_excluded").row(0) == (1, 0, 1)


def test_a_venue_year_whose_papers_vanish_empties_every_table(workspace: Workspace) -> None:
    """Rejected later: pools, scores and index of others must forget the papers."""
    deliver(workspace, CVPR, papers(range(5)), "2024-01-01")
    deliver(workspace, ("icml", 2016), papers(range(100, 106)), "2024-01-01")
    run_stages(workspace)
    gone = [paper(n, status="Withdrawn") for n in range(5)]
    deliver(workspace, CVPR, gone, "2024-02-01")
    run_stages(workspace)
    tables = raw_tables(workspace)
    for name in ("papers", "topic_pools", "tncsi_sp", "citation_counts"):
        assert set(tables[name]["venue"]) == {"icml"}, name
    assert workspace.vectors.count() == 6


def test_the_index_lost_is_made_again(workspace: Workspace) -> None:
    """LanceDB's folder may be deleted: it holds nothing that the lake does not."""
    deliver(workspace, CVPR, papers(range(5)), "2024-01-01")
    run_stages(workspace)
    shutil.rmtree(workspace.data.lance)
    assert made_cells(run_stages(reopened(workspace.data))) == {"paper_index": {CVPR}}
    assert reopened(workspace.data).vectors.count() == 5


def test_a_text_of_two_venue_years_is_encoded_once(workspace: Workspace) -> None:
    """Each venue-year has its own copy of the vector, of one encoding."""
    deliver(workspace, CVPR, papers(range(5)), "2024-01-01")
    deliver(workspace, ICML, papers(range(5)), "2024-01-01")
    made = run_stages(workspace)
    assert sum(int(one.facts["texts_encoded"]) for one in made["paper_embeddings"]) == 5
    vectors = raw_tables(workspace)["paper_embeddings"]
    assert vectors.height == 10
    assert vectors.unique(["text_hash", "vector"]).height == 5
