"""Each section's words and rows, from tables of a few rows."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from pipeline.release.changes import Changes, changes_of, compared_columns
from pipeline.report.costs import Cost, costs_section
from pipeline.report.counts import counts_section
from pipeline.report.edges import edges_section
from pipeline.report.markdown import report_markdown
from pipeline.report.model import Listing, Report, Section
from pipeline.report.page import report_page
from pipeline.report.papers import papers_section
from pipeline.report.scores import scores_section
from pipeline.report.state import Incident, Standing, failures_section, standing_section
from pipeline.report.tables import coverage_section, is_news, tables_section
from pipeline.tables import REDIRECTS, TABLES
from pipeline.wording import capped, counted, listed, quoted

Row = Mapping[str, Any]
TITLES = pl.DataFrame({"paper_id": ["p", "q", "r"], "title": ["P one", "Q two", "R three"]})
_ZERO = {pl.String: "", pl.Boolean: False, pl.Date: date(2026, 1, 1)}


def frame(table: str, *rows: Row) -> pl.DataFrame:
    """Rows of a table with defaults for what they leave out."""
    schema = TABLES[table].schema
    base = {
        name: None if TABLES[table].columns[name].nullable else _ZERO.get(type(dtype), 0)
        for name, dtype in schema.items()
    }
    base |= {name: [] for name, dtype in schema.items() if dtype == pl.List}
    base |= {"venue": "cvpr", "year": 2016} if "venue" in schema else {}
    base = {name: _ZERO.get(schema[name].__class__, value) if value == 0 else value
            for name, value in base.items()}  # fmt: skip
    return pl.DataFrame([{**base, **row} for row in rows], schema=schema, orient="row")


def changed(table: str, before: list[Row], after: list[Row]) -> Changes:
    return changes_of(TABLES[table], frame(table, *before), frame(table, *after))


def table(section: Section, name: str) -> pl.DataFrame:
    return next(one.rows for one in section.listings if one.name == name)


def unmoved(name: str) -> Changes:
    """Of a table of which nothing moved."""
    empty = TABLES[name].empty().select(compared_columns(TABLES[name]))
    return changes_of(TABLES[name], empty, empty)


def test_papers_that_came_went_and_changed() -> None:
    """A retitled paper told as one gone and one new, or a merge told as a loss."""
    before = [
        {"paper_id": "p", "title": "Old"},
        {"paper_id": "q", "title": "Q", "publication_date": date(2016, 7, 2)},
        {"paper_id": "r", "title": "R"},
        {"paper_id": "s", "title": "S", "abstract": "a"},
    ]
    after = [
        {"paper_id": "p", "title": "New"},
        {"paper_id": "q", "title": "Q", "publication_date": date(2016, 6, 1)},
        {"paper_id": "s", "title": "S", "abstract": "b", "year": 2017},
        {"paper_id": "t", "title": "T", "venue": "icml"},
        {"paper_id": "u", "title": "U", "venue": "icml"},
    ]
    merged = frame("redirects", {"from_id": "r", "to_id": "t"})
    section = papers_section(changed("papers", before, after), merged)
    assert section.words == (
        "2 new papers (icml 2016: 2), 1 paper gone (cvpr 2016: 1), 1 retitled, 1 re-dated, "
        "1 of another venue or year and other details (abstract of 1)."
    )
    assert table(section, "gone")["merged_into"].to_list() == ["t"]
    assert table(section, "retitled").select("before", "after").rows() == [("Old", "New")]
    assert table(section, "re_dated")["after"].to_list() == [date(2016, 6, 1)]
    assert table(section, "moved_home").select("before", "after").rows() == [
        ("cvpr 2016", "cvpr 2017")
    ]
    assert table(section, "by_venue_year").rows() == [("cvpr", 2016, 0, 1), ("icml", 2016, 2, 0)]


def test_nothing_is_said_to_be_nothing() -> None:
    """An empty paragraph reads as a report that failed."""
    redirects = REDIRECTS.empty()
    assert papers_section(unmoved("papers"), redirects).words == "No paper came, went or changed."
    assert counts_section(unmoved("citation_counts"), TITLES).words == "No citation count moved."
    assert scores_section(unmoved("tncsi_sp"), TITLES).words == "No score moved."
    assert edges_section(unmoved("citations")).words == ""
    assert coverage_section(unmoved("venue_coverage")).listings == ()
    assert costs_section([]).words == "The journal tells of no run since."
    assert failures_section([]).words == "Nothing failed."


def test_counts_by_source_and_their_sum() -> None:
    """Sums of two sources added up mean nothing: each is told apart."""
    before = [
        {"paper_id": "p", "citation_source": "google_scholar", "cited_by_count": 1000},
        {"paper_id": "q", "citation_source": "google_scholar", "cited_by_count": 9},
        {"paper_id": "r", "citation_source": "openalex", "cited_by_count": 2},
    ]
    after = [
        {"paper_id": "p", "citation_source": "google_scholar", "cited_by_count": 2200},
        {"paper_id": "q", "citation_source": "google_scholar", "cited_by_count": 4},
        {"paper_id": "p", "citation_source": "openalex", "cited_by_count": 7},
    ]
    section = counts_section(changed("citation_counts", before, after), TITLES)
    assert section.words == (
        "2 citation counts moved (+1,195 in all), 1 count became known and 1 count was lost."
    )
    assert table(section, "by_source").rows() == [
        ("google_scholar", 2, 1195, 0, 0), ("openalex", 0, 0, 1, 1),
    ]  # fmt: skip
    assert table(section, "moved").select("title", "change").rows() == [
        ("P one", 1200),
        ("Q two", -5),
    ]


def score(paper: str, value: float | None, **more: Any) -> Row:
    row = {
        "paper_id": paper,
        "config_id": "rule",
        "status": "ok" if value is not None else "no_date",
    }
    return row | {"tncsi_sp": value, "excess_ratio": value, "n_pool": 9} | more


def test_scores_say_what_moved_them() -> None:
    """A paper whose pool moved must not read as one that was cited."""
    before = [
        score("p", 0.5, cited_by_count=4, pool_scale=1.0),
        score("q", 0.9, cited_by_count=9, pool_scale=2.0),
        score("r", 0.1, cited_by_count=1, pool_scale=3.0),
        score("s", 0.3),
        score("t", None),
        score("u", 0.7),
    ]
    after = [
        score("p", 0.6, cited_by_count=5, pool_scale=1.0),
        score("q", 0.4, cited_by_count=9, pool_scale=4.0),
        score("r", 0.2, cited_by_count=2, pool_scale=2.0),
        score("s", None),
        score("t", 0.3),
        score("u", 0.7),
    ]
    section = scores_section(changed("tncsi_sp", before, after), TITLES)
    assert section.words == (
        "3 scores moved (1 by the paper's own citations, 1 by the pool and 1 by both), "
        "1 paper scored for the first time and 1 paper lost its score. "
        "The farthest: “\u2068Q two\u2069” from 0.900 to 0.400 (pool)."
    )
    movers = table(section, "moved").select("title", "before", "after", "why").rows()
    assert movers[0][0] == "Q two"
    assert {m[0]: m[3] for m in movers} == {
        "P one": "own citations", "Q two": "pool", "R three": "own citations and pool",
    }  # fmt: skip


def test_edges_that_are_no_longer_told_are_gone() -> None:
    """A source that withdraws a citation keeps its row, out of force."""
    edge = {"citing_paper_id": "p", "source": "openalex", "in_force": True}
    before = [edge | {"cited_key": "a"}, edge | {"cited_key": "b"}]
    after = [
        edge | {"cited_key": "a", "in_force": False},
        edge | {"cited_key": "b", "last_seen": date(2026, 9, 9)},
        edge | {"cited_key": "c", "cited_paper_id": "q"},
        edge | {"cited_key": "d"},
    ]
    section = edges_section(changed("citations", before, after))
    assert section.words == "2 citations between works came (1 of papers held here) and 1 went."
    assert table(section, "by_venue_year").rows() == [("cvpr", 2016, 2, 1, 1)]
    assert not is_news(changed("citations", before, [before[0], after[1]]))


def test_coverage_tells_old_and_new() -> None:
    """A share that moved without the numbers it is made of."""
    row = {"source": "dblp", "n_found": 3, "n_expected": 5}
    section = coverage_section(changed("venue_coverage", [row], [row | {"n_found": 4}]))
    assert section.words == "Coverage moved in 1 venue-year."
    assert table(section, "coverage")["what"].to_list() == ["found 3 → 4"]


def test_tables_name_what_did_not_move() -> None:
    """Silence about a table could mean that nobody looked."""
    changes = {
        "papers": changed("papers", [], [{"paper_id": "p"}]),
        "redirects": unmoved("redirects"),
        "citation_counts": changed(
            "citation_counts",
            [{"paper_id": "p", "observed_on": date(2026, 1, 1)}],
            [{"paper_id": "p", "observed_on": date(2026, 1, 2)}],
        ),
    }
    files = pl.DataFrame({"table": list(changes), "files_changed": [1, 0, 1], "files": [2, 1, 2],
                          "rows": [9, None, 9]})  # fmt: skip
    section = tables_section(changes, files)
    assert section.words == "Tables unchanged: redirects and citation counts."
    assert table(section, "tables").row(0) == ("papers", 1, 0, 0, 1, 2, 9)


def test_costs_add_up_by_run_and_by_step() -> None:
    """Texts encoded twice, once per table of sums."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    costs = [
        Cost(at, "run1", "fetch", "openalex_works", {"calls": 12, "cents": 1.2, "seconds": 3.0}),
        Cost(at, "run2", "refresh", "papers", {"cells": 2, "rows_written": 40, "seconds": 0.5}),
        Cost(at, "run2", "refresh", "paper_embeddings", {"texts_encoded": 1, "seconds": 1.25}),
    ]
    section = costs_section(costs)
    assert section.words == (
        "2 runs took 4.8 s: 1 text encoded, 40 rows written, 12 calls and 1.20 cents."
    )
    runs = table(section, "runs")
    assert runs.select("job", "run", "steps", "seconds").rows() == [
        ("fetch", "run1", 1, 3.0), ("refresh", "run2", 2, 1.75),
    ]  # fmt: skip
    assert table(section, "steps")["calls"].sum() == 12


