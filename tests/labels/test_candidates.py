"""Candidate pairs: who proposes what, and that nothing depends on the batch."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.labels.candidate_rule import MINERS, CandidateRule
from pipeline.labels.candidates import CANDIDATES, Collection, mine_candidates
from pipeline.labels.citation_graph import CitationGraph
from pipeline.labels.lexical import LexicalIndex
from pipeline.retrieval.quantise import SCALE

N, DIM = 120, 16
NOBODY = dict.fromkeys(MINERS, 0)
RULE = CandidateRule(student=6, document=4, bm25=4, rank_max=60, n_strata=3)


def unit(n: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_collection(n: int = N, edges: tuple[tuple[int, int], ...] = ()) -> Collection:
    papers = pl.DataFrame(
        {
            "paper_id": [f"p{i:03d}" for i in range(n)],
            "venue": ["cvpr" if i % 2 else "acl" for i in range(n)],
            "year": pl.Series([2000 + i % 5 for i in range(n)], dtype=pl.Int32),
            "title": [f"word{i % 7} word{i % 11} number{i}" for i in range(n)],
            "domain": ["vision" if i % 2 else "nlp" for i in range(n)],
        }
    )
    ends = np.array(edges, np.int64).reshape(-1, 2)
    graph = CitationGraph.from_rows(ends[:, 0], ends[:, 1], n)
    return Collection(papers, unit(n, 0), graph, LexicalIndex.build(papers["title"].to_list()))


EDGES = ((0, 1), (0, 2), (3, 0), (4, 0), (3, 5), (4, 5), (4, 6), (0, 0), (3, 5))
COLLECTION = make_collection(edges=EDGES)
TITLES = unit(N, 1)


def mine(queries: list[int], rule: CandidateRule, block: int = 256, seed: int = 0) -> pl.DataFrame:
    rows = np.array(queries, np.int64)
    return mine_candidates(rows, TITLES[rows], COLLECTION, rule=rule, seed=seed, block=block)


@settings(max_examples=25)
@given(st.lists(st.integers(0, N - 1), min_size=1, max_size=30, unique=True), st.integers(1, 9))
def test_candidates_do_not_depend_on_the_other_queries(queries: list[int], block: int) -> None:
    """Products that differ by batch shape, or one generator that runs through all queries."""
    together = mine(queries, RULE, block)
    alone = mine([queries[-1]], RULE)
    assert together.filter(pl.col("query_id") == f"p{queries[-1]:03d}").equals(alone)
    assert together.schema == CANDIDATES
    assert together.filter(pl.col("query_id") == pl.col("document_id")).is_empty()
    assert together["query_id"].unique(maintain_order=True).to_list() == [
        f"p{q:03d}" for q in queries
    ]


def test_ranks_and_scores_are_those_of_a_full_sort() -> None:
    """Ranks from 0, the paper itself counted, or ranks among candidates only."""
    pairs = mine([0, 7], RULE)
    documents = np.rint(COLLECTION.documents * SCALE).astype(np.int64)
    for query in (0, 7):
        products = documents @ np.rint(TITLES[query] * SCALE).astype(np.int64)
        products[query] = -(2**24)
        order = np.argsort(-products, kind="stable")
        rank = {f"p{row:03d}": i for i, row in enumerate(order.tolist(), start=1)}
        found = pairs.filter(pl.col("query_id") == f"p{query:03d}")
        assert found["student_rank"].to_list() == [rank[d] for d in found["document_id"]]
        cosines = COLLECTION.documents @ TITLES[query]
        rows = [int(d[1:]) for d in found["document_id"]]
        np.testing.assert_allclose(found["student_score"], cosines[rows], atol=1e-3)


def test_equal_documents_have_ranks_of_their_own() -> None:
    """Preprint and paper of one text: two pairs of one rank, or a rank that nobody has."""
    collection = make_collection(9)
    twins = np.repeat(collection.documents[:3], 3, axis=0)
    same = Collection(collection.papers, twins, collection.graph, collection.lexical)
    everyone = CandidateRule(**{**NOBODY, "student": 9})
    pairs = mine_candidates(np.array([4]), twins[[4]], same, rule=everyone, seed=0)
    assert pairs["student_rank"].to_list() == list(range(1, 9))
    assert pairs["document_id"].to_list()[:2] == ["p003", "p005"]


def test_neighbours_in_the_citation_graph() -> None:
    """Directions mixed up, self-citations, repeated edges counted twice in co-citation."""
    rule = CandidateRule(**{**NOBODY, "cites": 9, "cited_by": 9, "co_cited": 9})
    found = dict(mine([0], rule).select("document_id", "miners").iter_rows())
    assert found == {
        "p001": ["cites"],
        "p002": ["cites"],
        "p003": ["cited_by"],
        "p004": ["cited_by"],
        "p005": ["co_cited"],
        "p006": ["co_cited"],
    }
    rows, count = COLLECTION.graph.co_cited(0)
    assert (rows.tolist(), count.tolist()) == ([5, 6], [2, 1])
    assert mine([0], rule.model_copy(update={"co_cited": 1}))["document_id"].to_list().count("p005")


def test_every_miner_of_a_pair_is_named() -> None:
    """Pairs kept once per miner, or only the first miner kept."""
    everyone = CandidateRule(**dict.fromkeys(MINERS, N), rank_max=N, n_strata=1)
    pairs = mine([0], everyone)
    assert pairs.height == N - 1
    cited = pairs.filter(pl.col("document_id") == "p002")["miners"].item().to_list()
    assert cited == ["student", "document", "cites", "same_domain", "random"]
    assert pairs["student_rank"].to_list() == list(range(1, N))


def test_domains_and_chance() -> None:
    """Same-domain candidates of another domain; quotas of chance that the paper itself eats."""
    rule = CandidateRule(**{**NOBODY, "same_domain": 9, "random": 9})
    for seed in range(20):
        pairs = mine([3], rule, seed=seed)
        by = {m: pairs.filter(pl.col("miners").list.contains(m)) for m in MINERS}
        assert by["same_domain"].height == by["random"].height == 9
        assert {int(d[1:]) % 2 for d in by["same_domain"]["document_id"]} == {1}
    assert not mine([3], rule, seed=1).equals(mine([3], rule, seed=2))


def test_one_quota_does_not_move_the_draws_of_another() -> None:
    """Labels paid for that a changed quota elsewhere throws away."""
    small, large = (RULE.model_copy(update={"student": n}) for n in (2, 30))
    draws = [
        mine([5], rule).filter(pl.col("miners").list.contains("random"))["document_id"]
        for rule in (small, large)
    ]
    assert draws[0].sort().equals(draws[1].sort())


def test_ranks_are_spread_over_log_strata() -> None:
    """Candidates from the top alone, or from the far end alone."""
    rule = CandidateRule(n_strata=3, rank_max=999)  # ranks 1-9, 10-99, 100-999
    places = rule.pick(np.ones(2000, bool), 12, np.random.default_rng(0))
    assert [int(np.sum((places >= a) & (places < b))) for a, b in ((0, 9), (9, 99), (99, 999))] == [
        4,
        4,
        4,
    ]
    rng = np.random.default_rng(0)
    assert rule.pick(np.ones(2000, bool), 60, rng).size == 60  # the first stratum has only 9
    assert rule.pick(np.arange(2000) < 50, 40, rng).size == 40  # the last one has none
    bounded = CandidateRule(rank_min=11, rank_max=20, n_strata=2)
    assert bounded.pick(np.ones(2000, bool), 99, rng).tolist() == list(range(10, 20))


@settings(max_examples=50)
@given(st.integers(1, 40), st.integers(0, 60), st.integers(1, 20), st.integers(0, 50), st.data())
def test_quotas_are_met_wherever_possible(
    first: int, extent: int, strata: int, quota: int, data: st.DataObject
) -> None:
    """Strata that overlap (a paper twice) or leave gaps (ranks nobody can take)."""
    rule = CandidateRule(rank_min=first, rank_max=first + extent, n_strata=strata)
    allowed = np.array(data.draw(st.lists(st.booleans(), min_size=1, max_size=120)))
    places = rule.pick(allowed, quota, np.random.default_rng(0))
    able = [p for p in np.flatnonzero(allowed) if first - 1 <= p < first + extent]
    assert len(set(places.tolist())) == places.size == min(quota, len(able))
    assert set(places.tolist()) <= set(able)


def test_ceiling_and_margins() -> None:
    """Margins on the wrong side, or relative to something else than the own document."""
    assert CandidateRule().ceiling(0.8) == np.inf
    assert CandidateRule(max_score=0.7).ceiling(0.8) == 0.7
    assert CandidateRule(absolute_margin=0.1, max_score=0.75).ceiling(0.8) == pytest.approx(0.7)
    assert CandidateRule(relative_margin=0.5).ceiling(0.8) == pytest.approx(0.4)
    assert CandidateRule(relative_margin=0.5).ceiling(-0.2) == pytest.approx(-0.3)
    capped = mine([0, 1, 2], RULE.model_copy(update={"max_score": 0.1}))
    mined = pl.col("miners").list.set_intersection(["student", "document", "bm25"]).list.len() > 0
    chosen = capped.filter(mined, pl.col("miners").list.len() == 1)
    assert chosen.height > 9
    assert chosen["student_score"].max() <= 0.1


def test_a_rule_has_an_id_of_its_own() -> None:
    """Two rules under one name; a range of ranks that is empty."""
    assert CandidateRule().id == CandidateRule().id != CandidateRule(bm25=13).id
    with pytest.raises(ValueError, match="rank_min <= rank_max"):
        CandidateRule(rank_min=5, rank_max=4)


def test_single_papers_and_no_queries() -> None:
    """An empty or one-paper library that crashes."""
    lone = make_collection(1)
    found = mine_candidates(np.array([0]), unit(1, 3), lone, rule=RULE, seed=0)
    assert found.equals(pl.DataFrame(schema=CANDIDATES))
    assert mine([], RULE).equals(pl.DataFrame(schema=CANDIDATES))
    empty = make_collection(0)
    none = mine_candidates(np.empty(0, int), unit(0, 0), empty, rule=RULE, seed=0)
    assert none.equals(pl.DataFrame(schema=CANDIDATES))


def test_parts_that_do_not_belong_together_are_refused() -> None:
    """Rows of one table taken for rows of another: pairs of unrelated papers."""
    with pytest.raises(InputError, match="120 in papers, 119 in documents"):
        Collection(
            COLLECTION.papers, COLLECTION.documents[1:], COLLECTION.graph, COLLECTION.lexical
        )
    with pytest.raises(InputError, match="each query paper once"):
        mine([1, 1], RULE)
    with pytest.raises(InputError, match=r"rows 0\.\.119"):
        mine_candidates(np.array([-1]), TITLES[:1], COLLECTION, rule=RULE, seed=0)
    with pytest.raises(InputError, match="vector of 16 per query"):
        mine_candidates(np.array([1]), TITLES[:2], COLLECTION, rule=RULE, seed=0)


def test_edges_from_the_table_of_citations() -> None:
    """Edges to works outside the library that shift or crash the rows."""
    table = pl.DataFrame(
        {
            "citing_paper_id": ["b", "b", "c", "x", "b"],
            "cited_paper_id": ["a", None, "a", "a", "b"],
        }
    )
    graph = CitationGraph.from_table(table, pl.Series(["a", "b", "c"]))
    assert graph.citing(0).tolist() == [1, 2]
    assert graph.cited(1).tolist() == [0]
    assert graph.cited(0).size == 0
