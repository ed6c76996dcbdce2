"""Who cites whom: nothing is dropped, what looks wrong is flagged, what vanished is remembered."""

from datetime import date
from typing import Any

import polars as pl

from pipeline.corpus.citations import build_citations, edges_of, known_works, still_here
from pipeline.corpus.standing_edges import STORED_EDGES
from pipeline.tables import CITATIONS, PAPER_IDS, violations
from tests.library import source_record, source_records

ACL, LATER = ("acl", 2020), ("acl", 2022)
DAY, NEXT = date(2026, 2, 1), date(2026, 2, 8)
NO_EDGES = pl.DataFrame(schema={"source": pl.String, **STORED_EDGES}).drop("told_on")


def ids(*rows: tuple[str, str, tuple[str, int]]) -> pl.DataFrame:
    """`paper_ids` of (record key, paper id, home)."""
    told = [
        {
            "record_key": key, "source": key.split(":")[0], "paper_id": paper, "paper_row": 0,
            "venue": home[0], "year": home[1], "record_venue": home[0], "record_year": home[1],
            "method": "first", "confidence": 1.0, "in_force": True, "identity_hash": 0,
        }
        for key, paper, home in rows
    ]  # fmt: skip
    return pl.DataFrame(told, schema=PAPER_IDS.schema, orient="row")


def merged(*rows: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"from_id": pl.String, "to_id": pl.String}, orient="row")


def handed_over(*rows: dict[str, Any]) -> pl.DataFrame:
    common = {"source": "s2", "first_seen": DAY, "last_seen": DAY, "in_force": True}
    return pl.DataFrame([common | row for row in rows], schema=NO_EDGES.schema, orient="row")


def citing(source_id: str, *references: str, source: str = "openalex", on: date = DAY) -> Any:
    return source_record(source, source_id, ACL, references=list(references), observed_on=on)


