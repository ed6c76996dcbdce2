"""Every paper is at home in one venue-year, whoever tells of it."""

import polars as pl

from pipeline.corpus.homes import at_home
from pipeline.corpus.resolution import RESOLVED_SCHEMA
from pipeline.tables import PAPER_IDS, violations

Standing = tuple[str, str, int, bool]  # source, venue, year, in force


def homes(*records: Standing, paper_id: str = "p1") -> set[tuple[str, int]]:
    """Where a paper of these records is at home."""
    rows = [
        {
            "record_key": f"{source}:{n}", "source": source, "record_venue": venue,
            "record_year": year, "paper_id": paper_id, "method": "title", "confidence": 1.0,
            "in_force": in_force, "identity_hash": n,
        }
        for n, (source, venue, year, in_force) in enumerate(records)
    ]  # fmt: skip
    resolved = pl.DataFrame(rows, schema=RESOLVED_SCHEMA, orient="row")
    ids = at_home(resolved, {paper_id: 7})
    assert violations(PAPER_IDS, ids) == []
    assert ids.height == len(records)
    kept = ids.sort("identity_hash").select("record_venue", "record_year").rows()
    assert kept == [(venue, year) for _, venue, year, _ in records]
    assert set(ids["paper_row"]) <= {7}
    return set(ids.select("venue", "year").iter_rows())


def test_the_most_reliable_source_decides() -> None:
    """OpenAlex dates a paper by its preprint; the venue's own list knows the edition."""
    openalex, dblp = ("openalex", "iclr", 2017, True), ("dblp", "iclr", 2018, True)
    assert homes(openalex, dblp) == {("iclr", 2018)}
    assert homes(openalex, dblp, ("paper_copilot", "iclr", 2019, True)) == {("iclr", 2019)}
    assert homes(openalex) == {("iclr", 2017)}


def test_what_is_in_force_counts_more_than_a_list_of_yesterday() -> None:
    """A paper that a newer list dropped would be kept in the year nobody tells of any more."""
    old = ("paper_copilot", "iclr", 2019, False)
    assert homes(old, ("openalex", "iclr", 2018, True)) == {("iclr", 2018)}
    assert homes(old) == {("iclr", 2019)}


def test_of_several_editions_the_earliest() -> None:
    """The order of rows must not decide."""
    late, early = ("dblp", "acl", 2021, True), ("dblp", "acl", 2020, True)
    assert homes(late, early) == homes(early, late) == {("acl", 2020)}
    assert homes(("dblp", "emnlp", 2020, True), early) == {("acl", 2020)}


def test_nobody_is_at_home_nowhere() -> None:
    """An empty library must have the table's columns."""
    assert homes() == set()
