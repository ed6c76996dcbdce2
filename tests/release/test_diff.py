"""The difference of two releases, in rows and in words."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.release.changes import Changes, changes_of
from pipeline.release.diff import (
    EXAMPLES,
    Diff,
    diff_of,
    first_diff,
    leading,
    titled,
)
from pipeline.release.words import changes_page, sentences
from pipeline.tables import CITATION_COUNTS, PAPERS, TABLES, TNCSI_SP, Table
from tests.conftest import NASTY_TITLES

Row = dict[str, Any]
TOLD = (PAPERS, CITATION_COUNTS, TNCSI_SP)


def frame(table: Table, rows: Sequence[Row]) -> pl.DataFrame:
    empty = dict.fromkeys(table.schema, None)
    return pl.DataFrame([empty | row for row in rows], schema=table.schema)


def paper(name: str, title: str = "A title", cell: tuple[str, int] = ("cvpr", 2016)) -> Row:
    return {"paper_id": name, "venue": cell[0], "year": cell[1], "title": title}


def count(name: str, n: int, source: str = "openalex") -> Row:
    where = {"paper_id": name, "venue": "cvpr", "year": 2016, "citation_source": source}
    return where | {"cited_by_count": n, "observed_on": date(2026, 1, 1)}


def score(name: str, value: float | None, rule: str = "r1") -> Row:
    where = {"paper_id": name, "venue": "cvpr", "year": 2016, "config_id": rule}
    return where | {"tncsi_sp": value, "status": "no_date" if value is None else "ok"}


def difference(
    before: tuple[Sequence[Row], ...], after: tuple[Sequence[Row], ...], same_rule: bool = True
) -> Diff:
    old = {t.name: frame(t, rows) for t, rows in zip(TOLD, before, strict=True)}
    new = {t.name: frame(t, rows) for t, rows in zip(TOLD, after, strict=True)}
    changes: dict[str, Changes] = {n: changes_of(TABLES[n], old[n], new[n]) for n in new}
    rows = {n: (old[n].height, new[n].height) for n in new}
    examples = titled(leading(changes), new["papers"])
    return diff_of("2026-03-01", "2026-03-02", changes, rows, examples, same_rule=same_rule)


def test_what_changed_is_said() -> None:
    """A reader learns of a release what these sentences say, and no more."""
    found = difference(
        (
            [paper("a"), paper("b", "Old title"), paper("c", cell=("acl", 2020))],
            [count("a", 5), count("b", 10), count("c", 1, "google_scholar")],
            [score("a", 0.5), score("b", 0.5), score("c", None)],
        ),
        (
            [paper("a"), paper("b", "New title"), paper("d", "Fresh"), paper("e", "Unread")],
            [count("a", 9), count("b", 8), count("d", 1234)],
            [score("a", 0.6), score("b", 0.501), score("d", 0.9)],
        ),
    )
    assert sentences(found) == [
        "2 papers are new, 1 is gone and 1 has another title.",
        "google_scholar: 1 paper counted no longer.",
        "openalex: 2 counts moved, by +2 citations in all; 1 paper counted for the first time.",
        "2 scores moved, 1 of them by more than 0.01 (the farthest by 0.100); 1 paper scored for "
        "the first time.",
    ]
    assert found.venue_years == (
        {
            "venue": "acl", "year": 2020, "papers_new": 0, "papers_gone": 1, "retitled": 0,
            "redated": 0, "counts_moved": 0, "citations": 0, "scores_moved": 0,
        },
        {
            "venue": "cvpr", "year": 2016, "papers_new": 2, "papers_gone": 0, "retitled": 1,
            "redated": 0, "counts_moved": 2, "citations": 2, "scores_moved": 2,
        },
    )  # fmt: skip
    told = {name: [r["title"] for r in rows] for name, rows in found.examples.items()}
    assert told == {
        "new": ["Fresh", "Unread"],
        "gone": ["A title"],
        "retitled": ["New title"],
        "counts": ["A title", "New title"],
        "scores": ["A title", "New title"],
    }


def test_another_rule_is_no_movement_of_scores() -> None:
    """Scores of two rules compared as one would tell of impact what is a change of method."""
    found = difference(
        ([paper("a")], [], [score("a", 0.5)]),
        ([paper("a")], [], [score("a", 0.9, "r2")]),
        same_rule=False,
    )
    assert found.scores["moved"] == 0
    assert sentences(found) == [
        "Scores follow another rule of pools or another encoder: those of the two releases are not "
        "comparable."
    ]


def test_one_table_alone_is_told_too() -> None:
    """A release whose sentences are empty would seem to be a mistake."""
    state = ([paper("a")], [], [])
    assert sentences(difference(state, state)) == ["Nothing changed."]
    assert sentences(first_diff("2026-03-01", {"papers": 1})) == ["The first release: 1 paper."]


PAPER_SETS = st.dictionaries(st.integers(0, 9), st.integers(0, 2))


@settings(max_examples=30)
@given(before=PAPER_SETS, after=PAPER_SETS)
def test_sums_are_those_of_rows(before: dict[int, int], after: dict[int, int]) -> None:
    """Totals, venue-years and tables of one page that contradict each other."""

    def state(papers: dict[int, int]) -> tuple[Sequence[Row], ...]:
        ids = {f"p{i}": n for i, n in papers.items()}
        return (
            [paper(i, f"Title {n}", ("cvpr", 2010 + len(i) + n % 2)) for i, n in ids.items()],
            [count(i, n) for i, n in ids.items()],
            [score(i, n / 2 if n else None) for i, n in ids.items()],
        )

    found = difference(state(before), state(after))
    stayed = before.keys() & after.keys()
    assert found.papers["new"] == len(after.keys() - before.keys())
    assert found.papers["gone"] == len(before.keys() - after.keys())
    gains = [after[i] - before[i] for i in stayed if after[i] != before[i]]
    sums = {n: sum(v[n] for v in found.venue_years) for n in ("papers_new", "papers_gone")}
    assert sums == {"papers_new": found.papers["new"], "papers_gone": found.papers["gone"]}
    assert sum(v["citations"] for v in found.venue_years) == sum(gains)
    assert sum(c["citations"] for c in found.counts) == sum(gains)
    scored = [i for i in stayed if before[i] and after[i] and before[i] != after[i]]
    assert found.scores["moved"] == len(scored)
    assert sum(v["scores_moved"] for v in found.venue_years) == len(scored)
    for table in found.tables:
        assert table.rows_before + table.added - table.removed == table.rows_after
        assert table.changed <= min(table.rows_before, table.rows_after)


def test_a_page_stays_readable() -> None:
    """A hundred thousand new papers, and titles that are markup, in one page."""
    cells = [("cvpr", 1900 + i) for i in range(100)]
    new = [paper(f"p{c}{i}", t, c) for i, t in enumerate(NASTY_TITLES) for c in cells]
    found = difference(([], [], []), (new, [], []))
    page = changes_page(found)
    assert len(found.examples["new"]) == EXAMPLES
    assert len(page.splitlines()) < 100
    assert "And 60 more, each with less: see `diff.json`." in page
    assert "\\[bold\\]Markup\\[/bold\\]" in page
