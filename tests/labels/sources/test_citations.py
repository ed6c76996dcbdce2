"""Cited and co-cited papers as answers, on graphs small enough to count by hand."""

from datetime import date

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.labels.sources.citations import (
    CitationRule,
    co_citations,
    known_edges,
    mine_cited,
    mine_co_cited,
)
from pipeline.tables import CITATIONS

IDS = ["a", "b", "c", "d", "e", "f"]
TITLES = [f"Title {i}" for i in IDS]


def edges(*pairs: str, source: str = "aan", **flags: bool) -> pl.DataFrame:
    """Edges written "ab": a cites b; "a?" cites a work outside the library."""
    rows = [
        {
            "citing_paper_id": citing,
            "cited_paper_id": None if cited == "?" else cited,
            "cited_key": f"{source}:{cited}",
            "venue": "acl",
            "year": 2000,
            "source": source,
            "intents": None,
            "is_influential": None,
            "is_self_loop": citing == cited,
            "is_forward": False,
            "first_seen": date(2020, 1, 1),
            "last_seen": date(2020, 1, 1),
            "in_force": True,
        }
        | flags
        for citing, cited in pairs
    ]
    return pl.DataFrame(rows, schema=CITATIONS.schema)


def test_cited_papers_answer_and_flagged_edges_do_not() -> None:
    """Self-loops teach the identity, forward edges errors, and two sources count an edge twice."""
    citations = pl.concat(
        [
            edges("ab", "ac", "aa", "a?", "az", "cb"),
            edges("ab", source="vis"),
            edges("ad", is_forward=True),
            edges("ae", in_force=False),
        ]
    )
    assert known_edges(citations, IDS).rows() == [(0, 1), (0, 2), (2, 1)]
    mined = mine_cited(citations, IDS, TITLES, CitationRule(), seed=0)
    assert list(mined.texts) == ["Title a", "Title c"]
    assert mined.papers.tolist() == [0, 2]
    assert [sorted(row) for row in mined.positives.tolist()] == [[1, 2], [-1, 1]]
    assert mined.positives[1].tolist() == [1, -1]


def test_co_citations_are_counted_and_ordered() -> None:
    """a is cited with b by three, with c by two papers; one common citation is chance."""
    citations = edges("da", "db", "ea", "eb", "fa", "fb", "dc", "ec", "fd")
    mined = mine_co_cited(citations, IDS, TITLES, CitationRule(min_together=2), seed=0)
    assert dict(zip(mined.texts, mined.positives.tolist(), strict=True)) == {
        "Title a": [1, 2],
        "Title b": [0, 2],
        "Title c": sorted_by_hash(mined.positives[2].tolist()),
    }
    counted = co_citations(known_edges(citations, IDS), CitationRule(min_together=1))
    assert set(counted.rows()) >= {(0, 1, 3), (1, 0, 3), (0, 2, 2), (0, 3, 1)}


def sorted_by_hash(received: list[int]) -> list[int]:
    """a and b are tied for c: either order is right, both must be there."""
    assert sorted(received) == [0, 1]
    return received


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=80))
def test_co_citations_equal_the_matrix_product(pairs: list[tuple[int, int]]) -> None:
    """A join that loses or doubles pairs still looks like counts; AᵀA is the definition."""
    frame = pl.DataFrame(
        sorted({*pairs}), schema={"citing": pl.Int32, "cited": pl.Int32}, orient="row"
    )
    matrix = np.zeros((15, 15), int)
    for citing, cited in {*pairs}:
        matrix[citing, cited] = 1
    expected = matrix.T @ matrix
    received = np.diag(np.diag(expected))
    for query, document, weight in co_citations(frame, CitationRule(min_together=1)).iter_rows():
        received[query, document] = weight
    np.testing.assert_array_equal(received, expected)


def test_hubs_and_surveys_are_capped() -> None:
    """What everyone cites would be the answer to everything, and a survey ties all it lists."""
    ids = [f"p{i}" for i in range(60)]
    rows = pl.DataFrame(
        [(i, 0) for i in range(1, 60)] + [(59, i) for i in range(1, 40)],
        schema={"citing": pl.Int32, "cited": pl.Int32},
        orient="row",
    )
    named = pl.concat([edges()] + [edges((ids[a], ids[b])) for a, b in rows.iter_rows()])
    mined = mine_cited(named, ids, ids, CitationRule(max_queries=10, max_positives=4), seed=0)
    assert (mined.positives == 0).sum() == 10
    assert (mined.positives >= 0).sum(axis=1).max() == 4
    rule = CitationRule(min_together=1, max_references=30)
    assert co_citations(rows, rule).height == 0


def test_added_papers_leave_earlier_choices_alone() -> None:
    """Caps that draw by row number would swap every label when a venue is added."""
    ids = [f"p{i}" for i in range(40)]
    pairs = [(ids[i], ids[j]) for i in range(20, 40) for j in range(12)]
    citations = edges(*pairs)
    rule = CitationRule(max_positives=3)
    before = mine_cited(citations, ids, ids, rule, seed=0)
    after = mine_cited(citations, ["new1", *ids, "new2"], ["N", *ids, "N"], rule, seed=0)
    np.testing.assert_array_equal(after.positives, before.positives + 1)
    other = mine_cited(citations, ids, ids, rule, seed=1)
    assert (other.positives != before.positives).any()


def test_papers_without_title_ask_nothing_and_no_edges_no_queries() -> None:
    """A blank query, or a crash, in a library without any citation source."""
    citations = edges("ab", "cb")
    mined = mine_cited(citations, IDS, ["", "B", "C", "D", "E", "F"], CitationRule(), seed=0)
    assert list(mined.texts) == ["C"]
    for mine in (mine_cited, mine_co_cited):
        assert len(mine(edges(), IDS, TITLES, CitationRule(), seed=0)) == 0
