"""Whole rows: against a second implementation in plain Python, and in any order of rows."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InputError
from tests.impact.profiles.rows import (
    DOMAIN_OF,
    SEEN,
    citations_of,
    edge,
    paper,
    papers_of,
    profiles,
    scores_of,
    snapshots_of,
)

IDS = "abcdefgh"
DATES = st.one_of(st.none(), st.dates(date(2012, 1, 1), date(2019, 12, 31)))
Rows = list[dict[str, Any]]

a_paper = st.tuples(
    DATES, st.sampled_from(sorted(DOMAIN_OF)), st.sets(st.sampled_from("st"), min_size=1)
)
an_edge = st.builds(
    edge,
    st.sampled_from(IDS),
    st.one_of(st.none(), st.sampled_from(IDS)),
    st.sampled_from("st"),
    is_influential=st.one_of(st.none(), st.booleans()),
    intents=st.one_of(st.none(), st.lists(st.sampled_from(["background", "result"]), unique=True)),
    is_forward=st.booleans(),
    in_force=st.sampled_from([True, True, True, False]),
)


def counted(p: Mapping[str, Any], papers: Rows, edges: Rows) -> dict[str, Any]:
    """What is expected of the paper, one loop at a time."""
    by_id = {q["paper_id"]: q for q in papers}
    true = [e for e in edges if e["in_force"] and e["citing_paper_id"] != e["cited_paper_id"]]
    mine = [e for e in true if e["cited_paper_id"] == p["paper_id"]]
    citing = sorted({e["citing_paper_id"] for e in mine})
    own = p["publication_date"]

    def verdicts(q: str) -> list[bool]:
        found = (e["is_influential"] for e in mine if e["citing_paper_id"] == q)
        return [v for v in found if v is not None]

    def within(years: int) -> int:
        forward = {e["citing_paper_id"] for e in mine if e["is_forward"]}
        days = [by_id[q]["publication_date"] for q in citing if q not in forward]
        last = own.replace(year=own.year + years, day=min(own.day, 28 if own.month == 2 else 31))
        if (own.month, own.day) == (2, 29) and last.year % 4 == 0:
            last = last.replace(day=29)
        return sum(day is not None and day <= last for day in days)

    domains = [DOMAIN_OF[by_id[q]["venue"]] for q in citing]
    known = [verdicts(q) for q in citing if verdicts(q)]
    known_by = {e["source"] for e in true} & set(p["sources"])
    cited = [e for e in true if e["citing_paper_id"] == p["paper_id"]]
    works = {s: {e["cited_key"][2:] for e in cited if e["source"] == s} for s in "st"}
    inside = {e["cited_paper_id"] for e in cited} - {None}
    return {
        "n_citing": len(citing) if citing or known_by else None,
        "n_citing_domains": len(set(domains)) if citing or known_by else None,
        "n_with_context": len(known),
        "influential_share": sum(map(any, known)) / len(known) if known else None,
        "outside": sum(d != DOMAIN_OF[p["venue"]] for d in domains),
        "n_references": max(*map(len, works.values()), len(inside)) if cited else None,
        "within": [within(n) if own else None for n in (1, 2, 5)],
    }


@settings(max_examples=60)
@given(st.lists(a_paper, min_size=8, max_size=8), st.lists(an_edge, max_size=25))
def test_rows_are_those_of_plain_loops(drawn: list[Any], edges: Rows) -> None:
    """Joins that multiply rows, or lose those without a partner, show on random edges only."""
    papers = [paper(i, d, v, *sorted(s)) for i, (d, v, s) in zip(IDS, drawn, strict=True)]
    rows = profiles(papers_of(*papers), citations_of(*edges))
    for p, row in zip(papers, rows.iter_rows(named=True), strict=True):
        expected = counted(p, papers, edges)
        for name in ("n_citing", "n_citing_domains", "n_with_context", "n_references"):
            assert row[name] == expected[name], name
        assert row["influential_share"] == pytest.approx(expected["influential_share"])
        if row["n_citing"]:
            assert row["outside_domain_share"] == pytest.approx(
                expected["outside"] / row["n_citing"]
            )
        for years, n in zip((1, 2, 5), expected["within"], strict=True):
            counted_here = row[f"cited_within_{years}y"]
            assert counted_here is None or counted_here == n


def library() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """40 papers, each citing many: sums of floats in another order would differ."""
    days = [date(2010 + i % 9, 1 + i % 12, 1 + i % 28) for i in range(40)]
    papers = papers_of(
        *(paper(f"p{i:02}", d, sorted(DOMAIN_OF)[i % 4]) for i, d in enumerate(days))
    )
    pairs = [(i, j) for i in range(40) for j in range(40) if (7 * i + 3 * j) % 5 < 2]
    words = ("background", "methodology", "result")
    edges = [
        edge(f"p{i:02}", f"p{j:02}", "st"[(i + j) % 2], intents=[words[(i * j) % 3]],
             is_influential=(i + j) % 3 == 0)
        for i, j in pairs
    ]  # fmt: skip
    scores = scores_of({f"p{i:02}": (0.1 * i * 7) % 1 for i in range(40)})
    months = [date(2025, m, 3) for m in range(1, 9)]
    seen = [(f"p{i:02}", day, (i * k * k) // 3) for i in range(40) for k, day in enumerate(months)]
    return papers, citations_of(*edges), scores, snapshots_of(*seen)


def test_the_order_of_rows_changes_no_bit() -> None:
    """Means that depend on the order of files would change every night for no reason."""
    frames = library()
    expected = profiles(*frames)
    assert expected["arq"].null_count() == 0
    for seed in range(4):
        shuffled = [f.sample(fraction=1, shuffle=True, seed=seed) for f in frames]
        assert profiles(*shuffled).equals(expected, null_equal=True)


def test_no_paper_is_lost_or_doubled() -> None:
    """A join on a key that repeats would write a table that the lake refuses."""
    papers, edges, scores, snapshots = library()
    twice = pl.concat([edges, edges])
    assert profiles(papers, twice, scores, snapshots).equals(
        profiles(papers, edges, scores, snapshots)
    )


def test_a_venue_without_a_domain_is_refused_by_name() -> None:
    """A null domain would count as inside or outside by accident."""
    with pytest.raises(InputError, match="received none for elsewhere"):
        profiles(papers_of(paper("p", SEEN, "elsewhere")), citations_of())
