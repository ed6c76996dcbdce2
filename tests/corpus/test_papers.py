"""Papers speak with the fullest record, and no row of a list is unaccounted for."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.coverage import build_venue_coverage
from pipeline.corpus.paper_copilot import ListOrigin, parse_list
from pipeline.corpus.papers import build_authorships, build_papers
from pipeline.corpus.text import text_hash
from pipeline.tables import AUTHORSHIPS, CITATIONS, PAPERS, VENUE_COVERAGE, violations
from tests.library import identified


def built(*lists: Sequence[Any]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """papers, authorships, venue_coverage of lists given newest first."""
    parsed = [
        parse_list(rows, ListOrigin(f"{n}", f"{n:012d}", "cvpr", 2016, date(2026, 1, 1), n))
        for n, rows in enumerate(lists)
    ]
    records, bad = pl.concat([r for r, _ in parsed]), pl.concat([b for _, b in parsed])
    ids = identified(records)
    papers, authors = build_papers(records, ids), build_authorships(records, ids)
    cell = ("cvpr", 2016)
    coverage = build_venue_coverage(cell, records, ids, papers, CITATIONS.empty(), bad)
    for table, frame in ((PAPERS, papers), (AUTHORSHIPS, authors), (VENUE_COVERAGE, coverage)):
        assert violations(table, frame) == []
    return papers, authors, coverage


FULL = {"title": "On Things", "author": "A Bee; C Dee", "abstract": "We.", "keywords": "x"}


def test_the_fullest_record_speaks_and_the_others_fill_in() -> None:
    """A repeat without abstract, or from a workshop, must not hide what is known."""
    rows = [
        {"title": "On things", "author": "A Bee", "track": "Workshop", "abstract": "Short."},
        FULL | {"doi": None, "keywords": ""},
        {
            "title": "ON THINGS",
            "author": "A Bee; C Dee; E Fox",
            "doi": "10.1/a",
            "keywords": "k; l",
        },
    ]
    papers, authors, _ = built(rows)
    paper = papers.row(0, named=True)
    assert papers.height == 1
    assert (paper["title"], paper["abstract"], paper["track"]) == ("On Things", "We.", "main")
    assert (paper["doi"], paper["keywords"], paper["n_records"]) == ("10.1/a", ["k", "l"], 3)
    assert authors["author_name"].to_list() == ["A Bee", "C Dee"]
    assert paper["n_authors"] == 2
    assert paper["text_hash"] == text_hash("On Things", "We.")


def test_author_numbers_agree_with_authorships() -> None:
    """The record that speaks may name nobody; authorships then comes from another record."""
    papers, authors, _ = built([FULL | {"author": ""}, FULL | {"abstract": ""}])
    assert papers["n_authors"].to_list() == [2]
    assert authors["author_position"].to_list() == [0, 1]


def test_workshop_papers_are_papers_outside_the_pools() -> None:
    """Dropped, they could not be found; in the pools, they would lower everybody's bar."""
    papers, _, coverage = built([FULL, FULL | {"title": "Other", "track": "workshop"}])
    assert dict(papers.select("track", "in_pools").iter_rows()) == {"main": True, "workshop": False}
    assert coverage["n_workshop"].item() == 1


def test_only_the_list_in_force_counts() -> None:
    """A paper dropped by a newer list is no paper of the venue-year any more."""
    papers, _, coverage = built([FULL], [FULL, FULL | {"title": "Gone"}, 5])
    assert papers["title"].to_list() == ["On Things"]
    row = coverage.row(0, named=True)
    assert (row["n_records"], row["n_papers"], row["n_quarantined"]) == (1, 1, 0)


def test_an_empty_venue_year_gives_empty_tables() -> None:
    """Cells whose rows all went to quarantine are materialised too."""
    papers, authors, coverage = built([{"title": ""}, 7])
    assert (papers.height, authors.height) == (0, 0)
    assert coverage.select("n_records", "n_papers", "n_quarantined").row(0) == (2, 0, 2)


ROWS = st.lists(
    st.fixed_dictionaries(
        {"title": st.sampled_from(["Alpha", "alpha!", "Beta", "Preface", "Poster", "", None, 5])},
        optional={
            "author": st.sampled_from(["A Bee", "C Dee; A Bee", "", 3]),
            "status": st.sampled_from(["Poster", "Reject", "Withdrawn", "Active", "Workshop"]),
            "id": st.sampled_from(["1", "2", None]),
            "abstract": st.sampled_from(["Text.", ""]),
            "gs_citation": st.sampled_from([-1, 0, 5, -7]),
        },
    )
    | st.none(),
    min_size=1,
    max_size=12,
)


@given(ROWS, ROWS)
def test_every_record_is_accounted_for(new: list[Any], old: list[Any]) -> None:
    """records = papers + excluded + duplicates + quarantined, or rows vanish unseen."""
    papers, authors, coverage = built(new, old)
    row = coverage.row(0, named=True)
    parts = ("n_papers", "n_excluded", "n_duplicates", "n_quarantined")
    assert row["n_records"] == len(new) == sum(row[p] for p in parts)
    assert all(row[p] >= 0 for p in parts)
    assert papers["n_records"].sum() == row["n_papers"] + row["n_duplicates"]
    assert papers["n_authors"].sum() == authors.height
