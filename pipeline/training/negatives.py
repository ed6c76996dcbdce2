"""Denoised candidates: only what the teacher is sure of is a positive or a negative.

Belongs here: the rule on scores. Not: the mining of candidates (pipeline/labels).
Method: RocketQA (Qu et al. 2021, arXiv 2010.08191, section 3.3): hard negatives that the
cross-encoder does not score below a threshold are dropped, for most of them are unlabelled
positives; documents above another threshold become positives (section 3.4). Cheap to import.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import TrainingError


def denoise(
    candidates: NDArray[np.int32],
    scores: NDArray[np.float32],
    *,
    positive_from: float,
    negative_below: float,
) -> NDArray[np.float32]:
    """float32 [query, c]: 1 for sure positives, 0 for sure negatives, NaN for all else.

    candidates, scores: [query, c], −1 and NaN where padded; thresholds in the teacher's units.
    NaN beside a candidate means: known, undecided, takes no part.
    """
    if positive_from < negative_below:
        raise TrainingError(
            f"expected positive_from >= negative_below, received {positive_from} < "
            f"{negative_below}; swap them"
        )
    labels = np.full(scores.shape, np.nan, np.float32)
    known = candidates >= 0
    labels[known & (scores < negative_below)] = 0.0  # NaN compares false: it stays NaN
    labels[known & (scores >= positive_from)] = 1.0
    return labels
