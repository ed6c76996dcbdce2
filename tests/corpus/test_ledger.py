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


# ── what sources and people tell of papers ────────────────────────────────────────────
def two_papers() -> tuple[Ledger, str, str]:
    """Paper 0 of ACL 2020 and 2021, told by DBLP; paper 1 of 2021, told by OpenAlex."""
    ledger = Ledger()
    one = ledger.mint("title:acl:2021:on bees", ["bee"], also=["doi:10.1/a", "dblp:x"])
    ledger.alias("title:acl:2020:of bees", one, also=[f"told:dblp:{one}"])
    other = ledger.mint("title:acl:2021:on ants", ["ant"], also=["openalex:W1"])
    ledger.alias(f"told:openalex:{other}", other, method="title", also=["arxiv:2001.1"])
    return ledger, one, other


def as_replayed(ledger: Ledger) -> Ledger:
    """The ledger itself, after its events were found to say the same once more."""
    events = list(ledger.news)
    again = Ledger.replay(events)
    ledger.news = []
    assert again == ledger
    ledger.news = events
    return again


def test_keys_come_with_what_they_say() -> None:
    """Matching looks papers up by venue-year, title, author, source and id, not by key."""
    ledger, one, other = two_papers()
    as_replayed(ledger)
    assert ledger.editions_of(one) == {("acl", 2020), ("acl", 2021)}
    assert ledger.titles_of(one) == {"on bees", "of bees"}
    assert ledger.ids_of(one, "doi") == ["10.1/a"]
    assert ledger.ids_of(other, "arxiv") == ["2001.1"]
    assert ledger.sources_of_paper == {one: {"dblp"}, other: {"openalex"}}
    assert ledger.sources_of_cell["acl", 2020] == {"dblp"}
    assert ledger.sources_of_cell["acl", 2021] == {"dblp", "openalex"}
    assert ledger.titles_of_cell["acl", 2021] == {"on bees": {one}, "on ants": {other}}
    assert ledger.papers_of_surname["acl", 2021]["ant"] == {(other, "on ants"): None}
    assert (ledger.told_method("openalex", other), ledger.told_method("dblp", other)) == (
        "title",
        "",
    )


def test_a_title_of_several_authors_is_one_title() -> None:
    """Titles with an author serve where the bare title is another paper's."""
    ledger = Ledger()
    ledger.mint("title:acl:2021:on bees", ["ant"])
    paper = ledger.mint(
        "title:acl:2021:on bees#bee", ["bee"], also=["title:acl:2021:on bees##bee+cow"]
    )
    assert ledger.titles_of(paper) == {"on bees"}
    assert ledger.places_of_paper[paper] == [("acl", 2021, "on bees")]
    assert len(ledger.titles_of_cell["acl", 2021]["on bees"]) == 2


def test_authors_learnt_later_find_the_titles_known_before() -> None:
    """A paper first told without authors could not be found by them afterwards."""
    ledger = Ledger()
    paper = ledger.mint("title:acl:2021:on bees", [])
    ledger.alias("openalex:W1", paper, surnames=["bee"])
    as_replayed(ledger)
    assert ledger.surnames_of_paper[paper] == {"bee"}
    assert ledger.papers_of_surname["acl", 2021]["bee"] == {(paper, "on bees"): None}


def test_a_merge_moves_everything_to_the_older_paper() -> None:
    """What stays behind under the id that went would be found, and minted again."""
    ledger, one, other = two_papers()
    assert ledger.merge(other, one, reason="doi and title") == one
    as_replayed(ledger)
    assert (ledger.current(one), ledger.current(other)) == (one, one)
    assert set(ledger.paper_of_key.values()) == {one}
    assert ledger.keys_of_paper[other] == ledger.places_of_paper[other] == []
    assert ledger.surnames_of_paper[one] == {"ant", "bee"}
    assert ledger.sources_of_paper[one] == {"dblp", "openalex"}
    assert ledger.sources_of_cell["acl", 2020] == {"dblp", "openalex"}
    assert ledger.titles_of_cell["acl", 2021] == {"on bees": {one}, "on ants": {one}}
    assert (other, "on ants") not in ledger.papers_of_surname["acl", 2021]["ant"]
    assert ledger.papers_of_surname["acl", 2021]["bee"] == {
        (one, "on bees"): None, (one, "on ants"): None,
    }  # fmt: skip
    assert (one, "of bees") in ledger.papers_of_surname["acl", 2020]["ant"]
    assert ledger.told_method("openalex", one) == "title"


