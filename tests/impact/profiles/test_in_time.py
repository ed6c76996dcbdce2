"""Windows: who counts, where a window ends, and where counting would be no answer."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from pipeline.impact.profiles.in_time import citing_profiles, counted_until
from tests.impact.profiles.rows import (
    SEEN,
    citations_of,
    edge,
    paper,
    papers_of,
    profiles,
    row_of,
    standing,
)

DAY = date(2010, 7, 2)
WITHIN = ("n_citing", "cited_within_1y", "cited_within_2y", "cited_within_5y")


def telling(
    years: range, venue: str = "acl", source: str = "s"
) -> tuple[list[dict[str, Any]], ...]:
    """A paper of each year whose references `source` tells: none of them is asked about."""
    papers = [paper(f"{venue}{y}", date(y, 1, 1), venue, source) for y in years]
    return papers, [edge(p["paper_id"], None, source) for p in papers]


def windows(
    papers: list[dict[str, Any]],
    edges: list[dict[str, Any]],
    who: str = "p",
    years: range = range(2010, 2021),
) -> tuple[Any, ...]:
    """The counts of `who` where references of all of `years` are told."""
    more_papers, more_edges = telling(years)
    rows = profiles(papers_of(*papers, *more_papers), citations_of(*edges, *more_edges))
    return tuple(row_of(rows, who)[name] for name in WITHIN)


def cited_on(*days: date, published: date = DAY) -> tuple[list[dict[str, Any]], ...]:
    citing = [paper(f"c{i}", day) for i, day in enumerate(days)]
    edges = [edge(c["paper_id"], "p") for c in citing]
    return [paper("p", published), *citing], edges


def test_windows_end_on_the_anniversary() -> None:
    """Off by one day, a year's edition falls out of every window: dates known to the year agree."""
    days = [
        DAY,
        date(2011, 7, 2),
        date(2011, 7, 3),
        date(2012, 7, 2),
        date(2015, 7, 2),
        date(2015, 7, 3),
    ]
    assert windows(*cited_on(*days)) == (6, 2, 4, 5)


@pytest.mark.parametrize(
    ("day", "within"), [(date(2013, 2, 28), 1), (date(2013, 3, 1), 0)]
)  # fmt: skip
def test_a_year_after_a_leap_day_ends_in_february(day: date, within: int) -> None:
    """29 February has no anniversary in three years of four: neither an error nor a lost day."""
    assert windows(*cited_on(day, published=date(2012, 2, 29)))[1] == within


def test_four_years_after_a_leap_day_there_is_one_again() -> None:
    """Five years do not end in a leap year, but two years before one must not drift to March."""
    papers, edges = cited_on(date(2014, 2, 28), date(2014, 3, 1), published=date(2012, 2, 29))
    assert windows(papers, edges)[2] == 1


def test_a_window_is_null_until_it_was_over_when_edges_were_last_seen() -> None:
    """A paper of last year would otherwise look as if nobody wanted it."""
    papers, edges = cited_on(date(2019, 3, 1), published=date(2018, 12, 31))
    assert date(2020, 12, 31) == SEEN
    assert windows(papers, edges) == (1, 1, 1, None)
    papers, edges = cited_on(date(2019, 3, 1), published=date(2019, 1, 1))
    assert windows(papers, edges) == (1, 1, None, None)


def test_a_year_whose_references_nobody_tells_ends_the_counting() -> None:
    """A list of 2011 imported in 2026 was *seen* in 2026; it says nothing about 2012."""
    papers, edges = cited_on(date(2011, 1, 1))
    assert windows(papers, edges, years=range(2010, 2013)) == (1, 1, 1, None)
    with_gap = telling(range(2010, 2012)), telling(range(2013, 2021))
    rows = profiles(
        papers_of(*papers, *with_gap[0][0], *with_gap[1][0]),
        citations_of(*edges, *with_gap[0][1], *with_gap[1][1]),
    )
    assert [row_of(rows, "p")[n] for n in WITHIN] == [1, 1, None, None]


def test_a_year_of_which_a_source_tells_too_little_is_not_covered() -> None:
    """One stray paper with references must not vouch for the hundred of its year without."""
    silent = [paper(f"n{i}", date(2011, 5, 1)) for i in range(3)]
    papers, edges = cited_on(date(2010, 8, 1))
    assert windows([*papers, *silent], edges)[1] == 1  # 1 of 4 tell: just enough
    assert windows([*papers, *silent, paper("n", date(2011, 5, 1))], edges)[1] is None