def test_failures_and_standing() -> None:
    """Both are sentences of their own, so that good news is told too."""
    failed = failures_section([Incident("a.md", "refresh failed: disk full")])
    assert failed.words == "1 run failed: refresh failed: disk full."
    standing = standing_section(Standing({"ok": 1200, "no_date": 3}, {"papers": 1, "tncsi_sp": 2}))
    assert standing.words == (
        "The library holds 1,203 papers, 1,200 scored; "
        "3 cells are stale (papers: 1 and tncsi_sp: 2)."
    )


def test_numbers_are_said_as_people_say_them() -> None:
    """`1 papers` and `a, b` make a reader doubt the numbers too."""
    assert [counted(n, "paper") for n in (0, 1, 1200)] == ["no papers", "1 paper", "1,200 papers"]
    assert [listed(p) for p in (["a"], ["a", "b"], ["a", "b", "c"])] == [
        "a",
        "a and b",
        "a, b and c",
    ]
    assert capped(list("abcdefg"), 2) == "a, b and 5 more"
    assert len(quoted("x" * 500)) < 90
    assert quoted("a\u202eb\nc\x1b") == "“\u2068ab c\u2069”"


def test_long_tables_are_cut_on_the_page_and_in_metadata() -> None:
    """A page of fifty thousand rows opens on no phone."""
    rows = pl.DataFrame({"title": [f"T{i}" for i in range(60)], "change": range(60)})
    section = Section("s", "S", "Words | with *marks*.", {}, (Listing("l", "L", rows, 20),))
    report = Report(datetime(2026, 3, 1, tzinfo=UTC), None, [section])
    page, text = report_page(report), report_markdown(report)
    assert page.count("<tr>") == 21
    assert "and 40 more" in page
    assert text.count("| T") == 15
    assert "and 45 more" in text
    assert r"Words \| with \*marks\*." in text
    assert report.document()["sections"]["s"]["tables"]["l"]["n_rows"] == 60
    assert ">+1<" in page
