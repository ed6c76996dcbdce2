"""What a source says must not depend on the order of its files, nor on who was killed meanwhile."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus.places import Places
from pipeline.errors import InputError, ShrinkError, UnreadableFileError
from pipeline.settings import PROJECT
from pipeline.tables import UNRECOGNISED, Cell
from pipeline.venues import load_venues
from resources.source_files import SourceFile
from resources.source_store import SourceStore
from tests.telling import Line, again, edge, record, told_file

TODAY = date(2026, 3, 1)
PLACES = Places.of(load_venues(), TODAY)
A, B, C = ("acl", 2020), ("acl", 2021), ("cvpr", 2020)
CELLS = (A, B, C)


def open_store(root: Path) -> SourceStore:
    return SourceStore(root, PLACES, TODAY)


@pytest.fixture
def store(tmp_path: Path) -> SourceStore:
    return open_store(tmp_path / "sources")


@dataclass
class Desk:
    """Writes files one after the other and hands them to a store."""

    store: SourceStore
    folder: Path
    n: int = 0

    def file(self, *rows: Line, day: int | str, **header: Any) -> SourceFile:
        self.n += 1
        return told_file(self.folder / f"{self.n}.jsonl", rows, day=day, **header)

    def tell(self, *rows: Line, day: int | str, accept_shrink: bool = False, **header: Any) -> Any:
        file = self.file(*rows, day=day, **header)
        done = self.store.deliver(file, file.path.name, "", accept_shrink=accept_shrink)
        self.read_again()
        return done

    def read_again(self) -> None:
        for delivery in self.store.registry.overtaken():
            self.store.deliver(again(self.folder / delivery.path), delivery.path, "")
        assert self.store.registry.overtaken() == []  # or it would go on for ever


@pytest.fixture
def desk(store: SourceStore, tmp_path: Path) -> Desk:
    return Desk(store, tmp_path / "files")


def said(store: SourceStore, *columns: str) -> dict[str, tuple[Any, ...]]:
    """source_id -> (cell, *columns) of every row in force, wherever it lies."""
    found: dict[str, tuple[Any, ...]] = {}
    for cell in store.digests("records"):
        for row in store.records(cell).select("source_id", *columns).iter_rows():
            assert row[0] not in found, f"{row[0]} lies in two venue-years"
            found[row[0]] = (cell, *row[1:])
    return found


def edges_in_force(store: SourceStore) -> dict[tuple[str, str], str]:
    """(citing, cited) -> first seen, as MM-DD, of those in force, wherever they lie."""
    found: dict[tuple[str, str], str] = {}
    for cell in store.digests("edges"):
        for row in store.edges(cell).filter("in_force").iter_rows(named=True):
            ends = (row["citing_id"], row["cited_id"])
            assert ends not in found, f"{ends} lies in two venue-years"
            found[ends] = row["first_seen"].isoformat()[5:]
    return found


def everything(store: SourceStore) -> dict[str, pl.DataFrame]:
    """All that is stored, clocks included."""
    return {
        p.relative_to(store.root).as_posix(): pl.read_parquet(p, hive_partitioning=False)
        for p in sorted(store.root.rglob("*.parquet"))
    }


def assert_same_store(left: SourceStore, right: SourceStore) -> None:
    mine, other = everything(left), everything(right)
    assert mine.keys() == other.keys()
    for name, frame in mine.items():
        assert frame.equals(other[name]), f"{name}\n{frame}\n{other[name]}"
    for kind in ("records", "edges"):
        assert left.digests(kind) == right.digests(kind)  # type: ignore[arg-type]
    without_time = [[vars(d) | {"mtime_ns": 0} for d in s.deliveries] for s in (left, right)]
    assert without_time[0] == without_time[1]


# ── a model: every statement kept, nothing merged ─────────────────────────────────────
@dataclass
class Told:
    """One file of a random history."""

    day: int
    rows: list[Line]
    header: dict[str, Any] = field(default_factory=dict)

    @property
    def by_id(self) -> bool:
        return bool(self.header.get("by_id"))


def in_order(history: Sequence[Told]) -> list[Told]:
    """As if every file had come on its day; what goes by ids after what tells of papers."""
    return sorted(history, key=lambda t: (t.day, t.by_id))


def expected_papers(history: Sequence[Told]) -> dict[str, Cell]:
    """id -> cell, by telling the history in its true order."""
    cells: dict[str, Cell] = {}
    for told in in_order(history):
        named = {line.get("source_id") for line in told.rows if line["op"] in ("row", "patch")}
        scope = told.header.get("cell")
        if scope or told.header.get("whole_source"):
            for source_id in [i for i in cells if scope in (None, cells[i]) and i not in named]:
                del cells[source_id]
        for line in told.rows:
            if line["op"] == "row" and "source_id" in line:
                cells[line["source_id"]] = (line["venue"], line["year"])
            elif line["op"] in ("delete", "merge") and "source_id" in line:
                cells.pop(line["source_id"], None)
    return cells


def expected_value(history: Sequence[Told], source_id: str, column: str) -> Any:
    """What the newest file that tells a column of an id says; patches count more than rows."""
    best: Any = None
    for told in sorted(history, key=lambda t: (t.day, t.by_id)):
        lines = [line for line in told.rows if line.get("source_id") == source_id]
        rows = [line for line in lines if line["op"] == "row"][-1:]
        for line in [*rows, *(line for line in lines if line["op"] == "patch")]:
            value = line.get(column)
            silent = line["op"] == "patch" or column in told.header.get("untold", ())
            if not (silent and value is None):
                best = None if value == "" else value
    return best


def expected_merges(history: Sequence[Told]) -> dict[str, str]:
    """id -> what it is in the end, of ids whose last word was a merge.

    Deletions by id are left out: of what is gone already they say nothing.
    """
    last: dict[str, str | None] = {}
    for told in (t for t in in_order(history) if not t.by_id):
        for line in told.rows:
            if "source_id" in line and line["op"] != "patch":
                last[line["source_id"]] = line.get("merged_into")
    into = {i: to for i, to in last.items() if to}

    def end(start: str) -> str:
        seen, now = [start], into[start]
        while now in into and now not in seen:
            seen.append(now)
            now = into[now]
        return now

    return {i: end(i) for i in into if end(i) != i}


def expected_edges(history: Sequence[Told]) -> dict[tuple[str, str], str]:
    papers = expected_papers(history)
    last: dict[tuple[str, str], str] = {}
    first: dict[tuple[str, str], str] = {}
    for told in in_order(history):
        for line in told.rows:
            if "citing_id" in line:
                ends = (line["citing_id"], line["cited_id"])
                last[ends] = line["op"]
                if line["op"] == "row":
                    first.setdefault(ends, f"01-{told.day:02d}")
    return {e: first[e] for e, op in last.items() if op == "row" and e[0] in papers}


IDS = st.sampled_from("pqrst")
SPOTS = st.sampled_from(CELLS)
VALUES = st.sampled_from(["x", "y", None])
ROWS = st.builds(
    lambda i, c, title, abstract: record(i, c, title=title, abstract=abstract),
    IDS, SPOTS, st.sampled_from(["one", "two"]), VALUES,
)  # fmt: skip
DELETES = st.builds(lambda i: {"op": "delete", "source_id": i}, IDS)
MERGES = st.builds(lambda i, to: {"op": "merge", "source_id": i, "merged_into": to}, IDS, IDS)
PATCHES = st.builds(
    lambda i, a: {"op": "patch", "source_id": i, "abstract": a},
    IDS,
    st.sampled_from(["u", "v", ""]),
)
EDGES = st.builds(edge, IDS, st.sampled_from("pq1"), st.sampled_from(["row", "row", "delete"]))
EVEN, ODD = st.integers(1, 5).map(lambda n: 2 * n), st.integers(0, 5).map(lambda n: 2 * n + 1)


def files(day: st.SearchStrategy[int], rows: st.SearchStrategy[Line], **header: Any) -> Any:
    return st.builds(lambda d, r: Told(d, r, header), day, st.lists(rows, max_size=5))


SCOPES = st.one_of(
    files(EVEN, ROWS, whole_source=True),
    *(files(EVEN, ROWS.map(lambda r, c=c: record(r["source_id"], c)), cell=c) for c in CELLS),
)
HISTORIES = st.lists(
    st.one_of(
        files(EVEN, st.one_of(ROWS, ROWS, DELETES, MERGES)),
        SCOPES,
        files(ODD, PATCHES, by_id=True, kind="abstracts"),
        files(ODD, DELETES, by_id=True, kind="deleted"),
        files(ODD, EDGES, by_id=True, kind="edges"),
    ),
    max_size=7,
)


def one_by_id_a_day(history: Iterable[Told]) -> list[Told]:
    """Which of two files by ids of one day is read again later, nobody can say."""
    days: set[int] = set()
    kept = []
    for told in history:
        if not told.by_id or told.day not in days:
            kept.append(told)
            days |= {told.day} if told.by_id else set()
    return kept


def told_to_a_store(history: Sequence[Told], check: Callable[[SourceStore], None]) -> None:
    with TemporaryDirectory() as folder:
        desk = Desk(open_store(Path(folder) / "sources"), Path(folder) / "files")
        for told in history:
            desk.tell(*told.rows, day=told.day, accept_shrink=True, **told.header)
        check(desk.store)
        check(open_store(desk.store.root))


def assert_told_right(history: Sequence[Told]) -> None:
    papers = expected_papers(history)
    expected = {i: (c, expected_value(history, i, "title"), expected_value(history, i, "abstract"))
                for i, c in papers.items()}  # fmt: skip

    def check(store: SourceStore) -> None:
        assert said(store, "title", "abstract") == expected
        merged = dict(store.merged_ids().select("source_id", "merged_into").iter_rows())
        assert merged == {i: to for i, to in expected_merges(history).items() if i not in papers}
        assert edges_in_force(store) == expected_edges(history)
        for cell in CELLS:  # citations lie where their papers lie
            citing = set(store.edges(cell)["citing_id"])
            assert citing <= set(store.records(cell)["source_id"])

    # A row tells every column: what came before an absence is told anew on return.
    told_to_a_store(history, check)


@settings(max_examples=25)
@given(HISTORIES.map(one_by_id_a_day))
def test_what_a_source_says_follows_from_its_files_in_any_order(history: list[Told]) -> None:
    """Rows, patches, deletions, merges and moves, whole and by venue-year, late and doubled."""
    assert_told_right(history)


@pytest.mark.slow
@settings(max_examples=1_000)
@given(HISTORIES.map(one_by_id_a_day))
def test_what_a_source_says_follows_from_its_files_many_times(history: list[Told]) -> None:
    """Orders that go wrong may be one in hundreds."""
    assert_told_right(history)


FULL = st.builds(
    lambda i, c, **more: record(i, c, **more), IDS, SPOTS,
    abstract=VALUES, cited_by_count=st.sampled_from([1, 2, None]),
    citation_source=st.sampled_from(["one", "two"]),
)  # fmt: skip
COUNTS = st.builds(
    lambda i, n: {"op": "patch", "source_id": i, "cited_by_count": n, "citation_source": f"of{n}"},
    IDS, st.integers(5, 7),
)  # fmt: skip


@settings(max_examples=20)
@given(
    st.lists(
        st.one_of(
            files(EVEN, FULL),
            files(EVEN, FULL, kind="bare", untold=["abstract", "cited_by_count"]),
            files(ODD, st.one_of(PATCHES, COUNTS), by_id=True, kind="additions"),
        ),
        max_size=6,
        unique_by=lambda told: told.day,
    ),
    st.randoms(use_true_random=False),
)
def test_each_column_has_the_newest_word_on_it(history: list[Told], chance: random.Random) -> None:
    """Papers without abstracts after abstracts wiped these; a poll before a crawl was forgotten."""
    papers = expected_papers(history)
    expected = {
        i: (c, *(expected_value(history, i, n) for n in ("abstract", "cited_by_count")))
        for i, c in papers.items()
    }

    def check(store: SourceStore) -> None:
        assert said(store, "abstract", "cited_by_count") == expected
        for row in pl.concat([store.records(c) for c in CELLS]).iter_rows(named=True):
            if (count := row["cited_by_count"]) and count >= 5:
                assert row["citation_source"] == f"of{count}"  # a count stays with who counted

    told_to_a_store(chance.sample(history, len(history)), check)


# ── what a single file does ───────────────────────────────────────────────────────────
def test_every_row_is_accounted_for(desk: Desk) -> None:
    """Rows that vanish without a count are how a source loses papers unnoticed."""
    done = desk.tell(
        record("p", A), record("q", B), record("p", A, title="the later row counts"),
        {"op": "patch", "source_id": "nobody", "abstract": "x"},
        {"bad": "year: expected 1979..2027, received 12"}, {"outside": True},
        day=1,
    )  # fmt: skip
    assert (done.n_records, done.n_bad, done.n_outside, done.n_unplaced) == (4, 1, 1, 1)
    assert (done.n_new, done.n_repeated, done.n_removed) == (2, 1, 0)
    assert said(desk.store, "title") == {"p": (A, "the later row counts"), "q": (B, "q")}
    bad = desk.store.quarantine().row(0, named=True)
    assert bad["source_file"] == "1.jsonl"
    assert (bad["source_row"], bad["venue"]) == (5, UNRECOGNISED[0])
    assert bad["reason"].startswith("year: expected")
    then = desk.tell(record("p", B), {"op": "delete", "source_id": "q"}, record("r", A), day=2)
    assert (then.n_new, then.n_changed, then.n_removed) == (1, 1, 1)  # a move is a change
    assert said(desk.store) == {"p": (B,), "r": (A,)}


def test_an_id_stands_in_one_venue_year(desk: Desk) -> None:
    """A source that lists a work twice, in two years, gave two records of one key."""
    desk.tell(record("p", A), record("p", B), record("p", C), day=1)
    assert said(desk.store) == {"p": (C,)}
    desk.tell(record("p", A), {"op": "delete", "source_id": "p"}, day=2)
    assert said(desk.store) == {}
    desk.tell({"op": "delete", "source_id": "p"}, record("p", B), day=3)
    assert said(desk.store) == {"p": (B,)}


def test_what_moves_takes_along_what_is_not_told_again(desk: Desk) -> None:
    """A corrected year cost a paper its abstract, and left its citations behind."""
    desk.tell(record("p", A), day=1, untold=["abstract"])
    desk.tell({"op": "patch", "source_id": "p", "abstract": "Text."}, day=1, by_id=True, kind="abs")
    desk.tell(edge("p", "q"), day=1, by_id=True, kind="edges")
    desk.tell(record("p", B), day=2, untold=["abstract"])
    assert said(desk.store, "abstract") == {"p": (B, "Text.")}
    assert desk.store.edges(A).is_empty()
    assert desk.store.edges(B)["cited_id"].to_list() == ["q"]


def test_an_abstract_can_be_taken_away(desk: Desk) -> None:
    """An empty text would count as an abstract, and be embedded."""
    desk.tell(record("p", A, abstract="Text."), day=1)
    desk.tell({"op": "patch", "source_id": "p", "abstract": ""}, day=2, by_id=True)
    assert said(desk.store, "abstract") == {"p": (A, None)}


def test_the_day_of_a_count_is_the_day_it_was_counted(desk: Desk) -> None:
    """A moved title dated an old count anew; a poll of the same count is no news."""
    desk.tell(record("p", A, cited_by_count=3), day=1)
    desk.tell({"op": "patch", "source_id": "p", "cited_by_count": 7}, day=3)
    desk.tell({"op": "patch", "source_id": "p", "cited_by_count": 7}, day=5)
    desk.tell(record("p", A, title="renamed"), day=6, untold=["cited_by_count"])
    assert said(desk.store, "cited_by_count", "observed_on", "title") == {
        "p": (A, 7, date(2026, 1, 3), "renamed")
    }


def test_merged_ids_are_followed_to_the_end(desk: Desk) -> None:
    """Of a chain only the last link is somewhere; a circle must not hang."""
    desk.tell(record("r", A), day=1)
    for day, (gone, into) in enumerate(["pq", "qr", "xy", "yx"], 2):
        desk.tell({"op": "merge", "source_id": gone, "merged_into": into}, day=day)
    found = dict(desk.store.merged_ids().select("source_id", "merged_into").iter_rows())
    assert (found["p"], found["q"]) == ("r", "r")
    desk.tell(record("p", A), day=9)  # it came back
    assert "p" not in set(desk.store.merged_ids()["source_id"])


def test_the_same_said_again_keeps_every_digest(desk: Desk) -> None:
    """A weekly dump in which nothing moved would redo the whole library."""
    rows = [record(i, c, abstract="a") for i, c in zip("pqr", CELLS, strict=True)]
    rows += [{"bad": "no title"}]
    links = [edge("p", "q", intents=["background"]), edge("q", "z", edge_id="7")]
    desk.tell(*rows, day=1, whole_source=True)
    desk.tell(*links, day=1, by_id=True, kind="edges")
    before = [desk.store.digests("records"), desk.store.digests("edges")]
    then = desk.tell(*rows[:3], {"bad": "no title"}, day=5, whole_source=True)
    links_then = desk.tell(*reversed(links), day=5, by_id=True, kind="edges")
    for done in (then, links_then):
        assert (done.n_new, done.n_changed, done.n_removed) == (0, 0, 0)
    after = [desk.store.digests("records"), desk.store.digests("edges")]
    for digests in (*before, *after):
        digests.pop(UNRECOGNISED, None)  # names the file, which is another one
    assert after == before
    assert desk.store.quarantine()["source_file"].to_list() == ["3.jsonl"]  # of the newest only


def test_the_same_file_again_keeps_the_digest_of_its_bad_rows(desk: Desk) -> None:
    """Files by id are read again whenever papers come; their bad rows are no news."""
    desk.tell(record("p", A), day=1)
    desk.tell({"op": "patch", "source_id": "z", "abstract": "Z"}, {"bad": "x"}, day=1, by_id=True)
    before = desk.store.digests("records")[UNRECOGNISED]
    desk.tell(record("q", A), day=2)
    assert len(desk.store.deliveries) == 4
    assert desk.store.digests("records")[UNRECOGNISED] == before
    assert desk.store.quarantine().height == 1


# ── files by id ───────────────────────────────────────────────────────────────────────
def test_abstracts_and_citations_may_come_before_papers(desk: Desk, tmp_path: Path) -> None:
    """What waits for a paper must find it, though the file with the paper is of a later day."""
    other = Desk(open_store(tmp_path / "other"), tmp_path / "files of other")
    papers = ([record(i, A) for i in "pq"], {"day": 9, "untold": ["abstract"]})
    abstracts = (
        [{"op": "patch", "source_id": "p", "abstract": "Text."}],
        {"day": 1, "by_id": True, "kind": "abstracts"},
    )
    links = ([edge("p", "q"), edge("q", "p")], {"day": 2, "by_id": True, "kind": "edges"})
    back = ([edge("q", "p", "delete")], {"day": 3, "by_id": True, "kind": "edges taken back"})
    for at, order in (
        (desk, (abstracts, links, back, papers)),
        (other, (papers, abstracts, links, back)),
    ):
        for rows, header in order:
            at.tell(*rows, **header)  # type: ignore[arg-type]
        assert said(at.store, "abstract") == {"p": (A, "Text."), "q": (A, None)}
        assert edges_in_force(at.store) == {("p", "q"): "01-02"}
    assert desk.store.digests("records") == other.store.digests("records")
    assert desk.store.digests("edges") == other.store.digests("edges")
    assert [d.n_unplaced for d in other.store.deliveries] == [0, 0, 0, 0]


def test_files_by_id_are_read_again_for_new_papers_only(desk: Desk) -> None:
    """Two hundred gigabytes of citations are not read again because a title moved."""
    desk.tell(record("p", A), day=1)
    desk.tell(edge("p", "q"), day=1, by_id=True, kind="edges")
    desk.tell(record("p", B, title="moved"), day=2)
    desk.tell({"op": "delete", "source_id": "p"}, day=3)
    assert len(desk.store.deliveries) == 4
    desk.tell(record("p", A), day=4)  # it is back, and so are its citations
    assert len(desk.store.deliveries) == 6
    assert edges_in_force(desk.store) == {("p", "q"): "01-01"}


def test_edges_are_taken_back_by_their_number(desk: Desk) -> None:
    """Semantic Scholar deletes citations by number alone; in whatever venue-year they lie."""
    desk.tell(record("p", A), record("q", B), day=1)
    desk.tell(
        edge("p", "1", edge_id="10"), edge("p", "2", edge_id="11"), edge("q", "1", edge_id="12"),
        day=1, by_id=True, kind="edges",
    )  # fmt: skip
    numbers = [{"op": "delete", "edge_id": n, "citing_id": None} for n in ("11", "12", "99")]
    done = desk.tell(*numbers, day=2, by_id=True, kind="edges")
    assert (done.n_removed, done.n_unplaced) == (2, 1)
    assert edges_in_force(desk.store) == {("p", "1"): "01-01"}
    desk.tell(edge("p", "2", edge_id="20"), day=3, by_id=True, kind="edges")
    assert edges_in_force(desk.store) == {("p", "1"): "01-01", ("p", "2"): "01-01"}


# ── damage ────────────────────────────────────────────────────────────────────────────
def damaged_files(folder: Path) -> Iterable[tuple[SourceFile, str]]:
    rows, large = [record(f"n{i}", A) for i in range(1_000)], {"batch": 300}
    cut = told_file(folder / "cut.jsonl.gz", rows, day=2, whole_source=True, options=large)
    data = cut.path.read_bytes()
    cut.path.write_bytes(data[: len(data) // 2])
    yield cut, "truncated"
    flipped = told_file(folder / "flipped.jsonl.gz", rows, day=2, options=large)
    flipped.path.write_bytes(data[:-8] + b"\0\0\0\0" + data[-4:])
    yield flipped, "damaged"
    broken = [*rows, {"broken": "line 1002: expected more of the file"}, *rows]
    yield told_file(folder / "broken.jsonl", broken, day=2), "line 1002: expected more"


def test_a_damaged_file_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    """Half a dump merged is a library in which papers vanish."""
    desk.tell(record("p", A), record("q", B), {"bad": "x"}, day=1, whole_source=True)
    before, digests = everything(desk.store), desk.store.digests("records")
    for file, words in damaged_files(tmp_path / "damaged"):
        with pytest.raises(InputError, match=words) as refused:
            desk.store.deliver(file, file.path.name, "", accept_shrink=True)
        assert str(refused.value).startswith(str(file.path))
        assert "\n" not in str(refused.value)
        for store in (desk.store, open_store(desk.store.root)):
            assert store.finish() is None
            assert store.digests("records") == digests
            assert everything(store).keys() == before.keys()
            assert len(store.deliveries) == 1
    assert issubclass(UnreadableFileError, InputError)


def test_a_damaged_registry_is_one_line(desk: Desk) -> None:
    """A half-written registry must say what to restore, not end in a traceback."""
    desk.tell(record("p", A), day=1)
    path = desk.store.root / "registry.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"is damaged .* restore"):
        open_store(desk.store.root)


# ── shrinking ─────────────────────────────────────────────────────────────────────────
def test_a_whole_source_that_shrinks_is_refused(desk: Desk) -> None:
    """A dump cut off at a row's end is sound line by line, and would empty the library."""
    desk.tell(*(record(f"n{i}", A) for i in range(10)), day=1, whole_source=True)
    with pytest.raises(
        ShrinkError, match=r"at least 5 records .* replaces 10, received 4; .*--acc"
    ):
        desk.tell(*(record(f"n{i}", A) for i in range(4)), day=2, whole_source=True)
    assert len(said(desk.store)) == 10
    desk.tell(*(record(f"n{i}", A) for i in range(5)), day=3, whole_source=True)
    desk.tell(record("n0", A), day=4, whole_source=True, accept_shrink=True)
    assert said(desk.store) == {"n0": (A,)}


