"""The ledger is source data: an event misread is an id that moves."""

import pytest

from pipeline.corpus import ledger as module
from pipeline.corpus.ledger import Event, Ledger, paper_id_of
from pipeline.errors import LedgerError


def test_ids_are_what_was_published() -> None:
    """Another recipe would rename every paper on a machine without the ledger's file."""
    # base32 of the first 60 bits of sha256("a") = ca978112ca1bbdca...
    assert paper_id_of("a") == "pzklycewkdo64"


def test_a_replayed_ledger_is_the_ledger() -> None:
    """What a rebuild reads must be what the refresh had in memory."""
    ledger = Ledger()
    first = ledger.mint("title:acl:2021:a", ["bee", "ant"])
    second = ledger.mint("title:acl:2021:b", [])
    ledger.alias("id:7", first)
    again = Ledger.replay(ledger.news)
    assert again.paper_of_key == {
        "title:acl:2021:a": first,
        "title:acl:2021:b": second,
        "id:7": first,
    }
    assert again.row_of_paper == {first: 0, second: 1}
    assert again.surnames_of_paper == {first: {"ant", "bee"}, second: set()}
    assert (again.next_seq, again.news) == (3, [])


def test_a_collision_gets_another_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two keys with one hash would become one paper without a word."""
    ids = iter(["psame", "psame", "pother"])
    monkeypatch.setattr(module, "paper_id_of", lambda key: next(ids))
    ledger = Ledger()
    assert [ledger.mint("a", []), ledger.mint("b", [])] == ["psame", "pother"]


MINT = Event(0, "mint", "a", "p1", 0)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([MINT, Event(2, "alias", "b", "p1", 0)], "event 1 was expected, 2 found"),
        ([MINT, MINT], "event 1 was expected, 0 found"),
        ([Event(1, "mint", "a", "p1", 0)], "event 0 was expected, 1 found"),
        ([MINT, Event(1, "mint", "b", "p2", 5)], "mints row 5, expected 1"),
        ([MINT, Event(1, "mint", "b", "p1", 1)], "mints a known paper"),
        ([MINT, Event(1, "alias", "b", "p9", 0)], "names an unknown paper"),
    ],
)
def test_a_ledger_that_contradicts_itself_is_refused(events: list[Event], words: str) -> None:
    """Read on regardless, it would hand out row numbers twice and mix papers' counts."""
    with pytest.raises(LedgerError, match=words) as caught:
        Ledger.replay(events)
    assert "restore data/ledger from a backup" in str(caught.value)