def test_papers_of_a_kind_nobody_tells_of_do_not_look_uncited() -> None:
    """Another domain's references, and a source that never heard of the paper, say nothing."""
    known = [paper("p", DAY), paper("q", DAY, "cvpr"), paper("r", DAY, "acl", "lists")]
    assert windows(known, []) == (0, 0, 0, 0)
    assert windows(known, [], "q") == (0, None, None, None)
    assert windows(known, [], "r") == (None, None, None, None)


def test_what_is_cited_is_told_of_even_by_a_stranger() -> None:
    """An edge to a paper is word enough that somebody cites it."""
    papers = [paper("p", DAY, "acl", "lists"), paper("c", DAY)]
    assert windows(papers, [edge("c", "p")]) == (1, None, None, None)


def test_a_citing_paper_counts_once() -> None:
    """Two sources, or two records of one source, tell of one citation."""
    papers, edges = cited_on(date(2011, 1, 1))
    again = [edge("c0", "p", "t"), edge("c0", "p", cited_key="s:other")]
    assert windows(papers, [*edges, *again]) == (1, 1, 1, 1)


def test_forward_edges_count_outside_of_windows() -> None:
    """They cite a preprint: somebody cites the work, but how soon after it nobody knows."""
    papers, edges = cited_on(date(2008, 1, 1), date(2010, 3, 1))
    edges[0]["is_forward"] = True
    assert windows(papers, edges, years=range(2008, 2021)) == (2, 1, 1, 1)


@pytest.mark.parametrize("impossible", [None, date(2021, 1, 1)])
def test_dates_that_are_missing_or_impossible_fill_no_window(impossible: date | None) -> None:
    """An undated citation falls in no window; an undated paper has none."""
    papers, edges = cited_on(date(2011, 1, 1))
    assert windows([*papers, paper("x", impossible)], [*edges, edge("x", "p")]) == (2, 1, 1, 1)
    papers[0]["publication_date"] = impossible
    assert windows(papers, edges) == (1, None, None, None)


def test_the_best_informed_source_says_until_when() -> None:
    """The first source in the alphabet may be the one that stopped long ago."""
    old, new = telling(range(2010, 2012), source="a"), telling(range(2010, 2018), source="z")
    for frame in new[0]:
        frame["paper_id"] += "z"
    for row in new[1]:
        row["citing_paper_id"] += "z"
    edges = standing(
        papers_of(paper("p", DAY, "acl", "a", "z"), *old[0], *new[0]),
        citations_of(*old[1], *new[1]),
    )
    until = counted_until(edges).filter(paper_id="p")
    assert until["counted_until"].to_list() == [date(2017, 12, 31)]


def test_coverage_can_be_asked_for_more_strictly() -> None:
    """The threshold is a choice; who doubts it must be able to move it."""
    papers, edges = telling(range(2010, 2021))
    half = [paper(f"n{y}", date(y, 2, 2)) for y in range(2010, 2021)]
    library = standing(
        papers_of(paper("p", date(2010, 1, 1)), *papers, *half), citations_of(*edges)
    )
    none = citing_profiles(library, min_covered=0.6).filter(paper_id="p")
    assert none["cited_within_5y"].to_list() == [None]
    some = citing_profiles(library, min_covered=0.3).filter(paper_id="p")
    assert some["cited_within_5y"].to_list() == [0]


def test_a_library_without_edges_says_nothing() -> None:
    """Zeros in place of nulls would call 72,000 papers uncited."""
    rows = profiles(papers_of(paper("p", DAY), paper("q", None)), citations_of())
    unknown = [*WITHIN, "n_references", "arq", "s_mp", "rqm", "n_citing_domains", "iei"]
    assert rows.select(pl.col(unknown).is_null().all()).row(0) == (True,) * len(unknown)
    zero = ["n_references_scored", "n_observations", "n_with_context", "n_with_intent"]
    assert rows.select(pl.col(zero).sum()).row(0) == (0,) * len(zero)
    assert profiles(papers_of(), citations_of()).height == 0
