"""Lists come from scrapers: every row must end as a record or, with its reason, in quarantine."""

import math
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.corpus.paper_copilot import (
    ListOrigin,
    parse_list,
    recognise,
    split_authors,
    unreadable_list,
)
from pipeline.corpus.rows import MAX_COUNT, MAX_TITLE
from pipeline.tables import DUMP_RECORDS, QUARANTINE, UNRECOGNISED, violations

ORIGIN = ListOrigin("lists/cvpr2016.json", "0123456789abcdef", "cvpr", 2016, date(2026, 2, 23), 0)
GOOD: dict[str, Any] = {
    "id": "a1",
    "title": "On Things",
    "author": "Ada Lovelace; Alan Turing",
    "status": "Poster",
    "track": "main",
    "abstract": "We study things.",
    "keywords": "things, stuff",
    "site": "https://example.org/1",
    "doi": "https://doi.org/10.1000/XYZ",
    "gs_citation": 7,
    "gs_cited_by_link": "https://scholar.google.com/scholar?cites=123&hl=en",
}


def parsed(**changes: Any) -> dict[str, Any]:
    records, bad = parse_list([GOOD | changes], ORIGIN)
    assert bad.height == 0, bad["reason"].to_list()
    return records.row(0, named=True)


def reason(**changes: Any) -> str:
    records, bad = parse_list([GOOD | changes], ORIGIN)
    assert records.height == 0
    return str(bad["reason"].item())


def test_a_whole_row() -> None:
    """A column read from the wrong field would be wrong in every table downstream."""
    told = {name: value for name, value in parsed().items() if value is not None}
    assert told == {
        "record_key": "0123456789abcdef:0",
        "source": "paper_copilot",
        "venue": "cvpr",
        "year": 2016,
        "source_id": "a1",
        "title": "On Things",
        "abstract": "We study things.",
        "authors": ["Ada Lovelace", "Alan Turing"],
        "track": "main",
        "presentation": "Poster",
        "keywords": ["things", "stuff"],
        "doi": "10.1000/xyz",
        "url": "https://example.org/1",
        "scholar_cluster_id": "123",
        "citation_source": "google_scholar",
        "cited_by_count": 7,
        "publication_date": date(2016, 7, 2),
        "date_precision": "year",
        "observed_on": date(2026, 2, 23),
        "list_order": 0,
        "source_file": "lists/cvpr2016.json",
        "source_row": 0,
    }


# ── any JSON value, and what only Python could hand over ──────────────────────────────
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([-1, -2, 2**31, 2**63, -(10**30), 10**400, math.nan, math.inf])
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["", " ", "\x00", "\ud800", "a\x00\ud800", "Preface", "Reject", "x" * 1500]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
MUTATED = st.builds(
    lambda changes, dropped: {k: v for k, v in (GOOD | changes).items() if k not in dropped},
    st.dictionaries(st.sampled_from(sorted(GOOD)) | st.text(max_size=4), JUNK, max_size=4),
    st.sets(st.sampled_from(sorted(GOOD)), max_size=3),
)
ROWS = st.lists(MUTATED | JUNK, min_size=10, max_size=20)


