"""The accounts of a venue-year, by hand: every record went somewhere, every gap has a number."""

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.citations import build_citations, edges_of, known_works
from pipeline.corpus.coverage import build_venue_coverage
from pipeline.corpus.papers import build_papers
from pipeline.corpus.standing_edges import STORED_EDGES
from pipeline.tables import CITATIONS, QUARANTINE, REDIRECTS, VENUE_COVERAGE, Cell, violations
from tests.library import Row, identified, source_record, source_records

ACL, NEXT = ("acl", 2020), ("acl", 2021)
NO_EDGES = pl.DataFrame(schema={"source": pl.String, **STORED_EDGES}).drop("told_on")


def covered(
    cell: Cell, *rows: Row, quarantined: int = 0, same: tuple[str, ...] = ()
) -> dict[str, dict[str, Any]]:
    """source -> its row of `venue_coverage`; records of `same` keys are one paper."""
    records = source_records(*rows)
    ids = identified(records)
    if same:
        one = ids.filter(pl.col("record_key").is_in(same)).sort("record_key").row(0, named=True)
        joined = pl.col("record_key").is_in(same)
        ids = ids.with_columns(
            pl.when(joined).then(pl.lit(one[c], dtype=ids.schema[c])).otherwise(c).alias(c)
            for c in ("paper_id", "paper_row", "venue", "year")
        )
    here = ids.filter(venue=cell[0], year=cell[1])
    papers = build_papers(records, here)
    edges = edges_of(records, NO_EDGES, here)
    citations = build_citations(edges, known_works(ids, REDIRECTS.empty()), CITATIONS.empty())
    bad = [
        ("a.json", n, "paper_copilot", *cell, True, "no title", "{}") for n in range(quarantined)
    ]
    quarantine = pl.DataFrame(bad, schema=QUARANTINE.schema, orient="row")
    found = build_venue_coverage(cell, records, ids, papers, citations, quarantine)
    assert violations(VENUE_COVERAGE, found) == []
    accounts = found.select(
        pl.col("n_papers") + pl.col("n_excluded") + pl.col("n_duplicates") + pl.col("n_quarantined")
    ).to_series()
    assert accounts.equals(found["n_records"], check_names=False)
    assert found["n_duplicates"].min() is None or found["n_duplicates"].min() >= 0  # type: ignore[operator]
    return {row["source"]: row for row in found.iter_rows(named=True)}


def numbers(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[f"n_{name}"] for name in names)


def openalex(number: int, cell: Cell = ACL, **changes: Any) -> Row:
    return source_record(
        "openalex", f"W{number}", cell, title=f"On topic number {number}", **changes
    )


def dblp(number: int, cell: Cell = ACL, **changes: Any) -> Row:
    return source_record(
        "dblp", f"conf/{number}", cell, title=f"On topic number {number}", **changes
    )


def test_each_source_covers_what_it_tells_of() -> None:
    """A source without abstracts or references must show as such, not as missing papers."""
    rows = [dblp(n) for n in (1, 2, 3, 4)]
    rows += [
        openalex(1, abstract="We.", cited_by_count=0, references=["W2", "W9"]),
        openalex(2, abstract="We.", references=[]),
        openalex(7, track="workshop"),
    ]
    found = covered(ACL, *rows)
    columns = ("found", "with_abstract", "with_count", "with_references", "workshop", "expected")
    assert numbers(found["dblp"], *columns) == (4, 0, 0, 0, 0, 4)
    assert numbers(found["openalex"], *columns) == (3, 2, 1, 1, 1, 4)
    assert {row["expected_from"] for row in found.values()} == {"dblp"}


def test_who_is_expected_to_be_complete() -> None:
    """DBLP, else the list, else AAN; never a source that crawls whatever it finds."""
    only = covered(ACL, openalex(1))["openalex"]
    assert (only["n_expected"], only["expected_from"]) == (None, None)
    aan = source_record("aan", "P20-1001", ACL, title="On another topic")
    found = covered(ACL, openalex(1), aan)
    assert (found["openalex"]["n_expected"], found["openalex"]["expected_from"]) == (1, "aan")


def test_every_record_went_somewhere() -> None:
    """Front matter, repeats and bad rows are no papers, but they are accounted for."""
    rows = [
        openalex(1), openalex(2), openalex(8),
        openalex(3, excluded_because="front_matter"),
    ]  # fmt: skip
    found = covered(ACL, *rows, quarantined=2, same=("openalex:W1", "openalex:W2"))
    names = ("records", "papers", "excluded", "duplicates", "quarantined", "found")
    assert numbers(found["openalex"], *names) == (4, 2, 1, 1, 0, 2)
    assert numbers(found["paper_copilot"], *names) == (2, 0, 0, 0, 2, 0)


def test_a_paper_at_home_elsewhere_is_a_record_here_and_found_there() -> None:
    """A source that is a year off would seem to lack the paper in one year and have it in both."""
    rows = [dblp(1, NEXT), openalex(1, ACL, abstract="We.")]
    same = ("dblp:conf/1", "openalex:W1")
    here, there = covered(ACL, *rows, same=same), covered(NEXT, *rows, same=same)
    names = ("records", "papers", "found", "with_abstract")
    assert numbers(here["openalex"], *names) == (1, 1, 0, 0)
    assert numbers(there["openalex"], *names) == (0, 0, 1, 1)
    assert numbers(there["dblp"], *names) == (1, 1, 1, 0)
    assert "dblp" not in here


def test_lists_of_yesterday_count_nowhere() -> None:
    """Superseded rows are history: the source is named, with nothing in force."""
    found = covered(ACL, openalex(1), dblp(2, list_order=1))
    assert numbers(found["dblp"], "records", "papers", "found") == (0, 0, 0)


@given(
    st.lists(
        st.builds(
            lambda n, of, cell, out: of(n, cell, excluded_because=out),
            st.integers(1, 5), st.sampled_from([dblp, openalex]), st.sampled_from([ACL, NEXT]),
            st.sampled_from([None, None, "front_matter"]),
        ),
        unique_by=lambda row: row["record_key"],
    )
)  # fmt: skip
def test_the_accounts_always_balance(rows: list[Row]) -> None:
    """`covered` checks the sum, for whatever the sources say."""
    for cell in (ACL, NEXT):
        found = covered(cell, *rows)
        listed = [r for r in rows if (r["venue"], r["year"]) == cell]
        assert sum(row["n_records"] for row in found.values()) == len(listed)
