"""The ledger's file is the one thing that cannot be rebuilt."""

from pathlib import Path

import pytest

from pipeline.corpus.ledger import Ledger
from pipeline.errors import LedgerError
from resources.ledger_store import LedgerStore


@pytest.fixture
def store(tmp_path: Path) -> LedgerStore:
    """Two segments: of two events and of one."""
    store = LedgerStore(tmp_path)
    ledger = store.load()
    ledger.alias("id:ü", ledger.mint("title:acl:2021:a", {"bee", "ant"}))
    assert store.append(ledger) == 2
    ledger.mint("title:acl:2021:b", ())
    assert store.append(ledger) == 1
    return store


def names(store: LedgerStore) -> list[str]:
    return sorted(p.name for p in store.root.iterdir())


def test_what_is_appended_is_loaded(store: LedgerStore) -> None:
    """An id that changes between two runs is worse than none."""
    ledger = store.load()
    assert list(ledger.paper_of_key) == ["title:acl:2021:a", "id:ü", "title:acl:2021:b"]
    assert ledger.surnames_of_paper[ledger.paper_of_key["title:acl:2021:a"]] == {"ant", "bee"}
    assert (ledger.next_seq, ledger.news) == (3, [])
    assert names(store) == ["identity-000001.jsonl", "identity-000002.jsonl"]


def test_no_news_write_no_segment(store: LedgerStore) -> None:
    """A segment a night would make thousands of empty files."""
    assert store.append(store.load()) == 0
    assert len(names(store)) == 2


def test_earlier_segments_are_never_touched(store: LedgerStore) -> None:
    """Backups and people rely on segments that only ever get added."""
    before = {n: (store.root / n).read_bytes() for n in names(store)}
    ledger = store.load()
    ledger.mint("title:acl:2021:c", ())
    store.append(ledger)
    assert {n: (store.root / n).read_bytes() for n in before} == before


def test_an_absent_ledger_is_empty(tmp_path: Path) -> None:
    """The first run has no folder yet."""
    assert LedgerStore(tmp_path / "none").load() == Ledger()


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_half_written_segment_is_refused(store: LedgerStore, cut: int) -> None:
    """Ids beyond the cut would be minted again under other row numbers."""
    path = store.root / "identity-000001.jsonl"
    path.write_bytes(path.read_bytes()[: -cut - 1])
    with pytest.raises(LedgerError, match="restore data/ledger from a backup") as caught:
        store.load()
    assert "\n" not in str(caught.value)


def test_a_lost_segment_is_a_gap(store: LedgerStore) -> None:
    """Read over the gap, the ledger would give two papers one row."""
    (store.root / "identity-000001.jsonl").unlink()
    with pytest.raises(LedgerError, match="event 0 was expected, 2 found"):
        store.load()


def test_a_segment_copied_twice_is_refused(store: LedgerStore) -> None:
    """Restored carelessly from a backup, events would be applied twice."""
    data = (store.root / "identity-000002.jsonl").read_bytes()
    (store.root / "identity-000003.jsonl").write_bytes(data)
    with pytest.raises(LedgerError, match="event 3 was expected, 2 found"):
        store.load()


@pytest.mark.parametrize("line", [b"[]", b"{}", b'{"seq": 0, "surnames": null}', b"\xff", b"null"])
def test_lines_of_another_shape_are_refused(tmp_path: Path, line: bytes) -> None:
    """Whatever stands in the file, the answer is one line and no traceback."""
    (tmp_path / "identity-000001.jsonl").write_bytes(line + b"\n")
    with pytest.raises(LedgerError, match="is damaged"):
        LedgerStore(tmp_path).load()
