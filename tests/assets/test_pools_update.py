"""The stage `topic_pools` on a lake written by hand: refreshed after changes, or from nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from assets import STAGES, pool_window, topic_pools
from assets.corpus import facets_of_papers
from assets.stages import Made, write_cell
from assets.windows import CellReader
from pipeline.impact.pools import PoolBuilder
from pipeline.retrieval.windows import Reach
from pipeline.staleness import State
from pipeline.tables import PAPER_EMBEDDINGS, PAPERS, Cell
from resources.workspace import Workspace
from tests.library import Row, mtimes, tiny_workspace

STAGE = next(stage for stage in STAGES if stage.output == "topic_pools")
VECTORS = np.random.default_rng(0).standard_normal((9, 8)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
A, B, C, D = ("acl", 2020), ("icml", 2020), ("acl", 2021), ("icml", 2024)
CELLS: Sequence[Cell] = (A, B, C, D)
DAY = {2020: 18_445, 2021: 18_810, 2024: 19_906}  # 2 July


@pytest.fixture(autouse=True)
def tiny_reach(_tiny_encoder_chosen: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that frontiers are exhausted, and updates are tried whatever they cost."""
    monkeypatch.setattr(pool_window, "REACHED", Reach(2, 1000))
    monkeypatch.setattr(pool_window, "SEARCHED_ANEW", 1e9)


def paper(number: int, cell: Cell, **changes: object) -> Row:
    """A paper of which pools know all they look at."""
    row: Row = {"cell": cell, "row": number, "day": DAY[cell[1]], "text": number % 9, "pool": True}
    return row | changes


def store(workspace: Workspace, rows: Sequence[Row]) -> None:
    """The papers and vectors of a library, with states as their stages leave them."""
    lake = workspace.lake
    for cell in CELLS:
        mine = sorted((r for r in rows if r["cell"] == cell), key=name)
        frame = pl.DataFrame([_paper(row) for row in mine], schema=PAPERS.schema, orient="row")
        days = frame["publication_date"].drop_nulls().to_physical().to_list()
        written = lake.write("papers", cell, frame)
        state = State({}, written.digest, {"papers": frame.height}, {"papers": written.size})
        span = (min(days), max(days)) if days else None
        lake.commit("papers", cell, replace(state, facets=facets_of_papers(frame), days=span))
        texts = sorted({str(r["text"]) for r in mine})
        vectors = pl.DataFrame(
            [(t, workspace.encoder_id, *cell, VECTORS[int(t)].tolist()) for t in texts],
            schema=PAPER_EMBEDDINGS.schema,
            orient="row",
        )
        lake.write("paper_embeddings", cell, vectors)


def name(row: Row) -> str:
    # Ids in another order than rows, so that ties show which of the two decides.
    return f"p{row['row'] * 7919 % 1000:03}"


def _paper(row: Row) -> Row:
    values: Row = dict.fromkeys(PAPERS.schema.names())
    return values | {
        "paper_id": name(row), "paper_row": row["row"], "venue": row["cell"][0],
        "year": row["cell"][1], "title": "T", "track": "main", "in_pools": row["pool"],
        "publication_date": row["day"] if row["day"] is None else _date(row["day"]),
        "is_retracted": False, "sources": [], "keywords": [], "n_authors": 1, "n_records": 1,
        "text_hash": str(row["text"]),
    }  # fmt: skip


def _date(day: int) -> object:
    return np.datetime64(day, "D").astype(object)


def refreshed(workspace: Workspace, cells: Sequence[Cell] = CELLS) -> dict[Cell, Made]:
    """What became of the stale ones among these cells."""
    stale = [cell for cell in STAGE.stale(workspace) if cell in cells]
    return {made.cell: made for made in STAGE.run(workspace, stale) if made.cell}


def assert_as_from_nothing(workspace: Workspace) -> None:
    """Equal to the pools of the whole library at once."""
    lake = workspace.lake
    papers = lake.read_all("papers")
    vectors = VECTORS[papers["text_hash"].cast(pl.Int64).to_numpy()]
    rule, config_id = workspace.rule, workspace.config_id
    true = PoolBuilder(papers, vectors, rule=rule, config_id=config_id).build()
    for cell in CELLS:
        mine = true.filter(venue=cell[0], year=cell[1])
        assert lake.read("topic_pools", cell).equals(mine)


