"""What is fixed before the test queries are looked at, and how often they may be.

Belongs here: choosing on development queries, naming a test split, counting the challengers it has
judged. Not: the judgment (gate.py), or where verdicts are kept.

A lucky seed: of twenty equal prompts one looks significantly better by chance. So seeds, losses
and instructions compete on development queries; one challenger goes to the test; each challenger
is judged once per test split; and each further one gets a smaller share of one error budget
(alpha spending, `GateRule.alpha_at`), so that trying again and again cannot buy a promotion. A
library that grows changes its test split by a few queries a night: it stays the same split, for a
budget that a new paper renews is none.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import TrainingError

SAME_TEST = 0.5
"""Share of queries from which two tests are looks at one split."""


def best_on_dev(scores: Mapping[str, NDArray[np.float64]]) -> str:
    """The system of highest mean over development queries [query]; of equals the first by name.

    Serves to choose the instruction to beat, and the one challenger among seeds and losses.
    """
    if not scores or len({value.shape for value in scores.values()}) != 1:
        shapes = {name: value.shape for name, value in scores.items()}
        raise TrainingError(
            f"expected systems measured on the same development queries, received {shapes}; "
            "measure them together"
        )
    return min(scores, key=lambda name: (-float(scores[name].mean()), name))


def split_digest(query_ids: Sequence[str]) -> str:
    """Name of a set of test queries: 16 hex digits of the SHA-256 of its sorted ids."""
    return hashlib.sha256("\n".join(sorted(query_ids)).encode()).hexdigest()[:16]


def next_look(
    judged: Iterable[tuple[str, Collection[str]]], challenger_digest: str, query_ids: Sequence[str]
) -> int:
    """Which look (from 1) at this test split judging this challenger would be.

    Args:
        judged: challenger digest and test queries of every verdict so far, refusals included.
        challenger_digest: of the tensors of the challenger.
        query_ids: the test queries. An earlier test was of this split if they share SAME_TEST of
            the smaller one's.

    Raises:
        TrainingError: this challenger was judged on these very queries; its verdict stands.
    """
    mine, looks = set(query_ids), 1
    for challenger, others in judged:
        if challenger == challenger_digest and mine == set(others):
            raise TrainingError(
                f"expected a challenger that test split {split_digest(query_ids)} has not judged, "
                f"received {challenger_digest} again; its verdict stands: see it in the registry"
            )
        looks += len(mine.intersection(others)) >= SAME_TEST * min(len(mine), len(set(others)))
    return looks
