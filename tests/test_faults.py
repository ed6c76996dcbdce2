"""Whatever is damaged is named, never served, and made anew by the next refresh."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import DamagedError, StorageError
from pipeline.query import Library
from pipeline.query.status import read_status
from pipeline.refresh import plan_refresh
from pipeline.settings import DataDir
from pipeline.tables import TABLES
from resources.integrity import leftovers, verify
from resources.remedies import OUTPUT_OF, damage_lines
from resources.workspace import Workspace
from tests.library import (
    Frames,
    assert_same_tables,
    deliver,
    paper,
    papers,
    raw_tables,
    reopened,
    run_stages,
    tiny_workspace,
)
from tests.refreshing import delivered, news

A, B = ("cvpr", 2016), ("icml", 2016)
MADE = sorted({name for name, table in TABLES.items() if table.partitioned} - {
    "title_pairs", "pair_labels"})  # fmt: skip


@pytest.fixture(autouse=True)
def _tiny_encoder_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DataDir:
    """Two venue-years of one window after two deliveries, and one paper that both lists tell of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        workspace = delivered(tmp_path_factory.mktemp("built"))
        deliver(workspace, B, [*papers(range(100, 108)), paper(2, cites=3)], "2024-01-02")
        run_stages(workspace)
        news(workspace)
        run_stages(workspace)
    return workspace.data


@pytest.fixture
def workspace(built: DataDir, tmp_path: Path) -> Workspace:
    """A copy of the built library, its time stamps kept."""
    shutil.copytree(built.root, tmp_path / "data", symlinks=True)
    return reopened(DataDir(tmp_path / "data"))


