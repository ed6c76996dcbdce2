"""What a single file does to what a source says, and what it must not do."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest

from pipeline.errors import InputError, ShrinkError, UnreadableFileError
from pipeline.tables import UNRECOGNISED
from resources.source_files import SourceFile
from tests.telling import (
    CELLS,
    A,
    B,
    C,
    Desk,
    edge,
    edges_in_force,
    everything,
    open_store,
    record,
    said,
    told_file,
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(open_store(tmp_path / "sources"), tmp_path / "files")


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
