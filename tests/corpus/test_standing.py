"""Which row of one source wins, by hand; histories at random are in resources/test_source_store."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import pytest

from pipeline.corpus.incoming import edge_frame, record_frame
from pipeline.corpus.standing import (
    CLOSED_SCHEMA,
    GONE_SCHEMA,
    HEAD_SCHEMA,
    STORED_SCHEMA,
    Known,
    absent,
    followed,
    last_words,
    merge_records,
    place,
)
from pipeline.corpus.standing_edges import STORED_EDGES, merge_edges, seen_edges

Row = dict[str, Any]
ACL, NEXT = ("acl", 2020), ("acl", 2021)


def day(number: int) -> date:
    return date(2026, 1, number)


def row(source_id: str = "p", op: str = "row", number: int = 1, **columns: Any) -> Row:
    told = {"title": source_id, "authors": [], "track": "main", "keywords": []}
    told |= {"citation_source": "s", "publication_date": day(1), "date_precision": "year"}
    place_of = {"venue": ACL[0], "year": ACL[1]}
    return {"op": op, "source_id": source_id, "source_row": number, **place_of, **told, **columns}


def patch(source_id: str = "p", number: int = 1, **columns: Any) -> Row:
    return {"op": "patch", "source_id": source_id, "source_row": number, **columns}


NOTHING = pl.DataFrame(schema=STORED_SCHEMA)


def merged(
    before: pl.DataFrame, *rows: Row, on: int, untold: tuple[str, ...] = ()
) -> tuple[pl.DataFrame, Mapping[str, int]]:
    return merge_records(
        before, record_frame(rows), source="s", file=f"{on}.jsonl", day=day(on), untold=untold
    )


def known(
    *heads: tuple[Any, ...], gone: list[Any] | None = None, closed: list[Any] | None = None,
    all_closed: date | None = None,
) -> Known:  # fmt: skip
    return Known(
        pl.DataFrame(heads, schema=HEAD_SCHEMA, orient="row"),
        pl.DataFrame(gone or [], schema=GONE_SCHEMA, orient="row"),
        pl.DataFrame(closed or [], schema=CLOSED_SCHEMA, orient="row"),
        all_closed,
    )


def placed(rows: list[Row], what: Known, on: int) -> list[tuple[Any, ...]]:
    found, _ = place(record_frame(rows), what, day(on))
    return found.select("source_id", "op", "venue", "year").rows()


# ── placing ───────────────────────────────────────────────────────────────────────────
def test_a_row_goes_to_its_own_venue_year_and_a_patch_to_where_its_paper_lies() -> None:
    """Patches have no place of their own; a row that moves must not stay where it was."""
    rows = [row("p"), patch("p", abstract="a"), {"op": "delete", "source_id": "p", "source_row": 3}]
    assert placed(rows, known(("p", *NEXT, day(1))), on=2) == [
        ("p", "row", *ACL), ("p", "patch", *NEXT), ("p", "delete", *NEXT)
    ]  # fmt: skip


def test_what_concerns_unknown_papers_is_counted() -> None:
    """A patch of nobody has no effect; a deletion must outlive that its id is unknown yet."""
    rows = [patch("x"), {"op": "merge", "source_id": "y", "merged_into": "z", "source_row": 2}]
    found, lost = place(record_frame(rows), known(), day(2))
    assert found.select("source_id", "op", "venue").rows() == [("y", "merge", None)]
    assert lost == 2


@pytest.mark.parametrize(
    ("rows", "what", "ops"),
    [
        ([row("p")], known(("p", *ACL, day(5))), ["older"]),
        ([row("p")], known(("p", *ACL, day(3))), ["row"]),  # of the same day: the later counts
        ([{"op": "delete", "source_id": "p"}], known(("p", *ACL, day(5))), []),
        ([patch("p", abstract="a")], known(("p", *ACL, day(5))), ["patch"]),
        ([row("p")], known(gone=[("p", day(5), None)]), []),
        ([row("p")], known(gone=[("p", day(3), None)]), ["row"]),
        ([row("p")], known(closed=[(*ACL, day(5))]), ["delete"]),
        ([row("p")], known(closed=[(*NEXT, day(5))]), ["row"]),
        ([row("p")], known(all_closed=day(5)), ["delete"]),
        ([row("p")], known(all_closed=day(3)), ["row"]),
    ],
)
def test_an_older_file_says_only_what_no_newer_one_contradicts(
    rows: list[Row], what: Known, ops: list[str]
) -> None:
    """Importing last month's dump after this month's brought deleted papers back."""
    assert [op for _, op, _, _ in placed(rows, what, on=3)] == ops


def test_the_last_word_on_an_id_counts() -> None:
    """A file may list a work twice, or list it and take it back."""
    rows = [row("p", number=1), row("p", "delete", 2), row("q", "delete", 3), row("q", number=4)]
    rows += [patch("q", 5)]
    assert last_words(record_frame(rows)).select("source_id", "op").rows() == [
        ("p", "delete"), ("q", "row")
    ]  # fmt: skip


def test_what_a_complete_file_does_not_name_is_absent() -> None:
    """Only of its venue-year, and only what no newer file said."""
    heads = known(
        ("named", *ACL, day(1)), ("gone", *ACL, day(2)), ("newer", *ACL, day(9)),
        ("elsewhere", *NEXT, day(1)),
    ).heads  # fmt: skip
    named = pl.DataFrame({"source_id": ["named"]})
    assert absent(heads, named, ACL, day(2))["source_id"].to_list() == ["gone"]
    everywhere = absent(heads, named, None, day(2))["source_id"].to_list()
    assert everywhere == ["gone", "elsewhere"]


# ── merging ───────────────────────────────────────────────────────────────────────────
def test_a_row_that_says_the_same_stays_as_it_was() -> None:
    """A digest that moves with every weekly dump makes the whole library stale."""
    first, counts = merged(NOTHING, row(cited_by_count=3), on=1)
    assert counts == {"n_new": 1, "n_changed": 0}
    again, counts = merged(first, row(cited_by_count=3, number=7), on=2)
    assert counts == {"n_new": 0, "n_changed": 0}
    assert again.drop("confirmed_on").equals(first.drop("confirmed_on"), null_equal=True)
    assert again["confirmed_on"].to_list() == [day(2)]
    moved, counts = merged(again, row(title="new", cited_by_count=3), on=3)
    assert counts == {"n_new": 0, "n_changed": 1}
    kept = moved.select("title", "source_file", "observed_on").row(0)
    assert kept == ("new", "3.jsonl", day(3))


def test_an_author_list_comes_with_its_own_ids() -> None:
    """Ids of three authors beside four names give people to strangers."""
    first, _ = merged(NOTHING, row(authors=["A", "B"], author_ids=["1", "2"]), on=1)
    after, _ = merged(first, patch(authors=["A", "B", "C"]), on=2)
    assert after.select("authors", "author_ids").row(0) == (["A", "B", "C"], None)


def test_an_unknown_count_keeps_who_counted_the_known_one() -> None:
    """A table without counts would put its name under another's numbers."""
    first, _ = merged(NOTHING, row(cited_by_count=9, citation_source="scholar"), on=1)
    after, _ = merged(first, row(citation_source="table"), on=2, untold=("cited_by_count",))
    assert after.select("cited_by_count", "citation_source").row(0) == (9, "scholar")
    told, _ = merged(first, row(citation_source="table"), on=2)
    assert told.select("cited_by_count", "citation_source").row(0) == (None, "table")


