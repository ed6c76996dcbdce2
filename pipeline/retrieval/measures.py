"""How good one ranking per query is: a number per query, never only their mean.

Belongs here: nDCG, recall, reciprocal rank and rank correlation, arrays in, arrays out. Not: who
ranked (ranking.py), what is relevant (judgments.py), or whether a difference is luck
(significance.py).
Gains are linear, as trec_eval and ir_measures have them. A query without a relevant document, or
without an answer, gets 0 and stays in the mean: failures cannot fall out of it.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.retrieval.judgments import Gains

PerQuery = NDArray[np.float64]  # [query]

_PAIRS = 1 << 22  # pairs of candidates compared at a time; 32 MB per array


def ndcg(gains: Gains, ideal: Gains, k: int) -> PerQuery:
    """nDCG@k, 0..1: Σ gain / log2(rank + 1) over the first k, divided by the best possible.

    Järvelin and Kekäläinen 2002, with linear gains.

    Args:
        gains: [query, rank] of the ranked documents, best ranked first.
        ideal: [query, rank] the gains of *all* judged documents, descending, at least k of them
            or padded with 0 (`Judgments.ideal_gains`).
        k: depth, ranks.
    """
    best = _discounted(ideal, k)
    quality: PerQuery = np.zeros(len(gains))
    np.divide(_discounted(gains, k), best, out=quality, where=best > 0)
    return quality


def recall(gains: Gains, n_relevant: NDArray[np.int64], k: int) -> PerQuery:
    """Recall@k, 0..1: share of the query's relevant documents (gain > 0) among the first k."""
    found = np.count_nonzero(gains[:, :k] > 0, axis=1)
    share: PerQuery = np.zeros(len(gains))
    np.divide(found, n_relevant, out=share, where=n_relevant > 0)
    return share


def reciprocal_rank(gains: Gains, k: int) -> PerQuery:
    """RR@k, 0..1: 1 / rank of the first relevant document, 0 where none is among the first k."""
    relevant = gains[:, :k] > 0
    if not relevant.shape[1]:
        return np.zeros(len(gains))
    return np.where(relevant.any(axis=1), 1 / (1.0 + relevant.argmax(axis=1)), 0.0)


def kendall_tau(scores: NDArray[np.floating], teacher: NDArray[np.floating]) -> PerQuery:
    """Kendall's tau-b, −1..1, of a system's scores with a teacher's, both [query, candidate].

    Kendall 1945. Candidates with NaN on either side are padding. 0 where the system says the same
    of all candidates: it has not ordered them. NaN where the teacher does, or where fewer than two
    candidates are left: there is no order to agree with, and the query is to be left out.
    """
    known = np.isfinite(scores) & np.isfinite(teacher)
    tau, width = np.full(len(scores), np.nan), max(1, scores.shape[1])
    step = max(1, _PAIRS // width**2)
    for start in range(0, len(scores), step):
        part = slice(start, start + step)
        tau[part] = _tau_b(scores[part], teacher[part], known[part])
    return tau


def _tau_b(
    scores: NDArray[np.floating], teacher: NDArray[np.floating], known: NDArray[np.bool_]
) -> PerQuery:
    """Concordant less discordant pairs, over the geometric mean of pairs untied on each side."""
    mine, theirs = _order(scores, known), _order(teacher, known)
    agreement = np.einsum("qij,qij->q", mine, theirs, dtype=np.float64)
    # Squares of signs count the pairs that are not tied; both triangles count everything twice.
    untied = np.count_nonzero(mine, axis=(1, 2)), np.count_nonzero(theirs, axis=(1, 2))
    norm = np.sqrt(untied[0].astype(np.float64) * untied[1])
    tau = np.divide(agreement, norm, out=np.zeros(len(scores)), where=norm > 0)
    return np.where(untied[1] > 0, tau, np.nan)


def _order(values: NDArray[np.floating], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """[query, i, j]: 1 where i is above j, −1 below, 0 tied or unknown."""
    filled = np.where(known, values, 0)
    order = np.sign(filled[:, :, None] - filled[:, None, :], dtype=np.float32)
    comparable = known[:, :, None] & known[:, None, :]
    return np.where(comparable, order, np.float32(0))


def _discounted(gains: Gains, k: int) -> PerQuery:
    top = gains[:, :k]
    return np.asarray(top @ (1 / np.log2(np.arange(2, top.shape[1] + 2))))
