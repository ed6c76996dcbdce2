"""How surely a share is known: the score interval of Wilson (1927), at 95%.

Belongs here: that one interval. Not: shares.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
_Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)


def wilson(
    hits: NDArray[np.int64], n: NDArray[np.int64] | int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds in 0..1 of a share of `hits` in `n`, same shape; 0..1 itself of none in none."""
    trials = np.maximum(n, 1)
    share, spread = hits / trials, _Z * _Z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = np.sqrt(spread * share * (1 - share) + spread * spread / 4) / (1 + spread)
    # At a share of 0 or 1 the bound is that share, but for the last digit.
    low, high = np.where(hits == 0, 0.0, centre - half), np.where(hits == n, 1.0, centre + half)
    return low, high