def built(
    records: pl.DataFrame,
    edges: pl.DataFrame,
    paper_ids: pl.DataFrame,
    *,
    redirects: pl.DataFrame | None = None,
    before: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """`citations` of ACL 2020."""
    works = known_works(paper_ids, merged() if redirects is None else redirects)
    here = paper_ids.filter(venue=ACL[0], year=ACL[1])
    before = CITATIONS.empty() if before is None else before
    found = build_citations(edges_of(records, edges, here), works, before)
    assert violations(CITATIONS, found) == []
    return found


def told(found: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return found.select("cited_key", *columns).rows()


IDS = ids(
    ("openalex:W1", "p1", ACL), ("openalex:W2", "p2", LATER), ("openalex:W3", "p3", ACL),
    ("s2:1", "p1", ACL), ("s2:2", "p2", LATER),
)  # fmt: skip


def test_what_looks_wrong_is_flagged_and_kept() -> None:
    """AAN has self-loops and citations of later papers; dropped, they could never be examined."""
    found = built(source_records(citing("W1", "W1", "W2", "W3", "W9")), handed_over(), IDS)
    assert told(found, "cited_paper_id", "is_self_loop", "is_forward") == [
        ("openalex:W1", "p1", True, False),
        ("openalex:W2", "p2", False, True),
        ("openalex:W3", "p3", False, False),
        ("openalex:W9", None, False, False),
    ]
    assert found.select("citing_paper_id", "venue", "year").unique().rows() == [("p1", *ACL)]


def test_sources_are_kept_apart() -> None:
    """Two sources that tell of one citation are two witnesses, with what each of them knows."""
    edges = handed_over(
        {"citing_id": "1", "cited_id": "2", "intents": ["background"], "is_influential": False}
    )
    found = built(source_records(citing("W1", "W2")), edges, IDS)
    assert told(found, "source", "cited_paper_id", "intents", "is_influential") == [
        ("openalex:W2", "openalex", "p2", None, None),
        ("s2:2", "s2", "p2", ["background"], False),
    ]


def test_one_citation_told_by_two_records_is_one_row() -> None:
    """A source that holds a paper twice would double its references."""
    both = ids(("openalex:W1", "p1", ACL), ("openalex:W5", "p1", ACL), ("openalex:W3", "p3", ACL))
    records = source_records(citing("W1", "W3", on=NEXT), citing("W5", "W3", "W3", on=DAY))
    found = built(records, handed_over(), both)
    assert told(found, "first_seen", "last_seen") == [("openalex:W3", DAY, NEXT)]


def test_references_and_edges_of_one_source_add_up() -> None:
    """S2ORC lists references without intents; the edges file's verdict was lost beside it."""
    record = source_record("s2", "1", ACL, references=["2"], observed_on=DAY)
    for verdict in (True, False, None):
        edges = handed_over({"citing_id": "1", "cited_id": "2", "is_influential": verdict,
                             "intents": ["methodology"], "last_seen": NEXT})  # fmt: skip
        found = built(source_records(record), edges, IDS)
        assert told(found, "is_influential", "intents", "first_seen", "last_seen") == [
            ("s2:2", verdict, ["methodology"], DAY, NEXT)
        ]


def test_ids_that_the_source_merged_are_followed() -> None:
    """Edges name the old id for months; the cited paper is known under the new one."""
    redirects = merged(("openalex:W8", "openalex:W3"), ("p7", "p3"))
    found = built(source_records(citing("W1", "W8")), handed_over(), IDS, redirects=redirects)
    assert told(found, "cited_paper_id") == [("openalex:W8", "p3")]
    # An id that came back means its own record.
    returned = ids(("openalex:W8", "p8", ACL), ("openalex:W1", "p1", ACL))
    found = built(source_records(citing("W1", "W8")), handed_over(), returned, redirects=redirects)
    assert told(found, "cited_paper_id") == [("openalex:W8", "p8")]


def test_edges_that_vanish_stay_not_in_force() -> None:
    """What a source once told must not look as if it had never been told, or still were."""
    first = built(source_records(citing("W1", "W3", "W9")), handed_over(), IDS)
    without = source_records(citing("W1", "W3", on=NEXT))
    then = built(without, handed_over(), IDS, before=first)
    expected = [("openalex:W3", DAY, NEXT, True), ("openalex:W9", DAY, DAY, False)]
    assert told(then, "first_seen", "last_seen", "in_force") == expected
    assert built(without, handed_over(), IDS, before=then).equals(then)
    back = built(source_records(citing("W1", "W9", on=NEXT)), handed_over(), IDS, before=then)
    assert told(back, "first_seen", "last_seen", "in_force") == [
        ("openalex:W3", DAY, NEXT, False), ("openalex:W9", DAY, NEXT, True)
    ]  # fmt: skip
    gone = built(source_records(), handed_over(), IDS, before=then)
    assert gone["in_force"].to_list() == [False, False]


def test_an_edge_that_its_source_took_back_is_not_in_force() -> None:
    """The deletion is in the edges handed over; it has no row less, but one flag."""
    edges = handed_over({"citing_id": "1", "cited_id": "2", "in_force": False})
    found = built(source_records(), edges, IDS)
    assert told(found, "in_force") == [("s2:2", False)]


def test_a_paper_learnt_later_is_what_an_old_edge_pointed_to() -> None:
    """Edges outlive ignorance: the same row gains its paper."""
    few = IDS.filter(pl.col("paper_id") != "p3")
    first = built(source_records(citing("W1", "W3")), handed_over(), few)
    assert told(first, "cited_paper_id") == [("openalex:W3", None)]
    then = built(source_records(citing("W1", "W3")), handed_over(), IDS, before=first)
    assert told(then, "cited_paper_id", "first_seen") == [("openalex:W3", "p3", DAY)]


def test_citations_follow_papers_that_merge_or_move() -> None:
    """Left behind, they would look as if their source had taken them back."""
    first = built(source_records(citing("W1", "W9"), citing("W3", "W9")), handed_over(), IDS)
    assert first["citing_paper_id"].to_list() == ["p1", "p3"]
    nobody = pl.DataFrame(schema={"paper_id": pl.String})
    one = still_here(first, merged(("p3", "p1")), nobody)
    assert one.select("citing_paper_id", "in_force").rows() == [("p1", True)]
    moved = still_here(first, merged(), pl.DataFrame({"paper_id": ["p3", "p2"]}))
    assert moved["citing_paper_id"].to_list() == ["p1"]
    assert still_here(first, merged(), nobody).equals(first)
    assert still_here(CITATIONS.empty(), merged(), nobody).schema == CITATIONS.schema