def test_a_venue_year_that_shrinks_is_refused(desk: Desk) -> None:
    """Other venue-years are no measure, and no victim."""
    desk.tell(*(record(f"a{i}", A) for i in range(4)), day=1, cell=A)
    desk.tell(record("b", B), day=1, cell=B)  # the first of its venue-year: nothing to compare
    with pytest.raises(ShrinkError, match="at least 2 records"):
        desk.tell(record("a0", A), day=2, cell=A)
    desk.tell(record("a0", A), day=2, cell=A, accept_shrink=True)
    assert said(desk.store) == {"a0": (A,), "b": (B,)}


def test_an_older_or_a_partial_file_is_not_measured(desk: Desk) -> None:
    """A small file that replaces nothing may be small."""
    desk.tell(*(record(f"n{i}", A) for i in range(10)), day=5, whole_source=True)
    desk.tell(record("n1", A), day=3, whole_source=True)  # last month's, found in a drawer
    desk.tell(record("n1", B), day=6)
    assert len(said(desk.store)) == 10


# ── crashes ───────────────────────────────────────────────────────────────────────────
CHILD = """
import os, signal, sys
from datetime import date
from pathlib import Path
from pipeline.corpus.places import Places
from pipeline.venues import load_venues
from resources.source_store import SourceStore
from tests.telling import again

left, replace = int(os.environ["KILL_AT"]), Path.replace

def dying(self, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)

today = date(2026, 3, 1)
store = SourceStore(Path(sys.argv[1]), Places.of(load_venues(), today), today)
Path.replace = dying
store.deliver(again(Path(sys.argv[2])), "news.jsonl", "", accept_shrink=True)
"""


