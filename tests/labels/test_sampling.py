"""Samples and generators hang on the paper's id alone."""

import numpy as np

from pipeline.labels.sampling import pair_hashes, paper_hashes, paper_rng

IDS = [f"p{i}" for i in range(2000)]


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
