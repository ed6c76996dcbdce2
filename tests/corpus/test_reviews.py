"""What people decide about identities outlives every rebuild, in whatever order sources come."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest

from pipeline.corpus.ledger import Event, Ledger
from pipeline.corpus.resolution import resolve_records
from pipeline.corpus.reviews import (
    MERGED_BY_SOURCE,
    build_match_review,
    build_redirects,
    decide,
    review_id,
    split,
)
from pipeline.errors import NotFoundError
from pipeline.tables import MATCH_REVIEW, REDIRECTS, violations
from tests.library import Row, source_record, source_records

ACL = ("acl", 2020)
ON = date(2026, 3, 1)
NO_MERGES = pl.DataFrame(
    schema=dict.fromkeys(("source", "source_id", "merged_into"), pl.String) | {"gone_on": pl.Date}
)

# One DOI under two titles by other people: mistyped, or one of the two is wrong.
DBLP = source_record("dblp", "conf/acl/Bee20", ACL, title="Parsing with graph networks at scale",
                     authors=["Ada Bee", "Cy Dee"], doi="10.1/a")  # fmt: skip
OPENALEX = source_record("openalex", "W1", ACL, title="A survey of speech translation corpora",
                         authors=["Eve Fox"], doi="10.1/a")  # fmt: skip
S2 = source_record("semantic_scholar", "5", ACL, title="Parsing with graph networks at scale",
                   authors=["Ada Bee", "Cy Dee"], doi="10.1/a")  # fmt: skip
AAN = source_record("aan", "P20-1", ACL, title="Parsing with graph networks at scale",
                    authors=["Ada Bee", "Cy Dee"])  # fmt: skip


def paper_of(rows: Sequence[Row], ledger: Ledger) -> dict[str, str]:
    """record key -> paper id, of records that are resolved together."""
    found = resolve_records(source_records(*rows), ledger)
    return dict(found.select("record_key", "paper_id").iter_rows())


def replayed(ledger: Ledger, *changes: Any) -> Ledger:
    """The ledger as the next process reads it."""
    return Ledger.replay([Event(*event) for event in (*ledger.news, *changes)])


def doubtful() -> tuple[Ledger, str]:
    """A ledger with one open doubt, and the doubt's id."""
    ledger = Ledger()
    ids = paper_of([DBLP, OPENALEX, S2], ledger)
    assert ids["dblp:conf/acl/Bee20"] == ids["semantic_scholar:5"] != ids["openalex:W1"]
    [doubt] = build_match_review(ledger).rows(named=True)
    assert (doubt["status"], doubt["decided_by"], doubt["decided_on"]) == ("open", None, None)
    assert doubt["reason"].startswith("doi is the same")
    return ledger, doubt["review_id"]


def statuses(ledger: Ledger) -> list[tuple[Any, ...]]:
    table = build_match_review(ledger)
    assert violations(MATCH_REVIEW, table) == []
    return table.select("status", "decided_by", "decided_on").rows()


ORDERS = [
    [[DBLP, OPENALEX, S2, AAN]],
    [[OPENALEX], [AAN], [S2], [DBLP]],
    [[S2, AAN], [OPENALEX, DBLP]],
]


@pytest.mark.parametrize("order", ORDERS)
def test_same_sticks(order: list[list[Row]]) -> None:
    """A verdict that the next dump overturns is asked for again and again."""
    ledger, review = doubtful()
    assert "from now on" in decide(ledger, review, "same", by="ada", on=ON)
    again = replayed(ledger)
    found = [paper_of(rows, again) for rows in order]
    assert len({paper for ids in found for paper in ids.values()}) == 1
    assert statuses(again) == [("same", "ada", ON)]
    redirects = build_redirects(again, NO_MERGES, pl.Series([], dtype=pl.String))
    assert violations(REDIRECTS, redirects) == []
    [row] = redirects.rows(named=True)
    assert (row["reason"], row["decided_by"], row["decided_on"]) == ("person", "ada", ON)
    assert {row["to_id"]} == {paper for ids in found for paper in ids.values()}
    assert decide(again, review, "same", by="bob", on=ON).endswith("already")


