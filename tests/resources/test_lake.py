"""The lake must hold the old file or the new one, and say so when it cannot."""

import errno
import os
import subprocess
import sys
import textwrap
import threading
from datetime import date
from pathlib import Path
from unittest import mock

import polars as pl
import pytest

from pipeline.errors import ContractError, DamagedError, StorageError
from pipeline.settings import PROJECT
from pipeline.staleness import State
from pipeline.tables import CITATION_COUNTS, TABLES
from resources import stamps
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
        with pytest.raises(DamagedError, match="was damaged: `csimpact refresh` makes") as caught:
            read()
        assert "\n" not in str(caught.value)


def test_a_file_of_an_earlier_declaration_is_named(lake: Lake) -> None:
    """After a column was added, old files must not be read as if they were whole."""
    lake.write("citation_counts", CELL, counts(1))
    counts(1).drop("venue").write_parquet(lake.path("citation_counts", CELL))
    with pytest.raises(StorageError, match=r"year=2016/part\.parquet has columns"):
        lake.read_all("citation_counts")


def commit(lake: Lake, cited: int = 1) -> State:
    written = lake.write("citation_counts", CELL, counts(cited))
    state = State(
        {"counts": "a"},
        written.digest,
        {"citation_counts": 1},
        {"citation_counts": written.size},
        digests={"citation_counts": written.digest},
        mtimes={"citation_counts": written.mtime_ns},
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


@pytest.mark.parametrize("what", ["state cut", "state of other shape"])
def test_states_that_cannot_be_read_are_none(lake: Lake, what: str) -> None:
    """After a crash the planner must redo the output, not believe half a state."""
    commit(lake)
    state = lake.root / "_state" / "citation_counts" / "cvpr" / "2016.json"
    cut = state.read_bytes()[:-5]
    state.write_bytes(cut if what == "state cut" else b'{"inputs": {}, "surprise": 1}')
    assert lake.states("citation_counts") == {}


@pytest.mark.parametrize("what", ["gone", "cut", "other bytes", "old time stamp", "unreadable"])
def test_a_file_that_is_not_what_was_written_is_named(lake: Lake, what: str) -> None:
    """Served, it would be believed; called not made, nobody would learn what happened."""
    commit(lake)
    path = lake.path("citation_counts", CELL)
    data, stat = path.read_bytes(), path.stat()
    if what == "gone":
        path.unlink()
    elif what == "cut":
        path.write_bytes(data[:-1])
    elif what == "unreadable":  # under an unchanged time stamp, found by who reads it
        path.write_bytes(data[: len(data) // 2].ljust(len(data), b"-"))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    else:
        path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
        if what == "old time stamp":
            os.utime(path, (1, 1))
    for read in (
        lambda: lake.read("citation_counts", CELL),
        lambda: lake.read_all("citation_counts", ["paper_id"]),
    ):
        with pytest.raises(DamagedError, match="`csimpact refresh` makes it anew") as caught:
            read()
        assert str(path) in str(caught.value)
    state = lake.states("citation_counts")[CELL]
    assert state == lake.state("citation_counts", CELL)
    (why,) = state.damaged
    assert why == (
        "the file of citation_counts is gone"
        if what == "gone"
        else "citation_counts/venue=cvpr/year=2016/part.parquet was damaged"
    )


def test_a_copied_lake_is_sound(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied without its time stamps, a library would be computed anew from the first list on."""
    state = commit(lake)
    path = lake.path("citation_counts", CELL)
    os.utime(path, (5, 5))
    assert lake.states("citation_counts") == {CELL: state}
    assert lake.read("citation_counts", CELL).equals(counts(1))
    monkeypatch.setattr(stamps, "digest_of_file", None)  # read once, not at every look
    assert lake.states("citation_counts") == {CELL: state}


def test_rot_under_an_old_time_stamp_is_found_by_reading_all(lake: Lake) -> None:
    """A disk that forgets a bit changes no time stamp; whoever is told must be able to mend it."""
    commit(lake)
    path = lake.path("citation_counts", CELL)
    data, stat = bytearray(path.read_bytes()), path.stat()
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    lake.guard.check("citation_counts", CELL)
    assert not lake.states("citation_counts")[CELL].damaged
    with pytest.raises(DamagedError):
        lake.guard.check("citation_counts", CELL, deep=True)
    assert lake.states("citation_counts")[CELL].damaged


def test_a_file_being_replaced_is_not_called_damaged(lake: Lake) -> None:
    """Between a new file and its state, a reader would tell of damage that is none."""
    commit(lake)
    stop, failures = threading.Event(), list[Exception]()

    def read() -> None:
        while not stop.is_set():
            try:
                lake.read("citation_counts", CELL)
            except Exception as problem:
                failures.append(problem)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(60):
        lake.forget("citation_counts", CELL)
        commit(lake, turn)
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == []


def test_what_is_set_aside_is_as_if_never_made(lake: Lake) -> None:
    """A stage that reads what it made before would stumble over the damage for ever."""
    commit(lake)
    path = lake.path("citation_counts", CELL)
    assert lake.guard.set_aside("citation_counts", [CELL]) == []
    path.write_bytes(b"junk")
    (line,) = lake.guard.set_aside("citation_counts", [CELL])
    assert line == f"{path} was damaged: made anew from upstream"
    assert lake.read_all("citation_counts").is_empty()
    history = lake.path("citation_snapshots", CELL)
    history.parent.mkdir(parents=True)
    history.write_bytes(b"cut short when the machine died, before any state was written")
    (line,) = lake.guard.set_aside("citation_counts", [CELL])
    assert "counts that only this file remembered are lost; kept as part.parquet.damaged" in line
    assert [p.name for p in history.parent.iterdir()] == ["part.parquet.damaged"]


def test_a_single_table_remembers_itself(lake: Lake) -> None:
    """No output tells of a file without venue-year: damaged, it would be read as it is."""
    lake.write("redirects", None, TABLES["redirects"].empty())
    lake.path("redirects").write_bytes(b"junk")
    state = lake.state("redirects", None)
    assert state is not None
    assert state.damaged == ("redirects/part.parquet was damaged",)
    with pytest.raises(DamagedError, match="redirects"):
        lake.read("redirects")
    lake.write("redirects", None, TABLES["redirects"].empty())
    assert lake.read("redirects").is_empty()


def test_a_file_nobody_may_read_is_not_called_damaged(lake: Lake) -> None:
    """Made anew, it would be lost to whoever only forgot to grant access."""
    commit(lake)
    refused = OSError(errno.EACCES, "Permission denied")
    with (
        mock.patch.object(Path, "open", side_effect=refused),
        pytest.raises(StorageError, match=r"cannot be read \(Permission denied\): grant") as caught,
    ):
        lake.read("citation_counts", CELL)
    assert not isinstance(caught.value, DamagedError)
    assert not lake.states("citation_counts")[CELL].damaged


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