@settings(max_examples=250)  # 250 lists of at least 10 rows
@given(ROWS)
@example([GOOD | {"id": "\ud800"}, GOOD | {"site": "\x00\ud800"}, GOOD | {"doi": "10.1/\ud800"}])
def test_every_row_is_a_record_or_in_quarantine(rows: list[Any]) -> None:
    """One odd row must neither stop an import nor vanish; frames must be writable."""
    records, bad = parse_list(rows, ORIGIN)
    assert sorted(records["source_row"].to_list() + bad["source_row"].to_list()) == list(
        range(len(rows))
    )
    assert violations(DUMP_RECORDS, records) == []
    assert violations(QUARANTINE, bad) == []
    for text in bad["reason"]:
        assert text.isprintable()
        assert 10 < len(text) < 300
    assert records["cited_by_count"].drop_nulls().is_between(0, MAX_COUNT).all()
    for column in ("source_id", "title", "url", "doi"):
        assert not records[column].drop_nulls().str.contains(r"[\x00-\x1f\x7f]").any()
    papers = records.filter(pl.col("excluded_because").is_null())
    assert (papers["title"].str.len_chars() > 0).all()


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("Reject", "rejected"),
        ("Desk Rejected", "rejected"),
        ("Withdraw", "withdrawn"),
        ("Withdrawn", "withdrawn"),
        ("Active", "active"),
        ("Under review", "active"),
        ("", None),
        ("Poster", None),
        ("Interactive Session", None),
    ],
)
def test_what_is_no_paper(status: str, why: str | None) -> None:
    """A rejected paper in the pools would move everybody's score; "Interactive" is no "Active"."""
    assert parsed(status=status)["excluded_because"] == why


def test_absent_status_counts_as_accepted() -> None:
    """Lists of accepted papers leave the status empty: dropping those rows empties venues."""
    row = {k: v for k, v in GOOD.items() if k != "status"}
    records, _ = parse_list([row, row | {"status": None, "id": "a2"}], ORIGIN)
    assert records["excluded_because"].to_list() == [None, None]
    assert records["presentation"].to_list() == [None, None]


@pytest.mark.parametrize(
    "title", ["Preface", "PREFACE", "Organizing committee", "Table of Contents", "Program Chairs"]
)
def test_front_matter_is_counted_but_no_paper(title: str) -> None:
    """A "Preface" has no citations and would sit in every pool as a zero."""
    assert parsed(title=title)["excluded_because"] == "front_matter"


@pytest.mark.parametrize(
    "title",
    [
        "A Preface to Learning",
        "Committees of Networks",
        "Index Structures for Search",
        "Organization of Memory",
        "Reviewers and their Bias",
        "Messages from the Deep",
    ],
)
def test_papers_that_sound_like_front_matter_stay(title: str) -> None:
    """A pattern that is too greedy would silently drop papers."""
    assert parsed(title=title)["excluded_because"] is None


def test_a_placeholder_without_authors_is_no_paper() -> None:
    """ "Poster" without authors is a slot of the programme; with authors it is a title."""
    assert parsed(title="Poster", author="")["excluded_because"] == "placeholder"
    assert parsed(title="Poster")["excluded_because"] is None


@pytest.mark.parametrize(
    ("changes", "track"),
    [
        ({"track": "Workshop"}, "workshop"),
        ({"status": "NeurIPS Workshop Poster"}, "workshop"),
        ({"track": ""}, "main"),
        ({"track": "Datasets & Benchmarks"}, "Datasets & Benchmarks"),
    ],
)
def test_tracks(changes: dict[str, str], track: str) -> None:
    """Workshop papers are papers, but a pool that holds them compares unlike with unlike."""
    assert parsed(**changes)["track"] == track


@pytest.mark.parametrize("count", [-1, None])
def test_unknown_counts_are_null(count: int | None) -> None:
    """−1 read as a number, or as 0, would pull down the pools of a whole year."""
    assert parsed(gs_citation=count)["cited_by_count"] is None
    row = {k: v for k, v in GOOD.items() if k != "gs_citation"}
    assert parse_list([row], ORIGIN)[0]["cited_by_count"].to_list() == [None]