@pytest.mark.parametrize("order", ORDERS)
def test_different_sticks(order: list[list[Row]]) -> None:
    """Two papers that a person told apart must not be joined by what arrives later."""
    ledger, review = doubtful()
    apart = decide(ledger, review, "different", by="ada", on=ON)
    assert apart.endswith("stay two papers")
    again = replayed(ledger)
    ids: dict[str, str] = {}
    for rows in order:
        ids |= paper_of(rows, again)
    assert ids["openalex:W1"] != ids["dblp:conf/acl/Bee20"] == ids["semantic_scholar:5"]
    assert ids["aan:P20-1"] == ids["dblp:conf/acl/Bee20"]
    assert statuses(again) == [("different", "ada", ON)]
    assert build_redirects(again, NO_MERGES, pl.Series([], dtype=pl.String)).is_empty()


@pytest.mark.parametrize("order", ORDERS)
def test_a_split_sticks(order: list[list[Row]]) -> None:
    """A record taken out of a paper carries every sign that put it there: ids, title, authors."""
    ledger, _ = doubtful()
    former = ledger.paper_of_key["dblp:conf/acl/Bee20"]
    paper = split(ledger, "semantic_scholar:5", by="ada", on=ON)
    again = replayed(ledger)
    for _ in range(2):
        ids: dict[str, str] = {}
        for rows in order:
            ids |= paper_of(rows, again)
        assert ids["semantic_scholar:5"] == paper
        assert ids["dblp:conf/acl/Bee20"] == former != paper
        assert ids["openalex:W1"] not in (former, paper)
    assert again.method_of_key["semantic_scholar:5"] == "person"


def test_people_may_change_their_minds() -> None:
    """Different, then same after all; what was merged is undone by splitting."""
    ledger, review = doubtful()
    decide(ledger, review, "different", by="ada", on=ON)
    decide(ledger, review, "same", by="bob", on=ON)
    assert statuses(ledger) == [("same", "bob", ON)]
    with pytest.raises(NotFoundError, match="csimpact review split"):
        decide(ledger, review, "different", by="ada", on=ON)
    one = ledger.paper_of_key["openalex:W1"]
    assert split(ledger, "openalex:W1", by="ada", on=ON) != one
    assert len(set(paper_of([DBLP, OPENALEX, S2], replayed(ledger)).values())) == 2


def test_what_nobody_knows_is_one_line() -> None:
    """A mistyped id must not end in a traceback, or write anything."""
    ledger, _ = doubtful()
    n = len(ledger.news)
    with pytest.raises(NotFoundError, match="csimpact review"):
        decide(ledger, "00000000", "same", by="ada", on=ON)
    with pytest.raises(NotFoundError, match="expected the key of a record"):
        split(ledger, "openalex:W404", by="ada", on=ON)
    assert len(ledger.news) == n


def test_a_review_has_one_name() -> None:
    """The id must not depend on which of the two papers raised the doubt."""
    assert review_id(frozenset(("p1", "p2"))) == review_id(frozenset(("p2", "p1")))
    assert len(review_id(frozenset(("p1", "p2")))) == 8


def test_redirects_lead_to_the_end() -> None:
    """Of papers merged twice, and of ids that their source merged, nobody should have to search.

    W9 is nobody's record here: a redirect to it would lead nowhere.
    """
    ledger = Ledger()
    papers = [ledger.mint(f"title:acl:2020:paper {n}", ["bee"]) for n in range(3)]
    ledger.merge(papers[1], papers[2], reason="doi and title")
    ledger.merge(papers[0], papers[1], reason="person", by="ada", on="2026-03-01")
    theirs = pl.DataFrame(
        [("openalex", "W8", "W3", ON), ("openalex", "W7", "W3", ON), ("openalex", "W6", "W9", ON)],
        schema=NO_MERGES.schema, orient="row",
    )  # fmt: skip
    found = build_redirects(replayed(ledger), theirs, pl.Series(["openalex:W3", "openalex:W2"]))
    assert violations(REDIRECTS, found) == []
    rows = {row["from_id"]: row for row in found.iter_rows(named=True)}
    assert {i: row["to_id"] for i, row in rows.items()} == {
        papers[1]: papers[0], papers[2]: papers[0],
        "openalex:W8": "openalex:W3", "openalex:W7": "openalex:W3",
    }  # fmt: skip
    assert (rows[papers[2]]["decided_by"], rows[papers[1]]["decided_by"]) == (None, "ada")
    assert rows["openalex:W8"]["reason"] == MERGED_BY_SOURCE
    assert rows["openalex:W8"]["decided_on"] == ON
