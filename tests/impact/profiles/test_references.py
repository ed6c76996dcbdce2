"""ARQ, S_mp and RQM by numbers that can be reckoned by hand."""

from datetime import date, timedelta
from math import exp, fsum

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.impact.profiles.references import reference_profiles
from tests.impact.profiles.rows import (
    citations_of,
    edge,
    paper,
    papers_of,
    profiles,
    row_of,
    scores_of,
    standing,
)

DAY = date(2010, 7, 2)


def aged(*days: int) -> pl.DataFrame:
    """A paper `p` of DAY and one reference of each age in days, the least first."""
    refs = [paper(f"r{i}", DAY - timedelta(days=d)) for i, d in enumerate(days)]
    return papers_of(paper("p", DAY), *refs)


def cites(n: int) -> pl.DataFrame:
    return citations_of(*(edge("p", f"r{i}") for i in range(n)))


def test_the_three_measures_of_one_paper() -> None:
    """A sign or a unit swapped in the nested exponentials still gives numbers from 0 to 1."""
    rows = profiles(aged(100, 400, 1000), cites(3), scores_of({"r0": 0.25, "r1": 0.75}))
    found = row_of(rows, "p")
    assert found["n_references"] == 3
    assert found["n_references_scored"] == 2
    assert found["arq"] == pytest.approx(0.5, abs=1e-11)
    assert found["s_mp"] == 3  # 400 days: two whole half-years of 180 days, the third begun
    assert found["rqm"] == pytest.approx(1 - exp(-20 * exp(-0.5 * 3)), abs=1e-9)


@pytest.mark.parametrize(
    ("days", "s_mp"),
    [
        ((0,), 1),
        ((179,), 1),
        ((180,), 2),
        ((359, 360), 3),
        ((0, 1000, 5000), 6),
        ((10, 200, 900, 901), 6),
    ],
)
def test_s_mp_is_the_element_in_the_middle(days: tuple[int, ...], s_mp: int) -> None:
    """The authors take the element n // 2 from the newest: of two, the older, not their mean."""
    assert row_of(profiles(aged(*days), cites(len(days))), "p")["s_mp"] == s_mp