def test_zero_is_known() -> None:
    """0 is a count; reading it as unknown would inflate every minimum."""
    assert parsed(gs_citation=0)["cited_by_count"] == 0


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (-2, "received -2"),
        (MAX_COUNT + 1, "received 10000001"),
        (7.0, "received float"),
        (math.nan, "received float"),
        ("7", "received str"),
        (True, "received bool"),
        pytest.param(10**5000, "a int that cannot be shown", id="5001 digits"),
    ],
)
def test_impossible_counts_go_to_quarantine(count: object, words: str) -> None:
    """A huge count overflows 32 bits or, worse, becomes the most cited paper of all time."""
    assert words in reason(gs_citation=count)
    assert "gs_citation" in reason(gs_citation=count)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": ""}, "expected a title"),
        ({"title": None}, "expected a title"),
        ({"title": " \x00 "}, "expected a title"),
        ({"title": 5}, "title: expected text, received int"),
        ({"title": "x" * (MAX_TITLE + 1)}, "1001"),
        ({"author": {"a": 1}}, "author: expected text, received dict"),
        ({"author": ["A", None]}, "author: expected text, received list"),
        ({"abstract": []}, "abstract: expected text, received list"),
    ],
)
def test_bad_rows_say_why(changes: dict[str, Any], words: str) -> None:
    """A reason nobody understands is as good as a dropped row."""
    assert words in reason(**changes)


@pytest.mark.parametrize("levels", [300, 1000, 5000])
def test_rows_nested_deeper_than_they_can_be_shown(levels: int) -> None:
    """JSON may nest 1,000 levels; showing such a row in quarantine must not exhaust the stack."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    assert "title: expected text" in reason(title=value)


@pytest.mark.parametrize("row", [None, "text", 5, [GOOD]])
def test_rows_that_are_no_objects(row: object) -> None:
    """A list of lists must not stop the import."""
    _, bad = parse_list([row], ORIGIN)
    assert "expected an object" in bad["reason"].item()


def test_one_id_with_two_titles() -> None:
    """The second row under an id cannot be told from a renamed first: it is shown, not merged."""
    rows = [GOOD, GOOD | {"title": "ON THINGS!"}, GOOD | {"title": "Something else"}]
    records, bad = parse_list(rows, ORIGIN)
    assert records["source_row"].to_list() == [0, 1]
    assert bad.row(0, named=True)["source_row"] == 2
    assert bad["reason"].item() == "id a1 already stands in row 0 with another title"


def test_a_rejected_row_does_not_occupy_its_id() -> None:
    """Otherwise the accepted paper that follows under that id would go to quarantine."""
    records, bad = parse_list([GOOD | {"status": "Reject", "title": "Old"}, GOOD], ORIGIN)
    assert (records.height, bad.height) == (2, 0)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A B; C D; A B", ["A B", "C D"]),
        ("A B, C D", ["A B", "C D"]),
        ("A B and C D", ["A B", "C D"]),
        ("A B, Jr., C D", ["A B Jr.", "C D"]),
        ("Lovelace, Ada; Turing, Alan", ["Lovelace, Ada", "Turing, Alan"]),
        (" ; , ", []),
        ("", []),
    ],
)
def test_author_lists(text: str, names: list[str]) -> None:
    """Names cut wrongly give surnames that keep records of one paper apart."""
    assert split_authors(text) == names


def test_authors_may_be_a_list() -> None:
    """Some lists hold arrays of names."""
    assert parsed(author=["A B", "C D", "A B"])["authors"] == ["A B", "C D"]


def test_recognition_is_by_content() -> None:
    """A list of something else must be refused before it becomes papers without authors."""
    assert recognise([GOOD])
    assert recognise([GOOD, GOOD, "junk"])
    for other in ([], {}, None, "x", [1, 2], [{"title": "only"}], [GOOD, 1, 2], {"papers": [GOOD]}):
        assert not recognise(other)


def test_an_unusable_file_of_no_known_year() -> None:
    """The quarantine row of an unrecognised file must not itself be a failure: it has no year."""
    frame = unreadable_list(ListOrigin("x.json", "ab", *UNRECOGNISED, date(2026, 1, 1), 0), "why")
    assert violations(QUARANTINE, frame) == []
    assert frame.select("source_row", "venue", "year", "reason").row(0) == (
        -1,
        *UNRECOGNISED,
        "why",
    )


def test_an_empty_list_gives_empty_tables() -> None:
    """Frames without rows must keep their schema, or they cannot be put beside others."""
    records, bad = parse_list([], ORIGIN)
    assert violations(DUMP_RECORDS, records) == violations(QUARANTINE, bad) == []