def test_several_patches_of_one_paper_add_up() -> None:
    """The last of two patches swallowed what the first had told."""
    first, _ = merged(NOTHING, row(), on=1)
    after, counts = merged(first, patch(abstract="A"), patch(number=2, doi="10.1/x"), on=2)
    assert after.select("abstract", "doi").row(0) == ("A", "10.1/x")
    assert counts["n_changed"] == 1


def test_circles_of_merges_end() -> None:
    """An endless loop in somebody's data must not be one in ours."""
    rows = [("a", day(1), "b"), ("b", day(1), "c"), ("x", day(1), "y"), ("y", day(1), "x")]
    gone = pl.DataFrame([*rows, ("d", day(1), None)], schema=GONE_SCHEMA, orient="row")
    found = dict(followed(gone).select("source_id", "merged_into").iter_rows())
    assert found == {"a": "c", "b": "c"}


# ── edges ─────────────────────────────────────────────────────────────────────────────
def told_edges(before: pl.DataFrame, *edges: Row, on: int) -> tuple[pl.DataFrame, Any]:
    rows = [{"op": "row", "source_row": n, **e} for n, e in enumerate(edges)]
    return merge_edges(before, edge_frame(rows), day(on))


NO_EDGES = pl.DataFrame(schema=STORED_EDGES)
EDGE = {"citing_id": "p", "cited_id": "q"}


def days(edges: pl.DataFrame) -> tuple[Any, ...]:
    first, last, in_force = edges.select("first_seen", "last_seen", "in_force").row(0)
    return first and first.day, last and last.day, in_force


def test_an_edge_remembers_when_it_was_seen() -> None:
    """What was taken back and came again would look as if it had never been there."""
    edges, counts = told_edges(NO_EDGES, EDGE, on=1)
    assert (days(edges), counts["n_new"]) == ((1, 1, True), 1)
    edges, counts = told_edges(edges, EDGE, EDGE, on=3)
    assert (days(edges), sum(counts.values())) == ((1, 1, True), 0)  # no news
    edges, counts = told_edges(edges, {**EDGE, "op": "delete"}, on=5)
    assert (days(edges), counts["n_removed"]) == ((1, 1, False), 1)
    edges, _ = told_edges(edges, EDGE, on=4)  # older than the deletion
    assert days(edges) == (1, 1, False)
    edges, counts = told_edges(edges, {**EDGE, "intents": ["background"]}, on=6)
    assert (days(edges), counts["n_new"]) == ((1, 6, True), 1)
    edges, counts = told_edges(edges, {**EDGE, "is_influential": True}, on=7)
    assert (days(edges), counts["n_changed"]) == ((1, 7, True), 1)
    assert edges.select("intents", "is_influential").row(0) == (["background"], True)


def test_a_deletion_may_come_before_its_edge() -> None:
    """The older file would tell again of what the newer one took back."""
    edges, counts = told_edges(NO_EDGES, {**EDGE, "op": "delete"}, on=5)
    assert (days(edges), sum(counts.values())) == ((None, None, False), 0)
    assert seen_edges(edges).is_empty()
    edges, _ = told_edges(edges, EDGE, on=2)
    assert days(edges) == (2, 2, False)
