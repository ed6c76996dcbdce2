"""Pairs of a whole library: as many queries per split as the rule says, and the same ones later."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from pipeline.labels.candidate_rule import CandidateRule
from pipeline.labels.candidates import Collection
from pipeline.labels.citation_graph import CitationGraph
from pipeline.labels.labelling import mine_pairs, split_library
from pipeline.labels.labelling_rule import LabellingRule
from pipeline.labels.lexical import LexicalIndex
from pipeline.labels.splits import SPLITS, SplitRule, Splits
from pipeline.models.encoding import Vectors
from pipeline.tables import TITLE_PAIRS, violations

DIM = 16
RULE = LabellingRule(
    queries=60,
    share_dev=0.2,
    share_test=0.3,
    learn=CandidateRule(student=8, rank_max=40),
    judge=CandidateRule(student=5, rank_max=5, n_strata=1, random=0, same_domain=0),
    splits=SplitRule(train=0.5, dev=0.2, test=0.3),
)


def vector_of(text: str) -> np.ndarray:
    drawn = np.random.default_rng(list(text.encode())).normal(size=DIM).astype(np.float32)
    unit: np.ndarray = drawn / np.linalg.norm(drawn)
    return unit


def encode(titles: Sequence[str]) -> Vectors:
    return np.array([vector_of(t) for t in titles], np.float32).reshape(-1, DIM)


def library(n: int, *, without_abstract: Sequence[int] = ()) -> pl.DataFrame:
    """Papers in order of minting; those of small numbers are always the same."""
    return pl.DataFrame(
        {
            "paper_id": [f"p{i:04d}" for i in range(n)],
            "paper_row": np.arange(n, dtype=np.int32),
            "venue": ["acl" if i % 3 else "cvpr" for i in range(n)],
            "year": pl.Series([2020 + i % 2 for i in range(n)], dtype=pl.Int32),
            "title": [f"Title of number {i}" for i in range(n)],
            "abstract": [None if i in without_abstract else f"Abstract {i}." for i in range(n)],
            "domain": ["nlp" if i % 3 else "vision" for i in range(n)],
        }
    )


def pairs_of(
    papers: pl.DataFrame, rule: LabellingRule = RULE, wanted: np.ndarray | None = None
) -> tuple[pl.DataFrame, Splits]:
    documents = encode(papers["title"].to_list())
    splits = split_library(papers, documents, rule)
    graph = CitationGraph.from_rows(np.empty(0, np.int64), np.empty(0, np.int64), papers.height)
    index = LexicalIndex.build(papers["title"].to_list())
    collection = Collection(papers, documents, graph, index)
    return mine_pairs(collection, splits, rule, encode_titles=encode, wanted=wanted), splits


def queries(pairs: pl.DataFrame, split: str) -> set[str]:
    return set(pairs.filter(pl.col("split") == split)["query_id"])


def test_every_split_has_the_queries_the_rule_says() -> None:
    """A test of forty queries where the gate was promised two hundred."""
    pairs, splits = pairs_of(library(300))
    assert violations(TITLE_PAIRS, pairs) == []
    assert {s: len(queries(pairs, s)) for s in SPLITS} == {"train": 30, "dev": 12, "test": 18}
    assert RULE.number("train") + RULE.number("dev") + RULE.number("test") == RULE.queries
    ids = library(300)["paper_id"]
    for split in SPLITS:
        assert queries(pairs, split) <= set(ids.filter(pl.Series(splits.mask(split))))


def test_queries_to_judge_by_are_paired_otherwise() -> None:
    """A test judged on ranks drawn at random: what a good student finds would count as wrong."""
    pairs, _ = pairs_of(library(300))
    found = pl.col("miners").list.contains("student")
    ranks = pairs.filter(found).group_by("split").agg(pl.col("student_rank").max()).rows()
    deepest = dict(ranks)
    assert deepest["dev"] == deepest["test"] == 5
    assert deepest["train"] > 20


def test_a_paper_without_abstract_is_a_document_and_no_query() -> None:
    """Its title against its own title: a query that tests nothing."""
    papers = library(120, without_abstract=range(0, 120, 2))
    pairs, _ = pairs_of(papers)
    bare = set(papers.filter(pl.col("abstract").is_null())["paper_id"])
    assert not bare & set(pairs["query_id"])
    assert bare & set(pairs["document_id"])
    assert 0 < len(queries(pairs, "test")) <= 18  # all there are, where there are too few


def test_added_papers_displace_few_queries_and_move_no_split() -> None:
    """Labels that were paid for, of queries that the next night does not ask; and a leak."""
    before, _ = pairs_of(library(300))
    after, _ = pairs_of(library(330))
    for split in SPLITS:
        mine, theirs = queries(before, split), queries(after, split)
        assert len(mine & theirs) >= 0.75 * len(mine)
        others = set().union(*(queries(after, s) for s in SPLITS if s != split))
        assert not mine & others


@pytest.mark.parametrize("cell", [("acl", 2020), ("cvpr", 2021)])
def test_a_part_has_the_rows_of_the_whole(cell: tuple[str, int]) -> None:
    """Pairs mined venue by venue must be those mined at once: each cell is made by itself."""
    papers = library(300)
    mine = (pl.col("venue") == cell[0]) & (pl.col("year") == cell[1])
    part, _ = pairs_of(papers, wanted=papers.select(mine).to_series().to_numpy())
    whole, _ = pairs_of(papers)
    assert part.height
    assert part.equals(whole.filter(mine))


def test_nothing_wanted_is_no_rows() -> None:
    """An empty venue-year, and a rule without queries, must not fail."""
    papers = library(40)
    nobody = np.zeros(40, np.bool_)
    none = RULE.model_copy(update={"queries": 0})
    for pairs, _ in (pairs_of(papers, wanted=nobody), pairs_of(papers, none)):
        assert pairs.is_empty()
        assert violations(TITLE_PAIRS, pairs) == []


def test_a_library_of_one_paper_has_no_pairs() -> None:
    """A query without any candidate has no row, and stops nobody."""
    pairs, _ = pairs_of(library(1))
    assert pairs.is_empty()
