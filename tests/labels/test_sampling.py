"""Samples and generators hang on the paper's id alone."""

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.labels.sampling import pair_hashes, paper_hashes, paper_rng, sample_papers

IDS = [f"p{i}" for i in range(2000)]


def test_added_papers_leave_most_of_a_sample() -> None:
    """A sample drawn anew with each library would have every pair labelled again."""
    everyone = np.ones(2000, bool)
    before = sample_papers(IDS[:1800], everyone[:1800], 100, seed=0)
    after = sample_papers(IDS, everyone, 100, seed=0)
    assert len(set(before) & set(after)) >= 100 - 25  # 10 expected to be displaced, sd 3
    assert set(after) - set(before) <= set(range(1800, 2000))
    assert sample_papers(IDS, everyone, 100, seed=1).tolist() != after.tolist()


def test_only_eligible_papers_are_drawn() -> None:
    eligible = np.arange(2000) % 500 == 7
    assert sample_papers(IDS, eligible, 100, seed=0).tolist() == [7, 507, 1007, 1507]
    with pytest.raises(InputError, match="one truth value per paper"):
        sample_papers(IDS, eligible[:-1], 1, seed=0)


def test_hashes_are_fixed_for_ever() -> None:
    """A hash that moves with the version of a library moves every split and sample."""
    assert paper_hashes(["p0", "p1"], seed=0, purpose="split").tolist() == [
        15676734721255343651,
        6836066696133873279,
    ]
    assert paper_rng("p0", seed=0, purpose="prop").integers(10**6) == 732544


def test_purposes_and_seeds_are_independent() -> None:
    """One hash for two purposes puts the sampled papers into one split."""
    split = paper_hashes(IDS, seed=0, purpose="split") / 2.0**64
    for other in (
        paper_hashes(IDS, seed=0, purpose="sample"),
        paper_hashes(IDS, seed=1, purpose="split"),
    ):
        assert abs(np.corrcoef(split, other / 2.0**64)[0, 1]) < 0.1  # sd 0.022


def test_pair_hashes_tell_direction_and_spread() -> None:
    """A symmetric or lumpy mix lets the same few papers win every cap."""
    hashes = paper_hashes(IDS, seed=0, purpose="cited")
    forth = pair_hashes(hashes[:-1], hashes[1:])
    assert not (forth == pair_hashes(hashes[1:], hashes[:-1])).any()
    assert (
        np.histogram(forth / 2.0**64, bins=10, range=(0, 1))[0].min() > 140
    )  # 200 expected, sd 13