def test_merges_of_merges() -> None:
    """Redirects may have redirects; the last one counts."""
    ledger, one, other = two_papers()
    third = ledger.mint("title:acl:2021:on cows", ["cow"])
    ledger.merge(third, other, reason="title")
    ledger.merge(other, one, reason="title")
    as_replayed(ledger)
    assert ledger.current(third) == one
    assert ledger.paper_of_key["title:acl:2021:on cows"] == one


def test_a_verdict_survives_the_merge_of_one_of_the_two() -> None:
    """Taken for a verdict on the id that went, it would be forgotten with it."""
    ledger, one, other = two_papers()
    third = ledger.mint("title:acl:2021:on cows", ["cow"])
    ledger.keep_apart(third, other, reason="person", by="ada", on="2026-01-01")
    ledger.merge(other, one, reason="title")
    as_replayed(ledger)
    assert ledger.apart(one, third)
    assert ledger.apart(third, one)
    assert ledger.weighed(one, third)
    assert not ledger.apart(one, other)


def test_doubts_are_noted_once() -> None:
    """Noted at every import, they would bury the person who decides."""
    ledger, one, other = two_papers()
    n_events = ledger.next_seq
    for _ in range(2):
        ledger.doubt("doi:10.1/a", one, other, reason="why")
        ledger.doubt("doi:10.1/a", other, one, reason="why")
    ledger.doubt("doi:10.1/a", one, one, reason="no doubt at all")
    assert ledger.next_seq == n_events + 1
    third = ledger.mint("title:acl:2021:on cows", ["cow"])
    ledger.keep_apart(one, third, reason="person")
    ledger.doubt("doi:10.1/a", one, third, reason="decided already")
    assert [frozenset((one, other))] == list(ledger.doubts)
    as_replayed(ledger)


def test_a_doubt_follows_a_merge() -> None:
    """Under the id that went, the pair would be compared, and perhaps joined, all over again."""
    ledger, one, other = two_papers()
    third = ledger.mint("title:acl:2021:on cows", ["cow"])
    ledger.doubt("openalex:W1", other, third, reason="why")
    assert not ledger.weighed(one, third)
    ledger.merge(one, other, reason="title")
    as_replayed(ledger)
    assert ledger.weighed(one, third)


def test_people_are_remembered_with_what_they_placed() -> None:
    """Rules may say what came first; what a person said must be found again after any change."""
    ledger, one, other = two_papers()
    ledger.alias("openalex:W1", one, method="person", by="ada", on="2026-01-01")
    as_replayed(ledger)
    assert ledger.placed_by_people == {"openalex:W1"}
    assert ledger.method_of_key["openalex:W1"] == "person"
    assert "openalex:W1" not in ledger.keys_of_paper[other]


def test_a_title_given_to_another_paper_leaves_the_first() -> None:
    """Left in both, it would lead to a paper that no longer bears it."""
    ledger, one, other = two_papers()
    ledger.alias("title:acl:2021:on ants", one)
    as_replayed(ledger)
    assert ledger.titles_of(other) == set()
    assert ledger.titles_of_cell["acl", 2021]["on ants"] == {one}
    assert (other, "on ants") not in ledger.papers_of_surname["acl", 2021]["ant"]


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
        ([MINT, Event(1, "merge", "", "p1", 0, other="p9")], "event 1 names an unknown paper"),
        ([MINT, Event(1, "apart", "", "p1", 0, other="p9")], "event 1 names an unknown paper"),
        ([MINT, Event(1, "doubt", "a", "p9", 0, other="p1")], "event 1 names an unknown paper"),
    ],
)
def test_a_ledger_that_contradicts_itself_is_refused(events: list[Event], words: str) -> None:
    """Read on regardless, it would hand out row numbers twice and mix papers' counts."""
    with pytest.raises(LedgerError, match=words) as caught:
        Ledger.replay(events)
    assert "restore data/ledger from a backup" in str(caught.value)