@given(st.lists(st.integers(0, 9000), min_size=1, max_size=9), st.data())
def test_s_mp_against_the_words_of_the_method(days: list[int], data: st.DataObject) -> None:
    """Written another way: newest first, months of 30 days, half-years of 6, rounded down."""
    dates = sorted((DAY - timedelta(days=d) for d in days), reverse=True)
    months = (DAY - dates[len(dates) // 2]) // timedelta(days=30)
    shuffled = data.draw(st.permutations(days))
    edges = standing(aged(*shuffled), cites(len(days)))
    rows = reference_profiles(edges, scores_of({}).select("paper_id", "tncsi_sp"))
    assert rows["s_mp"].to_list() == [months // 6 + 1]


def test_beta_decides_how_fast_rqm_saturates() -> None:
    """The default is the authors' 20; who compares with another β must be able to set it."""
    edges = standing(aged(400), cites(1))
    scores = scores_of({"r0": 0.5}).select("paper_id", "tncsi_sp")
    rows = reference_profiles(edges, scores, beta=5)
    assert rows["rqm"][0] == pytest.approx(1 - exp(-5 * exp(-1.5)), abs=1e-9)


def test_a_work_told_by_two_sources_is_one_reference() -> None:
    """Adding sources up doubles the references of every paper that two of them know."""
    edges = citations_of(
        *(edge("p", "r0", s) for s in ("s", "t")),
        edge("p", "r0", "s", cited_key="s:again"),  # two records of one work
        *(edge("p", None, "s", cited_key=f"s:{n}") for n in (1, 2)),
        *(edge("p", None, "t", cited_key=f"t:{n}") for n in (1, 2, 3)),
    )
    found = row_of(profiles(aged(10), edges, scores_of({"r0": 1.0})), "p")
    assert found["n_references"] == 4  # as `t` tells: one inside, three outside
    assert (found["n_references_scored"], found["arq"]) == (1, 1.0)


def test_sources_that_each_know_another_reference_add_up_inside_the_library() -> None:
    """Here ids are our own, so a union is possible: the longest list alone would say 1."""
    edges = citations_of(edge("p", "r0", "s"), edge("p", "r1", "t"))
    assert row_of(profiles(aged(1, 2), edges), "p")["n_references"] == 2


def test_what_is_no_citation_any_more_or_never_was() -> None:
    """Edges taken back, self-loops and works without a standing edge would inflate everything."""
    edges = citations_of(edge("p", "r0", in_force=False), edge("p", "p"), edge("gone", "r0"))
    rows = profiles(aged(10), edges, scores_of({"r0": 1.0}))
    assert row_of(rows, "p")["n_references"] is None
    assert row_of(rows, "p")["arq"] is None
    assert row_of(rows, "p")["n_references_scored"] == 0
    assert row_of(rows, "r0")["n_citing"] is None  # nobody is left who tells


def test_a_reference_of_the_future_counts_but_has_no_age() -> None:
    """An age below zero would make S_mp 0 and RQM a constant, as it does in the authors' code."""
    papers = papers_of(
        paper("p", DAY), paper("r0", date(2012, 1, 1)), paper("r1", DAY - timedelta(days=400))
    )
    edges = citations_of(edge("p", "r0", is_forward=True), edge("p", "r1"))
    found = row_of(profiles(papers, edges, scores_of({"r0": 0.2, "r1": 0.6})), "p")
    assert (found["n_references"], found["n_references_scored"]) == (2, 2)
    assert found["arq"] == pytest.approx(0.4, abs=1e-11)
    assert found["s_mp"] == 3
    alone = row_of(profiles(papers, edges.head(1), scores_of({"r0": 0.2})), "p")
    assert alone["arq"] is not None
    assert (alone["s_mp"], alone["rqm"]) == (None, None)


def test_days_known_to_the_year_only_make_no_negative_age() -> None:
    """2 July stands for a whole year: a reference of its October is not from the future."""
    papers = papers_of(paper("p", DAY), paper("r0", date(2010, 10, 24)))
    assert row_of(profiles(papers, cites(1)), "p")["s_mp"] == 1


@pytest.mark.parametrize("impossible", [None, date(2031, 1, 1)])
def test_papers_and_references_without_a_possible_date(impossible: date | None) -> None:
    """No date, and a date after anything that was ever seen, are both: age unknown."""
    papers = papers_of(paper("p", DAY), paper("r0", impossible), paper("r1", DAY))
    found = row_of(profiles(papers, cites(2), scores_of({"r0": 0.5})), "p")
    assert (found["n_references"], found["s_mp"], found["arq"]) == (2, 1, 0.5)
    papers = papers_of(paper("p", impossible), paper("r0", DAY), paper("r1", DAY))
    found = row_of(profiles(papers, cites(2), scores_of({"r0": 0.5})), "p")
    assert (found["n_references"], found["s_mp"], found["rqm"]) == (2, None, None)


def test_scores_of_another_rule_do_not_count() -> None:
    """The lake may hold scores of several rules, and a mean of both is of neither."""
    scores = pl.concat([scores_of({"r0": 0.5}), scores_of({"r0": 0.9, "r1": 0.9}, rule="other")])
    found = row_of(profiles(aged(1, 2), cites(2), scores), "p")
    assert (found["n_references_scored"], found["arq"]) == (1, 0.5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_arq_is_the_mean_to_the_eleventh_digit(values: list[float]) -> None:
    """Summing integers makes the sum exact; too few digits would be seen here."""
    scores = scores_of({f"r{i}": v for i, v in enumerate(values)})
    edges = standing(aged(*range(len(values))), cites(len(values)))
    rows = reference_profiles(edges, scores.select("paper_id", "tncsi_sp"))
    assert rows["arq"][0] == pytest.approx(fsum(values) / len(values), abs=1e-11)
