"""Scores of NAID's papers by every rule that is compared with their authors' TNCSI_SP.

Belongs here: pools from NAID's own papers and from a library, and the scores from them. Not: the
comparison (naid_study.py).

Citations of NAID's papers are Semantic Scholar's, of the day on which its authors asked; a library
counts from its own source, on another day. No pool holds both. Where a paper of NAID stands against
a library's pool, its count is of another source than the pool's: such a score says whether the pool
orders papers sensibly, and is never published. What can be carried over without a unit is a ratio
of two means of one source: how much more the topic is cited than everything of its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.exponential import Floats
from pipeline.impact.pools import PoolRule, days_of
from pipeline.impact.validation.pool_fit import fit_pools
from pipeline.retrieval.neighbours import WindowNeighbours
from pipeline.retrieval.windows import Pools, WindowRule

MONTH = 30  # days: ±183 of them hold six months either way, whole, as in the authors' code
EVERYTHING = 1_000_000  # members: more than any window has
BESIDE = (50, 200)  # other K: 50 was named beforehand, 200 after a first look; the rule's K counts

CITATIONS, PERCENTILE, IN_WINDOW = "citations", "percentile_in_window", "all_in_window"
TOPIC, TOPIC_PERCENTILE = "topic_pool", "topic_percentile"
LIBRARY_WINDOW, LIBRARY_TOPIC = "library_all_in_window", "library_topic_pool"
BY_LIBRARY_TOPIC = "all_in_window_by_library_topic"
BY_LIBRARY_LOGS = "all_in_window_by_library_topic_logs"


@dataclass(frozen=True)
class LibraryPart:
    """Papers of a library around NAID's months; `vectors` (n, d) and `counts` (n) beside.

    papers: `paper_id, publication_date, in_pools`. counts: of one source, UNKNOWN among them.
    """

    papers: pl.DataFrame
    vectors: NDArray[np.float32]
    counts: NDArray[np.int32]


def own_scores(
    naid: pl.DataFrame, vectors: NDArray[np.float32], rule: PoolRule
) -> dict[str, Floats]:
    """Scores from NAID's own papers and citations alone, by system, (n) each.

    `topic_pool` has K by `rule`, `topic_pool_50` and `topic_pool_200` the K of BESIDE;
    `all_in_window` is the same score with everything of the window in the pool.
    """
    counts = naid["cites"].to_numpy()
    sizes = {TOPIC: rule, **{f"{TOPIC}_{k}": _of_size(rule, k) for k in BESIDE}}
    pools = {name: _own_pools(naid, vectors, size) for name, size in sizes.items()}
    topical = {n: fit_pools(p, counts, counts, n_min=rule.n_min) for n, p in pools.items()}
    whole = fit_pools(everything(naid, vectors, rule), counts, counts, n_min=rule.n_min)
    scores = {
        CITATIONS: counts.astype(np.float64),
        PERCENTILE: whole.percentile,
        IN_WINDOW: whole.excess,
        TOPIC_PERCENTILE: topical[TOPIC].percentile,
    }
    return scores | {name: fit.excess for name, fit in topical.items()}


def everything(naid: pl.DataFrame, vectors: NDArray[np.float32], rule: PoolRule) -> Pools:
    """Pools of all other papers of NAID within six months."""
    return _own_pools(naid, vectors, _of_size(rule, EVERYTHING))


def library_scores(
    naid: pl.DataFrame,
    vectors: NDArray[np.float32],
    library: LibraryPart,
    rule: PoolRule,
    in_window: Floats,
) -> dict[str, Floats]:
    """Scores against the library's pools, by system, (n) each; NaN where a pool is too small.

    Args:
        naid: as `parse_naid` gives it, its `vectors` (n, d) of the library's encoder.
        library: papers within `rule.half_window_days` of any of them.
        rule: window, K and fewest counts.
        in_window: scores of `all_in_window`, which `all_in_window_by_library_topic` divides by
            how much more the topic is cited than its time, and `…_logs` by how much more its
            typical paper is (means of ln(1 + count)), which no single paper can move.
    """
    cited = naid["cites"].to_numpy()
    pools = [
        _library_pools(naid, vectors, library, size) for size in (rule, _of_size(rule, EVERYTHING))
    ]
    topic, window = (fit_pools(p, library.counts, cited, n_min=rule.n_min) for p in pools)
    return {
        LIBRARY_TOPIC: topic.excess,
        LIBRARY_WINDOW: window.excess,
        BY_LIBRARY_TOPIC: in_window * (window.scale / topic.scale),
        BY_LIBRARY_LOGS: in_window * np.exp(window.mean_log - topic.mean_log),
    }


def scored_by_all(scores: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """Papers (n) that every system gives a score: what a paired comparison needs."""
    finite = np.isfinite(np.stack(list(scores.values())))
    return np.asarray(finite.all(axis=0), np.bool_)


def _of_size(rule: PoolRule, k: int) -> PoolRule:
    return PoolRule(
        k_min=k, k_max=k, half_window_days=rule.half_window_days, n_min=min(rule.n_min, k)
    )


def _own_pools(naid: pl.DataFrame, vectors: NDArray[np.float32], rule: WindowRule) -> Pools:
    n = naid.height
    rows = np.arange(n, dtype=np.int32)
    searcher = WindowNeighbours(
        vectors,
        day=naid["month"].to_numpy() * MONTH,
        member_id=rows,
        tie_rank=rows,
        candidate=np.ones(n, bool),
        rule=rule,
    )
    return searcher.pools(np.arange(n))


def _library_pools(
    naid: pl.DataFrame, vectors: NDArray[np.float32], library: LibraryPart, rule: WindowRule
) -> Pools:
    """Members are rows of `library`; dates are days, NAID's the middle of its months."""
    n, held = naid.height, library.papers.height
    rows = np.arange(held + n, dtype=np.int32)
    # By id, so that who comes first of two equally near ones does not depend on the lake's order.
    rank = np.concatenate(
        [library.papers["paper_id"].rank("ordinal").to_numpy(), held + 1 + rows[:n]]
    )
    searcher = WindowNeighbours(
        np.concatenate([library.vectors, vectors]),
        day=np.concatenate([days_of(library.papers), days_of(naid)]),
        member_id=rows,
        tie_rank=rank.astype(np.int32),
        candidate=np.concatenate([library.papers["in_pools"].to_numpy(), np.zeros(n, bool)]),
        rule=rule,
    )
    return searcher.pools(np.arange(held, held + n))