def flip(path: Path, *, keep_time: bool = False) -> None:
    """Other bytes, equal size."""
    stat, data = path.stat(), bytearray(path.read_bytes())
    for at in range(len(data) // 3, len(data) // 3 + 8):
        data[at] ^= 255
    path.write_bytes(data)
    if keep_time:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def converges(workspace: Workspace, before: Frames) -> Workspace:
    """One refresh, after which nothing is stale or damaged and every table is as it was."""
    run_stages(workspace)
    after = reopened(workspace.data)
    assert plan_refresh(after) == []
    assert verify(after, deep=True) == []
    assert_same_tables(in_use(raw_tables(after)), in_use(before))
    assert sorted(after.vectors.paper_ids()) == sorted(before["papers"]["paper_id"])
    return after


def in_use(tables: Frames) -> Frames:
    """Without vectors of texts that no paper has any more: nothing can encode those again."""
    key = ["text_hash", "venue", "year"]
    vectors = tables["paper_embeddings"].join(tables["papers"], on=key, how="semi")
    return {**tables, "paper_embeddings": vectors}


@pytest.mark.parametrize("how", ["flipped", "cut", "gone"])
def test_damage_everywhere_is_named_and_made_anew(workspace: Workspace, how: str) -> None:
    """A file of every table, and the index: the way a bad disk or a careless hand leaves them."""
    before, lake = raw_tables(workspace), workspace.lake
    harmed = [lake.path(table, cell) for table, cell in zip(MADE, cycle([A, B]), strict=False)]
    harmed += [lake.path("redirects"), lake.path("match_review")]
    harmed += [next((workspace.vectors.folder / "data").glob("*.lance"))]
    for path in harmed:
        if how == "flipped":
            flip(path)
        elif how == "cut":
            path.write_bytes(path.read_bytes()[:-7])
        else:
            path.unlink()
    workspace = reopened(workspace.data)
    for table in MADE:
        with pytest.raises(DamagedError, match=f"/{table}/.* `csimpact refresh` makes it anew"):
            workspace.lake.read_all(table)
    told = " ".join(damage_lines(workspace.states()))
    planned: dict[str, str] = {}
    for stale in plan_refresh(workspace):
        planned[stale.output] = f"{planned.get(stale.output)} {stale.reasons}"
    for table in MADE:
        assert table in told
        why = f"the file of {table} is gone" if how == "gone" else f"{table}/venue="
        assert why in planned[OUTPUT_OF[table]]
    assert "papers.lance was damaged" in planned["paper_index"]
    assert len(verify(workspace)) == len(harmed)
    converges(workspace, before)


def test_rot_found_by_reading_everything_is_made_anew(workspace: Workspace) -> None:
    """A bit that a disk lost changes no time stamp: nobody would ever look again."""
    before = raw_tables(workspace)
    for table, cell in zip(MADE, cycle([A, B]), strict=False):
        flip(workspace.lake.path(table, cell), keep_time=True)
    for path in (workspace.vectors.folder / "data").glob("*.lance"):
        flip(path, keep_time=True)
    assert plan_refresh(workspace) == []
    found = verify(workspace, deep=True)
    assert {f.path.parts[-4] for f in found if f.path.name == "part.parquet"} == set(MADE)
    assert all(f.rebuilt for f in found)
    converges(reopened(workspace.data), before)


def test_a_stage_that_stumbles_over_damage_is_helped_by_the_next_refresh(
    workspace: Workspace,
) -> None:
    """Unreadable under an unchanged time stamp, a file once stopped every refresh until deleted."""
    path = workspace.lake.path("papers", B)
    stat, size = path.stat(), path.stat().st_size
    path.write_bytes(b"-" * size)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    deliver(workspace, A, papers(range(3, 14), cites=5), "2024-03-01")
    with pytest.raises(DamagedError, match="papers/venue=icml/year=2016"):
        run_stages(reopened(workspace.data))
    run_stages(reopened(workspace.data))
    peace = delivered(workspace.data.root.parent / "peace")
    deliver(peace, B, [*papers(range(100, 108)), paper(2, cites=3)], "2024-01-02")
    run_stages(peace)
    news(peace)
    run_stages(peace)
    deliver(peace, A, papers(range(3, 14), cites=5), "2024-03-01")
    run_stages(peace)
    assert_same_tables(raw_tables(reopened(workspace.data)), raw_tables(peace))


def test_a_write_that_the_machine_did_not_survive_is_no_dead_end(workspace: Workspace) -> None:
    """After a power cut a renamed file may be empty, and no state tells what it should be."""
    before = raw_tables(workspace)
    for table in ("paper_ids", "citation_snapshots", "citations", "paper_embeddings"):
        workspace.lake.forget(OUTPUT_OF[table], A)
        workspace.lake.path(table, A).write_bytes(b"")
    converges(workspace, before)
    kept = sorted(p.parts[-4] for p in workspace.data.lake.rglob("*.damaged"))
    assert kept == ["citation_snapshots", "citations", "paper_embeddings"]


def test_readers_refuse_and_answer_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer from a damaged table looks like any other; status must still tell what is wrong."""
    library = Library(workspace.data)
    paper_id = library.top(k=1)["paper_id"][0] if library.top(k=1).height else "p"
    flip(workspace.lake.path("papers", A))
    flip(workspace.lake.path("tncsi_sp", B))
    refusing = Library(workspace.data)
    for ask in (
        lambda: refusing.search("graph neural network"),
        lambda: refusing.impact(paper_id),
        lambda: refusing.sql("SELECT count(*) FROM papers"),
        lambda: refusing.top(),
    ):
        with pytest.raises(DamagedError, match="`csimpact refresh` makes it anew"):
            ask()
    assert refusing.sql("SELECT count(*) AS n FROM citations").height == 1
    _, partitions = read_status(reopened(workspace.data))
    assert "was damaged" in str(partitions["stale"].to_list())
    run_stages(reopened(workspace.data))
    assert Library(workspace.data).sql("SELECT count(*) AS n FROM papers")["n"][0]


def test_a_damaged_index_does_not_stop_a_search(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small libraries are searched without it; large ones say one line, not half an answer."""
    found = Library(workspace.data).search("graph neural network", k=5)
    shutil.rmtree(workspace.vectors.folder / "data")
    assert Library(workspace.data).search("graph neural network", k=5).equals(found)
    monkeypatch.setattr("pipeline.query.holdings.MAX_IN_MEMORY", 1)
    with pytest.raises(DamagedError, match=r"papers\.lance was damaged .* from paper_embeddings"):
        Library(workspace.data).search("graph neural network", k=5)


def test_clocks_may_jump(workspace: Workspace, tmp_path: Path) -> None:
    """Set back or ahead by a year, a clock must neither hide a delivery nor redo what is sound."""
    year = timedelta(days=365)
    for jump, day in ((-year, "2024-03-01"), (year, "2024-04-01"), (-year, "2024-05-01")):
        later = time.time() + jump.total_seconds()
        for path in workspace.data.root.rglob("*"):
            if path.is_file() and "dagster" not in path.parts:
                os.utime(path, (later, later))
        there = Workspace(workspace.data, today=workspace.today + jump, rule=workspace.rule)
        there.encoder = workspace.encoder
        assert plan_refresh(there) == []
        deliver(there, A, papers(range(3, 12), cites=int(day[6])), day)
        run_stages(there)
    assert workspace.lake.read("citation_counts", A)["cited_by_count"].max() == 11 * 5
    assert workspace.lake.read("citation_snapshots", A).filter(
        pl.struct("paper_id", "citation_source", "observed_on").is_duplicated()
    ).is_empty()  # fmt: skip
    other = tiny_workspace(tmp_path / "rebuilt")
    for part in ("inbox", "ledger"):
        shutil.copytree(workspace.data.root / part, other.data.root / part)
    run_stages(other)
    assert_same_tables(
        {t: raw_tables(workspace)[t] for t in ("papers", "tncsi_sp", "citation_counts")},
        {t: raw_tables(other)[t] for t in ("papers", "tncsi_sp", "citation_counts")},
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted by this user")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("free_kb", [0, 24, 60])
def test_a_full_disk_stops_with_one_line_and_heals(
    built: DataDir, small_disk: Path, tmp_path: Path, free_kb: int
) -> None:
    """Filled at another moment each: while tables, states, the ledger or the index are written."""
    shutil.copytree(built.root, small_disk / "data", symlinks=True)
    workspace = reopened(DataDir(small_disk / "data"))
    deliver(workspace, A, papers(range(3, 14), cites=5), "2024-03-01")
    workspace.world()
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file:
        free = shutil.disk_usage(small_disk).free - free_kb * 1024
        file.write(b"\0" * max(0, free))
    with pytest.raises(StorageError, match="make room or grant access") as caught:
        run_stages(workspace)
    assert "\n" not in str(caught.value)
    ballast.unlink()
    run_stages(reopened(workspace.data))
    peace = tmp_path / "data"
    shutil.copytree(built.root, peace, symlinks=True)
    undisturbed = reopened(DataDir(peace))
    deliver(undisturbed, A, papers(range(3, 14), cites=5), "2024-03-01")
    run_stages(undisturbed)
    assert_same_tables(raw_tables(reopened(workspace.data)), raw_tables(undisturbed))
    assert not list(workspace.data.lake.rglob("*.tmp"))


def test_leftovers_are_those_of_processes_that_are_gone(tmp_path: Path) -> None:
    """A file that is being written must never be swept away; others would pile up for ever."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    old, alive, new, future, other = (
        tmp_path / f".part.parquet.{gone.pid}.tmp",
        tmp_path / f".part.parquet.{os.getpid()}.tmp",
        tmp_path / "new" / f".part.parquet.{gone.pid}.tmp",
        tmp_path / "future" / f".part.parquet.{gone.pid}.tmp",
        tmp_path / "part.parquet",
    )
    for path, age in ((old, 7200), (alive, 7200), (new, 60), (future, -86400), (other, 7200)):
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    assert sorted(leftovers(tmp_path)) == sorted([old, future])


def test_primary_data_are_named_with_their_file(workspace: Workspace) -> None:
    """What nothing rebuilds must be restored before backups have forgotten it."""
    (segment, *_) = sorted(workspace.ledger.root.glob("*.jsonl"))
    flip(segment)
    (listed, *_) = sorted(workspace.data.inbox.rglob("*.json"))
    flip(listed, keep_time=True)
    found = verify(workspace, deep=True)
    assert [f.rebuilt for f in found] == [False, False]
    assert str(segment) in str(found[0])
    assert found[1].path == listed
    assert "restore" in str(found[0])
    assert "import the file again" in str(found[1])
    for one in found:
        assert "\n" not in str(one)
