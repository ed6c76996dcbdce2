"""Why and from how far a paper is cited."""

from datetime import date

import pytest

from tests.impact.profiles.rows import citations_of, edge, paper, papers_of, profiles, row_of

DAY = date(2010, 7, 2)
VENUES = {"a": "acl", "b": "emnlp", "c": "cvpr", "d": "cvpr", "e": "icra"}
PAPERS = papers_of(paper("p", DAY), *(paper(i, DAY, v) for i, v in VENUES.items()))


def test_shares_are_of_what_is_known() -> None:
    """An edge without context is no verdict: counted as one it would halve the share."""
    edges = citations_of(
        edge("a", "p", is_influential=True, intents=["background"]),
        edge("b", "p", is_influential=False, intents=["methodology", "background"]),
        edge("c", "p", is_influential=False, intents=["result"]),
        edge("d", "p", is_influential=False, intents=[]),
        edge("e", "p"),
    )
    found = row_of(profiles(PAPERS, edges), "p")
    assert (found["n_citing"], found["n_with_context"], found["n_with_intent"]) == (5, 4, 3)
    assert found["influential_share"] == 0.25
    assert found["background_share"] == pytest.approx(2 / 3)
    assert found["methodology_share"] == pytest.approx(1 / 3)
    assert found["result_share"] == pytest.approx(1 / 3)


def test_the_source_with_a_context_speaks_for_the_edge() -> None:
    """OpenAlex and Semantic Scholar tell of one citation, and only one of them says why."""
    edges = citations_of(
        edge("a", "p", "openalex"),
        edge("a", "p", "semantic_scholar", is_influential=True, intents=["result"]),
        edge("a", "p", "semantic_scholar", cited_key="semantic_scholar:2", is_influential=False),
    )
    for rows in (edges, edges.reverse()):
        found = row_of(profiles(PAPERS, rows), "p")
        assert (found["n_citing"], found["n_with_context"], found["n_with_intent"]) == (1, 1, 1)
        assert (found["influential_share"], found["result_share"]) == (1, 1)
        assert found["background_share"] == 0


def test_nothing_to_share_is_no_zero() -> None:
    """No context at all is what most papers have; 0 % influential would be an insult."""
    found = row_of(profiles(PAPERS, citations_of(edge("a", "p"))), "p")
    shares = ("influential_share", "background_share", "methodology_share", "result_share")
    assert [found[name] for name in shares] == [None] * 4
    assert (found["n_with_context"], found["n_with_intent"]) == (0, 0)


def test_domains_of_the_citing_papers() -> None:
    """ACL and EMNLP are one domain: venues counted in their place would overstate the spread."""
    edges = citations_of(*(edge(i, "p") for i in VENUES))
    found = row_of(profiles(PAPERS, edges), "p")
    assert found["n_citing_domains"] == 3
    assert found["outside_domain_share"] == pytest.approx(3 / 5)
    uncited = row_of(profiles(PAPERS, edges), "a")
    assert (uncited["n_citing"], uncited["n_citing_domains"]) == (0, 0)
    assert uncited["outside_domain_share"] is None