class Killed(BaseException):
    """As sudden as SIGKILL, as far as files are concerned."""


@pytest.fixture
def eventful(desk: Desk) -> SourceFile:
    """A file to merge into `desk`'s store after which everything is different."""
    places = {"p": A, "q": A, "r": B, "s": C, "t": C}
    desk.tell(*(record(i, cell, abstract=i) for i, cell in places.items()), day=1)
    links = [edge(i, "x", edge_id=f"{n}") for n, i in enumerate("pqrst")]
    desk.tell(*links, day=1, by_id=True, kind="edges")
    return desk.file(
        record("p", B), record("q", A, title="other"), record("new", C), {"bad": "no title"},
        {"op": "merge", "source_id": "s", "merged_into": "q"},
        edge("q", "y"), edge("r", "x", "delete"),
        {"op": "delete", "edge_id": "1", "citing_id": None, "cited_id": None},
        day=2, whole_source=True, untold=["abstract"],
    )  # fmt: skip


def uninterrupted(desk: Desk, file: SourceFile, folder: Path) -> SourceStore:
    copytree(desk.store.root, folder)
    store = open_store(folder)
    store.deliver(file, "news.jsonl", "", accept_shrink=True)
    assert said(store, "title", "abstract") == {
        "p": (B, "p", "p"), "q": (A, "other", "q"), "new": (C, "new", None)
    }  # fmt: skip
    assert set(edges_in_force(store)) == {("p", "x"), ("q", "y")}
    return store