def some_library(n: int = 40) -> list[Row]:
    rng = np.random.default_rng(1)
    return [paper(i, CELLS[int(rng.integers(0, 4))]) for i in range(n)]


def facts(made: Made) -> tuple[float | str, ...]:
    return tuple(made.facts[f"pools_{what}"] for what in ("searched", "updated", "unchanged"))


def test_a_new_paper_touches_its_window_and_is_all_that_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole venue-year searched for one paper; pools of other years written again."""
    monkeypatch.setattr(pool_window, "REACHED", Reach())
    workspace, rows = tiny_workspace(tmp_path), some_library()
    store(workspace, rows)
    refreshed(workspace)
    assert_as_from_nothing(workspace)
    before = mtimes(workspace, "topic_pools")
    store(workspace, [*rows, paper(50, A)])
    made = refreshed(workspace)
    assert made.keys() == {A, B}
    n = {cell: sum(r["cell"] == cell for r in rows) for cell in CELLS}
    assert facts(made[A])[0] == 1
    assert facts(made[B])[0] == 0
    assert all(sum(facts(made[cell])[1:]) == n[cell] for cell in (A, B))  # type: ignore[arg-type]
    after = mtimes(workspace, "topic_pools")
    assert {cell for cell in CELLS if before[cell] == after[cell]} == {C, D}
    assert_as_from_nothing(workspace)


def test_pools_without_a_change_in_their_window_are_not_touched(tmp_path: Path) -> None:
    """A whole venue-year counted as updated because one of its papers stands near a change."""
    rows = [paper(i, A, day=DAY[2020] + (0 if i < 10 else 184)) for i in range(20)]
    workspace = tiny_workspace(tmp_path)
    store(workspace, rows)
    refreshed(workspace)
    store(workspace, [*rows, paper(50, B, day=DAY[2020])])
    made = refreshed(workspace)
    assert facts(made[A])[2] >= 10
    assert_as_from_nothing(workspace)


def test_vectors_of_an_empty_venue_year_go_with_those_of_any_other(tmp_path: Path) -> None:
    """A refresh that fails for ever since a venue-year lost its papers, and was read by itself."""
    workspace = tiny_workspace(tmp_path)
    store(workspace, [paper(i, A) for i in range(3)])
    reader = CellReader(workspace)
    assert [v.shape[0] for v in reader.vectors([B])] == [0]
    assert [v.shape for v in reader.vectors([A, B])] == [(3, 8), (0, 8)]
    assert reader.vectors([]) == []


def test_a_cell_that_somebody_asks_for_is_made_from_nothing(tmp_path: Path) -> None:
    """A forced rebuild that answers with what it remembers."""
    workspace = tiny_workspace(tmp_path)
    store(workspace, some_library())
    refreshed(workspace)
    [made] = STAGE.run(workspace, [A])
    assert facts(made)[0] == made.rows["topic_pools"]
    assert made.changed == ()


@pytest.mark.parametrize("loss", ["frontier", "damaged frontier", "lists", "damaged lists"])
def test_what_was_lost_is_made_anew(tmp_path: Path, loss: str) -> None:
    """Wrong pools, or a refresh that fails for ever, because working memory is gone or broken."""
    workspace, rows = tiny_workspace(tmp_path), some_library()
    store(workspace, rows)
    refreshed(workspace)
    folder = workspace.data.lake / ("_frontiers" if "frontier" in loss else "_members")
    for path in [p for p in folder.rglob("*") if p.is_file()]:
        if "damaged" in loss:
            path.write_bytes(path.read_bytes()[:-1] + b"x")
        else:
            path.unlink()
    store(workspace, [*rows, paper(50, A)])
    made = refreshed(workspace)
    assert all(facts(made[c])[0] == made[c].rows["topic_pools"] for c in (A, B))
    assert_as_from_nothing(workspace)
    for last in (51, 52):  # a damaged list is noticed when it is needed
        store(workspace, [*rows, paper(50, A), *(paper(i, B) for i in range(51, last + 1))])
        again = refreshed(workspace)
        assert_as_from_nothing(workspace)
    assert sum(float(facts(m)[0]) for m in again.values()) < sum(
        m.rows["topic_pools"] for m in again.values()
    )


def test_a_frontier_of_another_rule_is_not_used(tmp_path: Path) -> None:
    """Pools that are half of one size and half of another after a new rule."""
    workspace, rows = tiny_workspace(tmp_path), some_library()
    store(workspace, rows)
    refreshed(workspace)
    other = Workspace(
        workspace.data, workspace.today, rule=workspace.rule.model_copy(update={"k_max": 5})
    )
    store(other, [*rows, paper(50, A)])
    made = refreshed(other)
    assert all(facts(m)[0] == m.rows["topic_pools"] for m in made.values())
    assert_as_from_nothing(other)


def test_a_crash_between_frontier_and_table_applies_no_change_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A paper that entered a frontier before the crash entering it once more after it."""
    workspace, rows = tiny_workspace(tmp_path), some_library()
    store(workspace, rows)
    refreshed(workspace)
    store(workspace, [*rows, paper(50, A)])
    monkeypatch.setattr(topic_pools, "write_cell", _crash)
    with pytest.raises(KeyboardInterrupt):
        refreshed(workspace)
    monkeypatch.setattr(topic_pools, "write_cell", write_cell)
    made = refreshed(workspace).values()
    # The one that crashed is made from nothing: its frontier is of inputs that no table has.
    assert any(facts(one)[0] == one.rows["topic_pools"] for one in made)
    store(workspace, [*rows, *(paper(i, A) for i in range(50, 56))])
    refreshed(workspace)
    assert_as_from_nothing(workspace)


