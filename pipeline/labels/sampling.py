"""Which papers, and which randomness for each: functions of the paper's id, never of the others.

Belongs here: hashes, generators and samples by paper id, so that papers added to a library change
nothing for those already there. Not: what is sampled for (sources/, splits.py).
Method: BLAKE2b of seed and id; the sample is bottom-k (Cohen and Kaplan 2007), the papers of
lowest hash, of which new papers displace a few.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def paper_hashes(paper_ids: Sequence[str], *, seed: int, purpose: str) -> NDArray[np.uint64]:
    """One uniform 64-bit number per paper, shape (paper,); `purpose` keeps uses independent."""
    digests = (_digest(paper_id, seed, purpose) for paper_id in paper_ids)
    return np.fromiter((int.from_bytes(d, "big") for d in digests), np.uint64, len(paper_ids))


def paper_rng(paper_id: str, *, seed: int, purpose: str) -> np.random.Generator:
    """A generator of the paper's own."""
    return np.random.default_rng(int.from_bytes(_digest(paper_id, seed, purpose), "big"))


def pair_hashes(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One number per ordered pair of paper hashes, same shape (the finaliser of SplitMix64)."""
    mixed = left * np.uint64(0x9E3779B97F4A7C15) ^ right  # wraps around, as it should
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)


def _digest(paper_id: str, seed: int, purpose: str) -> bytes:
    return hashlib.blake2b(f"{purpose}:{seed}:{paper_id}".encode(), digest_size=8).digest()
