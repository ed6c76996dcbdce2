"""The lake must hold the old file or the new one, and say so when it cannot."""

import subprocess
import sys
import textwrap
import threading
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import ContractError, StorageError
from pipeline.settings import PROJECT
from pipeline.staleness import State
from pipeline.tables import CITATION_COUNTS
from resources.lake import Lake, digest_of, replace_file

CELL = ("cvpr", 2016)


def counts(*cited: int, venue: str = "cvpr") -> pl.DataFrame:
    return pl.DataFrame(
        [
            (f"p{i}", i, venue, 2016, "google_scholar", c, date(2026, 1, 1))
            for i, c in enumerate(cited)
        ],
        schema=CITATION_COUNTS.schema,
        orient="row",
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def leftovers(root: Path) -> list[Path]:
    return [p for p in root.rglob("*") if p.name.endswith(".tmp")]


def test_what_is_written_is_read(lake: Lake) -> None:
    """Column order, dtypes and rows must survive the file."""
    written = lake.write("citation_counts", CELL, counts(1, 2))
    assert (written.rows, written.changed) == (2, True)
    assert lake.read("citation_counts", CELL).equals(counts(1, 2))
    assert lake.path("citation_counts", CELL).stat().st_size == written.size
    assert lake.cells("citation_counts") == [CELL]


def test_equal_rows_leave_the_file_alone(lake: Lake) -> None:
    """A night without news must not touch a file, or backups copy everything."""
    before = lake.write("citation_counts", CELL, counts(1, 2))
    stamp = lake.path("citation_counts", CELL).stat().st_mtime_ns
    again = lake.write("citation_counts", CELL, counts(1, 2))
    assert (again.changed, again.digest) == (False, before.digest)
    assert lake.path("citation_counts", CELL).stat().st_mtime_ns == stamp
    assert lake.write("citation_counts", CELL, counts(1, 3)).changed


def test_equal_values_give_equal_digests() -> None:
    """A digest that depends on how a frame was put together makes everything stale."""
    frame = counts(*range(50))
    others = [
        pl.concat([frame[:7], frame[7:]]),
        pl.concat([frame, frame]).slice(50),
        pl.concat([frame, counts(*[9] * 50)]).filter(pl.Series([True] * 50 + [False] * 50)),
        frame.sort("paper_row"),
        frame.with_columns(pl.col("paper_row").set_sorted()),
    ]
    assert {digest_of(f) for f in others} == {digest_of(frame)}
    assert digest_of(frame[:49]) != digest_of(frame)


def test_absent_tables_are_empty(lake: Lake) -> None:
    """The first refresh reads tables that nobody has written."""
    assert lake.read("citation_counts", CELL).equals(CITATION_COUNTS.empty())
    assert lake.read_all("citation_counts", ["paper_id"]).columns == ["paper_id"]
    assert lake.cells("citation_counts") == []
    lake.write("citation_counts", CELL, counts(4))
    assert lake.read_cells("citation_counts", [CELL, ("acl", 2021)]).height == 1


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pl.concat([counts(1), counts(1)]), "1 repeated rows"),
        (counts(1).with_columns(cited_by_count=pl.lit(None, pl.Int32)), "1 nulls"),
        (counts(1, venue="acl"), "1 rows belong to another cell"),
        (counts(1).drop("venue"), "column venue is missing"),
    ],
)
def test_rows_that_break_the_contract_write_nothing(
    lake: Lake, frame: pl.DataFrame, words: str
) -> None:
    """A table that broke its declaration would break whoever reads it next."""
    lake.write("citation_counts", CELL, counts(7))
    with pytest.raises(ContractError, match=words) as caught:
        lake.write("citation_counts", CELL, frame)
    assert "citation_counts of cvpr 2016 not written" in str(caught.value)
    assert lake.read("citation_counts", CELL).equals(counts(7))


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """Half a Parquet file under the real name would lose the venue-year."""
    path = tmp_path / "t" / "part.parquet"
    replace_file(path, b"old")
    # The limit on file size makes the kernel itself cut the write short, as a full disk does.
    script = f"""
        import resource, signal
        from pathlib import Path
        from pipeline.errors import StorageError
        from resources.lake import replace_file
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            replace_file(Path({str(path)!r}), b"x" * 100_000)
        except StorageError as problem:
            print(problem)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True, text=True, check=True, cwd=PROJECT,
    )  # fmt: skip
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"could not write {path}: ")
    assert "the old file is untouched: make room" in line
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Cleaning up after the failure once raised past the one clear line."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="could not write"):
        replace_file(tmp_path / "file" / "part.parquet", b"x")


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"junk" * 100, None])
def test_a_damaged_file_is_said_in_one_line(lake: Lake, damage: bytes | None) -> None:
    """Read as empty, a damaged file would empty everything downstream."""
    lake.write("citation_counts", CELL, counts(*range(100)))
    path = lake.path("citation_counts", CELL)
    path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    for read in (
        lambda: lake.read("citation_counts", CELL),
        lambda: lake.read_cells("citation_counts", [CELL]),
        lambda: lake.read_all("citation_counts", ["paper_id"]),
    ):
        with pytest.raises(StorageError, match="delete it and run `csimpact refresh`") as caught:
            read()
        assert "\n" not in str(caught.value)


def test_a_file_of_an_earlier_declaration_is_named(lake: Lake) -> None:
    """After a column was added, old files must not be read as if they were whole."""
    lake.write("citation_counts", CELL, counts(1))
    counts(1).drop("venue").write_parquet(lake.path("citation_counts", CELL))
    with pytest.raises(StorageError, match=r"year=2016/part\.parquet cannot be read"):
        lake.read_all("citation_counts")


def commit(lake: Lake) -> State:
    written = lake.write("citation_counts", CELL, counts(1))
    state = State(
        {"counts": "a"}, written.digest, {"citation_counts": 1}, {"citation_counts": written.size}
    )
    lake.commit("citation_counts", CELL, state)
    return state


def test_states_come_back(lake: Lake) -> None:
    """A state read differently from how it was written makes its cell stale every night."""
    state = commit(lake)
    assert lake.states("citation_counts") == {CELL: state}
    lake.commit("paper_index", None, State({}, "d"))
    assert lake.states("paper_index") == {None: State({}, "d")}
    days = State({}, "d", days=(1, 2))
    lake.commit("papers", CELL, days)
    found = lake.states("papers")[CELL].days
    assert found is not None
    assert tuple(found) == (1, 2)


@pytest.mark.parametrize("what", ["file gone", "file cut", "state cut", "state of other shape"])
def test_states_of_outputs_that_are_not_whole_are_dropped(lake: Lake, what: str) -> None:
    """After a crash or a deleted file the planner must redo the output, not believe its state."""
    commit(lake)
    path = lake.path("citation_counts", CELL)
    state = lake.root / "_state" / "citation_counts" / "cvpr" / "2016.json"
    if what == "file gone":
        path.unlink()
    elif what == "file cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif what == "state cut":
        state.write_bytes(state.read_bytes()[:-5])
    else:
        state.write_bytes(b'{"inputs": {}, "surprise": 1}')
    assert lake.states("citation_counts") == {}


def test_forgetting_is_immediate_and_repeatable(lake: Lake) -> None:
    """A state left standing while files are replaced would outlive a crash."""
    commit(lake)
    lake.forget("citation_counts", CELL)
    lake.forget("citation_counts", CELL)
    assert lake.states("citation_counts") == {}


def test_readers_see_the_old_file_or_the_new(lake: Lake) -> None:
    """A reader in the middle of a write must never see half a file."""
    small, large = counts(1), counts(*range(3000))
    lake.write("citation_counts", CELL, small)
    stop, seen, failures = threading.Event(), set[int](), list[Exception]()

    def read() -> None:
        while not stop.is_set():
            try:
                seen.add(lake.read("citation_counts", CELL).height)
            except Exception as problem:
                failures.append(problem)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(60):
        lake.write("citation_counts", CELL, large if turn % 2 else small)
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert seen <= {1, 3000}
