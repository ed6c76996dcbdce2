"""What tests and the demo assume about the simulated literature must really hold."""

import re
from collections import Counter
from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.errors import InputError, NotFoundError
from pipeline.simulation.literature import PAPER_SCHEMA, Literature, next_day, simulate_literature
from pipeline.venues import load_venues

TEXT_COLUMNS = [c for c in PAPER_SCHEMA if c != "cited_by_count"]


@pytest.fixture(scope="module")
def literature() -> Literature:
    return simulate_literature()


@pytest.fixture(scope="module")
def day_later(literature: Literature) -> Literature:
    return next_day(literature, seed=1)


def test_same_seed_same_literature(literature: Literature) -> None:
    """A demo whose numbers move from run to run cannot be checked."""
    again = simulate_literature()
    assert_frame_equal(again.papers, literature.papers)
    assert_frame_equal(again.references, literature.references)
    other = simulate_literature(n_papers=100, seed=1).papers["title"]
    assert other.is_in(literature.papers["title"].implode()).sum() < 10


def test_papers_are_complete_and_marked_as_simulated(literature: Literature) -> None:
    """A null or a repeated title would be mistaken for dirt; an unmarked id for data."""
    papers = literature.papers
    assert papers.schema == PAPER_SCHEMA
    assert papers.height == 3000
    assert papers.null_count().sum_horizontal().item() == 0
    assert papers["sim_id"].str.starts_with("sim-").all()
    normalised = papers["title"].str.to_lowercase().str.replace_all(r"[^\w]+", " ")
    assert normalised.n_unique() == papers.height
    assert (papers["publication_date"].dt.year() == papers["year"]).all()
    assert (papers["publication_date"] < literature.as_of).all()
    assert 60 <= papers["abstract"].str.split(" ").list.len().mean() <= 95
    assert papers["authors"].list.len().min() == 1


def test_no_list_is_dated_before_its_venue(literature: Literature) -> None:
    """Venue-years that never were would have no partition."""
    registry = load_venues()
    for venue, first in literature.papers.group_by("venue").agg(pl.col("year").min()).iter_rows():
        assert first >= registry[venue].first_year


def test_topics_can_be_told_from_words(literature: Literature) -> None:
    """Pools are judged against planted topics; topics nobody can read would make that idle."""
    papers = literature.papers.sample(600, seed=0)
    bags = [set(re.findall(r"[a-z]{4,}", a.lower())) for a in papers["abstract"]]
    frequency = Counter(word for bag in bags for word in bag)
    weight = {w: np.log(len(bags) / n) for w, n in frequency.items() if n > 1}
    topics = papers["topic"].to_list()
    hits = 0
    for k, bag in enumerate(bags):
        overlap = [sum(weight.get(w, 0) for w in bag & other) for other in bags]
        overlap[k] = -1.0
        hits += topics[int(np.argmax(overlap))] == topics[k]
    assert hits / len(bags) > 0.9


def test_venues_publish_their_own_domain(literature: Literature) -> None:
    """Robotics at a parsing conference would make the demo's answers absurd."""
    at_acl = literature.papers.filter(pl.col("venue") == "acl")["topic"]
    own = {"machine translation", "question answering", "summarisation", "dependency parsing",
           "dialogue systems", "sentiment analysis"}  # fmt: skip
    assert 0.8 < at_acl.is_in(own).mean() < 1.0


def test_older_papers_have_more_citations(literature: Literature) -> None:
    """Without age in the counts, normalising by time would have nothing to do."""
    by_year = literature.papers.group_by("year").agg(pl.col("cited_by_count").mean()).sort("year")
    means = by_year["cited_by_count"].to_list()
    assert means[0] > 1.5 * means[5] > 3 * means[-1]


def test_fitness_shows_in_citations_of_topic_and_year(literature: Literature) -> None:
    """Planted impact that does not rank papers is no ground truth for an impact score."""
    old = literature.papers.filter(pl.col("year") < pl.col("year").max())
    within = old.group_by("topic", "year").agg(
        pl.len(), rho=pl.corr("fitness", "cited_by_count", method="spearman")
    )
    assert within.filter(pl.col("len") >= 8)["rho"].mean() > 0.7


