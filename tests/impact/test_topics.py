"""Clusters, assignments and names, on planted topics."""

from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.impact.topic_names import name_topics, word_key
from pipeline.impact.topics import (
    TopicRule,
    assign_topics,
    centroids_of,
    fit_topics,
    why_refit,
)
from pipeline.tables import TOPICS, violations

DAY = date(2026, 3, 1)
SUBJECTS = ("graph neural networks", "speech synthesis", "robot grasping", "protein folding")
FILLERS = ("a novel approach to", "towards better", "on the theory of", "revisiting")


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows of length 1."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def planted(n: int, *, seed: int = 0) -> tuple[NDArray[np.float32], list[str], NDArray[np.int64]]:
    """Vectors about four centres, titles of their subjects, and which is of which."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.normal(size=(4, 24)))
    of = rng.integers(0, 4, n)
    vectors = unit(centres[of] + 0.1 * rng.normal(size=(n, 24)))
    titles = [f"{FILLERS[rng.integers(4)]} {SUBJECTS[t]}: part {i}" for i, t in enumerate(of)]
    return vectors, titles, of


def fitted(vectors: NDArray[np.float32], titles: list[str], **changes: int) -> pl.DataFrame:
    """Four topics, unless `changes` say otherwise."""
    rule = TopicRule(**({"fewest": 4, "most": 4} | changes))
    return fit_topics(vectors, titles, encoder_id="tiny", fitted_on=DAY, rule=rule)


def test_planted_clusters_are_found_and_named() -> None:
    """Topics that cut across what papers are about would rank venues by an accident."""
    from sklearn.metrics import adjusted_rand_score

    vectors, titles, of = planted(400)
    topics = fitted(vectors, titles)
    assert violations(TOPICS, topics) == []
    nearest, similarity = assign_topics(vectors, centroids_of(topics))
    assert adjusted_rand_score(of, nearest) == 1.0
    assert similarity.min() > 0.5
    largest_first = [SUBJECTS[i] for i in np.argsort(-np.bincount(of), kind="stable")]
    assert topics["n_papers"].to_list() == sorted(np.bincount(of), reverse=True)
    for row, subject in zip(topics.iter_rows(named=True), largest_first, strict=True):
        # Fillers are in every topic alike: none may name one.
        assert row["terms"][0] == subject
        assert not {"novel", "approach", "better", "theory"} & set(" ".join(row["terms"]).split())


def test_one_seed_one_result() -> None:
    """Topics that differ between two equal runs could never be cited."""
    vectors, titles, _ = planted(300)
    assert fitted(vectors, titles).equals(fitted(vectors, titles))


@settings(max_examples=25)
@given(st.integers(0, 5), st.integers(1, 40), st.integers(0, 2**16))
def test_assignment_is_exact_however_it_is_cut(cuts: int, n: int, seed: int) -> None:
    """A float product depends on its batch: a paper on an edge would change topic by company."""
    rng = np.random.default_rng(seed)
    vectors, centroids = unit(rng.normal(size=(n, 16))), unit(rng.normal(size=(7, 16)))
    centroids[3] = centroids[5]  # equal ones: the lower number
    whole = assign_topics(vectors, centroids)
    edges = [0, *sorted(rng.integers(0, n + 1, cuts).tolist()), n]
    parts = [assign_topics(vectors[a:b], centroids) for a, b in pairwise(edges)]
    for i in range(2):
        assert np.array_equal(whole[i], np.concatenate([p[i] for p in parts]))
    # Whole numbers by Python's own arithmetic, in float64 where they are exact as well.
    q = [np.rint(m * np.float32(2**11.5)).astype(np.float64) for m in (vectors, centroids)]
    assert np.array_equal(whole[0], (q[0] @ q[1].T).argmax(axis=1))
    assert 5 not in whole[0]


def test_libraries_of_none_one_and_equal_papers() -> None:
    """The first night of a library must not be the one that fails."""
    none = fit_topics(np.zeros((0, 4), np.float32), [], encoder_id="e", fitted_on=DAY)
    assert none.equals(TOPICS.empty())
    nearest, _ = assign_topics(np.zeros((0, 1), np.float32), centroids_of(none))
    assert nearest.shape == (0,)
    one = fit_topics(unit(np.ones((1, 4))), ["12 3"], encoder_id="e", fitted_on=DAY)
    assert one.select("topic_id", "name", "n_papers").rows() == [(0, "topic 0", 1)]
    same = fit_topics(unit(np.ones((9, 4))), ["A graph"] * 9, encoder_id="e", fitted_on=DAY)
    assert same["n_papers"].to_list() == [9]
    with pytest.raises(InputError, match="expected a title per vector: 2, received 1"):
        fit_topics(unit(np.ones((2, 4))), ["one"], encoder_id="e", fitted_on=DAY)
    with pytest.raises(InputError, match="find the topics anew"):
        assign_topics(unit(np.ones((2, 4))), unit(np.ones((2, 5))))


def test_number_of_topics_grows_with_the_root() -> None:
    """The stated rule, at the sizes it is stated for."""
    found = [TopicRule().n_topics(n) for n in (0, 1, 4, 100, 1_500, 72_000, 10_000_000)]
    assert found == [0, 1, 4, 5, 12, 85, 200]


def test_clusters_stay_until_encoder_or_library_changed() -> None:
    """Topics refitted every night would make numbers, trends and links meaningless."""
    vectors, titles, _ = planted(100)
    topics = fitted(vectors, titles)
    known = {"n_papers": 110, "encoder_id": "tiny"}
    assert why_refit(topics, n_papers=110, encoder_id="tiny") is None
    assert why_refit(topics, n_papers=90, encoder_id="tiny") is None
    assert why_refit(topics, n_papers=111, encoder_id="tiny") == (
        "the library went from 100 to 111 papers"
    )
    assert "encoder changed" in str(why_refit(topics, n_papers=known["n_papers"], encoder_id="b"))
    assert why_refit(TOPICS.empty(), n_papers=1, encoder_id="tiny") == "there were none"
    assert why_refit(TOPICS.empty(), n_papers=0, encoder_id="tiny") is None


def named(*titles: str) -> list[str]:
    """Terms of the topic of these titles, beside one of other words."""
    others = [f"Cooking {word} slowly" for word in ("rice", "beans", "soup", "bread", "fish")]
    topic = np.array([0] * len(titles) + [1] * len(others), np.int32)
    return name_topics([*titles, *others], topic, 2)[0]


def test_terms_of_one_stem_are_merged() -> None:
    """ "graph, graphs, graph neural, neural network" is one term said four times."""
    terms = named(
        "Graph neural networks", "A graph neural network", "Graph Neural Networks for all", "Graphs"
    )
    assert terms == ["graph neural networks"]
    # A longer term that is rare leaves the shorter one.
    assert named(*["Grasping"] * 6, "Grasping mugs", "Grasping mugs") == ["grasping", "mugs"]
    assert named(*["Large language models (LLMs)"] * 3) == ["large language models"]


def test_terms_keep_the_commonest_spelling() -> None:
    """slam and gans are no words that a reader knows; Graph in mid-sentence is a name."""
    assert named("SLAM in 3D", "SLAM in 3D", "Slam in 3d") == ["3D", "SLAM"]
    assert named("GANs", "GANs", "A GAN") == ["GANs"]
    assert [word_key(w) for w in ("Studies", "classes", "Meshes", "Bus", "its")] == [
        "study", "class", "mesh", "bus", "its",
    ]  # fmt: skip


def test_titles_that_stumble_formats_survive() -> None:
    """Right-to-left, markup and 4-byte titles come from real lists; none may break a night."""
    titles = [
        "שלום עולם",
        "שלום עולם",
        "[bold]x[/bold] 😀",
        "𝔘𝔫𝔦 😀",
        "",
        "'; DROP TABLE",
        "深度学习",
    ]
    assert named(*titles)[0] == "שלום עולם"
    assert name_topics(["😀", "", "1 2"], np.zeros(3, np.int32), 1) == [[]]


def test_names_do_not_depend_on_the_order_of_papers() -> None:
    """A re-sorted table must not rename topics."""
    _, titles, of = planted(200)
    order = np.random.default_rng(1).permutation(200)
    turned = name_topics([titles[i] for i in order], of[order].astype(np.int32), 4)
    assert turned == name_topics(titles, of.astype(np.int32), 4)