def _crash(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_memory_of_what_is_gone_is_swept(tmp_path: Path) -> None:
    """A list of members for every night there ever was."""
    workspace, rows = tiny_workspace(tmp_path), some_library()
    for night in range(4):
        store(workspace, [*rows, paper(50 + night, A)])
        refreshed(workspace)
    kept = [p.name.partition("-")[0] for p in (workspace.data.lake / "_members").iterdir()]
    states = workspace.lake.states("papers").values()
    assert sorted(kept) == sorted(state.facets["members"] for state in states)


OFFSETS = st.sampled_from([0, 0, 0, 1, -100, 100, 182, 183, 184])


@st.composite
def next_libraries(draw: st.DrawFn, rows: Sequence[Row]) -> list[Row]:
    """Papers added, deleted, moved to another day or venue-year, re-worded, taken out of pools."""
    after = list(rows)
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(
            st.sampled_from(["add", "add", "many", "delete", "day", "cell", "text", "pool"])
        )
        if kind in ("add", "many") or not after:
            cell = draw(st.sampled_from(CELLS))
            first = 1 + max((r["row"] for r in [*after, *rows]), default=-1)
            count = 8 if kind == "many" else 1
            day = DAY[cell[1]] + draw(OFFSETS)
            after += [paper(first + i, cell, day=day, text=draw(TEXTS)) for i in range(count)]
            continue
        i = draw(st.integers(0, len(after) - 1))
        row = after.pop(i)
        if kind != "delete":
            cell = draw(st.sampled_from(CELLS)) if kind == "cell" else row["cell"]
            offset = draw(st.one_of(st.none(), OFFSETS))
            day = None if offset is None else DAY[cell[1]] + offset
            news = {"day": {"day": day}, "text": {"text": draw(TEXTS)}, "cell": {"cell": cell}}
            after.append(row | news.get(kind, {"pool": not row["pool"]}))
    return after


TEXTS = st.integers(0, 8)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where each example has a folder of its own."""
    yield tmp_path
    rmtree(tmp_path)


# Without shrinking: it takes longer than the time a test has, which then hides what failed.
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_sequence_of_nights_gives_the_tables_of_a_rebuild(
    folder: Path, data: st.DataObject
) -> None:
    """Pools that depend on what the library once held, or on which cells were refreshed when."""
    workspace = tiny_workspace(Path(mkdtemp(dir=folder)))
    rows = some_library(data.draw(st.sampled_from([0, 12, 40])))
    store(workspace, rows)
    refreshed(workspace)
    for _ in range(data.draw(st.integers(1, 4))):
        rows = data.draw(next_libraries(rows))
        store(workspace, rows)
        refreshed(workspace, data.draw(st.sets(st.sampled_from(CELLS)).map(sorted)))
        if data.draw(st.integers(0, 4)) == 0:
            lost = data.draw(st.sampled_from(["_frontiers", "_members"]))
            rmtree(workspace.data.lake / lost, ignore_errors=True)
    refreshed(workspace)
    assert STAGE.stale(workspace) == []
    assert_as_from_nothing(workspace)