def test_a_merge_killed_anywhere_is_finished(
    desk: Desk, eventful: SourceFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a merge lost deletions, citations and its accounts, for good."""
    whole = uninterrupted(desk, eventful, tmp_path / "whole")
    replace, n_before = Path.replace, len(desk.store.deliveries)
    for kill_at in range(100):
        root, left = tmp_path / f"killed {kill_at}", [kill_at]
        copytree(desk.store.root, root)

        def dying(self: Path, target: Path, left: list[int] = left) -> Path:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return replace(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", dying)
            try:
                open_store(root).deliver(eventful, "news.jsonl", "", accept_shrink=True)
                break
            except Killed:
                pass
        store = open_store(root)
        if store.finish() is None and len(store.deliveries) == n_before:
            store.deliver(eventful, "news.jsonl", "", accept_shrink=True)  # it never was sealed
        assert store.finish() is None
        assert_same_store(store, whole)
    assert kill_at > 20  # every file that is written was a place to die at


@pytest.mark.parametrize("kill_at", [2, 12, 24])
def test_a_process_killed_in_a_merge(
    desk: Desk, eventful: SourceFile, tmp_path: Path, kill_at: int
) -> None:
    """The same with a real process and a real SIGKILL."""
    whole = uninterrupted(desk, eventful, tmp_path / "whole")
    died = subprocess.run(
        [sys.executable, "-c", CHILD, str(desk.store.root), str(eventful.path)],
        env=os.environ | {"KILL_AT": str(kill_at)}, cwd=PROJECT, capture_output=True, check=False,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    store = open_store(desk.store.root)
    assert store.finish() is not None
    assert_same_store(store, whole)


@pytest.mark.slow
def test_processes_killed_at_random(desk: Desk, eventful: SourceFile, tmp_path: Path) -> None:
    """Between the places where files are replaced, too."""
    whole, chance = uninterrupted(desk, eventful, tmp_path / "whole"), random.Random(3)
    for i in range(25):
        root = tmp_path / f"killed {i}"
        copytree(desk.store.root, root)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(root), str(eventful.path)],
            env=os.environ | {"KILL_AT": "1000"}, cwd=PROJECT,
        )  # fmt: skip
        while child.poll() is None and not (root / ".staging").exists():
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.1))
        child.kill()
        child.wait()
        store = open_store(root)
        if store.finish() is None and len(store.deliveries) == len(desk.store.deliveries):
            store.deliver(eventful, "news.jsonl", "", accept_shrink=True)
        assert_same_store(store, whole)


# ── size ──────────────────────────────────────────────────────────────────────────────
LARGE = """
import resource, sys
from datetime import date
from pathlib import Path
from pipeline.corpus.places import Places
from pipeline.venues import load_venues
from resources.source_store import SourceStore
from tests.telling import again

today = date(2026, 3, 1)
store = SourceStore(Path(sys.argv[1]), Places.of(load_venues(), today), today)
done = store.deliver(again(Path(sys.argv[2])), "large.jsonl.gz", "")
print(done.n_new, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Dumps are larger than memory; 400,000 papers must pass through one gibibyte."""
    chance, venues = random.Random(1), ["acl", "cvpr", "iclr", "icml", "kdd", "aaai", "emnlp"]
    rows = (
        record(
            f"{n}", (chance.choice(venues), chance.randint(2015, 2025)), title=f"Title {n} " * 5,
            abstract=f"Abstract of {n} with words. " * 40, authors=[f"Ada {n}", "Bob Bee"],
        )
        for n in range(400_000)
    )  # fmt: skip
    file = told_file(tmp_path / "large.jsonl.gz", rows, day=1, options={"batch": 5_000})
    told = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path / "sources"), str(file.path)],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    n_new, mebibytes = map(int, told.stdout.split())
    assert n_new == 400_000
    assert mebibytes < 1024