def test_citations_are_skewed(literature: Literature) -> None:
    """Counts without a heavy tail would flatter the exponential fit."""
    counts = literature.papers.filter(pl.col("year") == 2020)["cited_by_count"]
    assert counts.mean() > 1.2 * counts.median()
    assert counts.max() > 5 * counts.median()


def test_references_point_back_in_time_and_mostly_within_the_topic(literature: Literature) -> None:
    """A citation from the past, of oneself, or twice would be dirt nobody ordered."""
    facts = literature.papers.select("sim_id", "publication_date", "topic", "cited_by_count")
    edges = literature.references.join(facts, left_on="citing", right_on="sim_id").join(
        facts, left_on="cited", right_on="sim_id", suffix="_cited"
    )
    assert edges.height == literature.references.height > literature.papers.height
    assert not literature.references.is_duplicated().any()
    assert (edges["publication_date_cited"] < edges["publication_date"]).all()
    assert 0.6 < (edges["topic"] == edges["topic_cited"]).mean() < 0.95
    received = edges.group_by("cited").agg(pl.len(), pl.col("cited_by_count_cited").first())
    assert (received["len"] <= received["cited_by_count_cited"]).all()


def test_authors_are_shared_and_unequal(literature: Literature) -> None:
    """Without shared surnames and busy authors, matching by author is never put to the test."""
    names = literature.papers["authors"].explode()
    counts = names.value_counts()["count"]
    assert counts.max() > 8 * counts.mean()
    surnames = counts.len() / names.str.split(" ").list.last().n_unique()
    assert surnames > 10
    assert names.str.contains(r"[^\x00-\x7f]").mean() > 0.2


def test_a_day_only_adds(literature: Literature, day_later: Literature) -> None:
    """A text that changed overnight would wake the encoder and hide real waste."""
    before, after = literature.papers, day_later.papers.head(3000)
    assert_frame_equal(after.select(TEXT_COLUMNS), before.select(TEXT_COLUMNS))
    gained = (after["cited_by_count"] - before["cited_by_count"]).cast(pl.Int64)
    assert gained.min() == 0
    known = day_later.references.head(literature.references.height)
    assert_frame_equal(known, literature.references)
    new_edges = day_later.references.tail(-literature.references.height)
    among_new = new_edges["cited"].is_in(day_later.papers["sim_id"].tail(30).implode()).sum()
    assert gained.sum() == 200 + new_edges.height - among_new
    assert day_later.as_of == date(2026, 1, 2)


def test_newcomers_belong_to_the_newest_years(day_later: Literature) -> None:
    """New papers in old years would recompute windows a night should leave alone."""
    new = day_later.papers.tail(30)
    assert day_later.papers.height == 3030
    assert new["year"].is_in([2024, 2025]).all()
    assert day_later.papers["title"].n_unique() == 3030
    citing = set(day_later.references.tail(100)["citing"])
    assert citing <= set(new["sim_id"])


def test_days_follow_their_seed(literature: Literature, day_later: Literature) -> None:
    """Two nights with one seed must not bring the same news twice, nor one night two kinds."""
    assert_frame_equal(next_day(literature, seed=1).papers, day_later.papers)
    second = next_day(day_later, seed=1)
    assert second.papers["title"].n_unique() == 3060
    quiet = next_day(literature, seed=1, n_new_papers=0, n_new_citations=0)
    assert_frame_equal(quiet.papers, literature.papers)
    assert_frame_equal(quiet.references, literature.references)


def test_venues_and_years_are_the_callers_choice() -> None:
    """An alias, a venue younger than the years asked for, or a slip must not pass unnoticed."""
    small = simulate_literature(n_papers=50, venues=["NeurIPS", "colm"], years=[2023, 2022])
    assert set(small.papers["venue"]) == {"nips"}
    with pytest.raises(InputError, match="received 2001 to 2002"):
        simulate_literature(n_papers=5, venues=["colm"], years=[2001, 2002])
    with pytest.raises(NotFoundError):
        simulate_literature(n_papers=5, venues=["nosuch"])
