"""Study `robustness`: what happens to scores when a tenth of all counts is missing.

Belongs here: losing counts at random, and whether scores stay inside their intervals. Not: the
intervals (pipeline/impact/intervals.py).

Pools do not depend on counts, so that a missing count only makes a pool's known counts fewer. An
interval answers for a pool that is a sample of infinitely many papers; a tenth of the pool missing
is a third of that uncertainty (√(0.1 / 0.9)): were counts exponential, nearly every score of before
would lie in the interval of after. How many do not says how much heavier the tails of counts are.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.pool_measures import Counts
from pipeline.impact.pools import PoolRule
from pipeline.impact.segments import UNKNOWN
from pipeline.impact.tncsi import score_pools
from pipeline.impact.validation.agreement import RESAMPLES, Floats, resample_weights
from pipeline.impact.validation.figures import ALL, Figure, absent, drawn
from pipeline.impact.validation.sensitivity import LEAST, moves

STUDY, SYSTEM = "robustness", "tncsi_sp"
MISSING, REPETITIONS = 0.1, 5
INTERVALS = {
    "inside_interval": ("tncsi_sp_low", "tncsi_sp_high"),
    "inside_robust": ("robust_low", "robust_high"),
}


def missing_counts(
    pools: pl.DataFrame,
    counts: Counts,
    *,
    precedence: Sequence[str],
    rule: PoolRule,
    seed: int,
    missing: float = MISSING,
    repetitions: int = REPETITIONS,
    resamples: int = RESAMPLES,
) -> list[Figure]:
    """Movement of scores between all counts and all but a share of them, mean over repetitions.

    `inside_interval` and `inside_robust`: full scores inside the interval of the reduced ones;
    `kept`: papers still scored. Intervals are over papers, which are resampled.

    Args:
        pools: `topic_pools` rows, of dated papers.
        counts: by source and `paper_row`, of all members.
        precedence: sources, the most trusted first.
        rule: gives the fewest counts for a score.
        seed: of what goes missing and of the bootstrap.
        missing: share of papers whose counts go missing, from all sources at once.
        repetitions: draws of what goes missing.
        resamples: of papers.
    """
    rng = np.random.default_rng(seed)

    def scored(known: Counts) -> pl.DataFrame:
        undated = np.zeros(0, np.int32)
        return score_pools(pools, known, undated=undated, precedence=precedence, rule=rule)

    full = scored(counts)
    able = full["tncsi_sp"].is_not_null().to_numpy()
    if int(able.sum()) < LEAST:
        return absent(STUDY, f"{int(able.sum())} papers have a score, fewer than {LEAST}")
    weights = resample_weights(full.height, rng, resamples)
    rounds = [
        _moved(full, scored(_without(counts, missing, rng)), able, weights)
        for _ in range(repetitions)
    ]
    n = int(able.sum())
    note = f"{missing:.0%} of counts missing, {repetitions} times"
    return [
        drawn(STUDY, SYSTEM, ALL, name, n, np.mean([one[name] for one in rounds], axis=0), note)
        for name in rounds[0]
    ]


def _without(counts: Counts, missing: float, rng: np.random.Generator) -> Counts:
    gone = rng.random(max((known.size for known in counts.values()), default=0)) < missing
    return {
        source: np.where(gone[: known.size], np.int32(UNKNOWN), known)
        for source, known in counts.items()
    }


def _moved(
    full: pl.DataFrame,
    reduced: pl.DataFrame,
    able: NDArray[np.bool_],
    weights: NDArray[np.int16],
) -> dict[str, Floats]:
    """Every measure in each resample; `weights` over all papers, of which both score some."""
    still = able & reduced["tncsi_sp"].is_not_null().to_numpy()
    before, after = full.filter(pl.Series(still)), reduced.filter(pl.Series(still))
    mine = weights[:, still]
    was, now = (f["excess_ratio"].clip(lower_bound=0).to_numpy() for f in (before, after))
    draws = moves(was, now, mine) | {"kept": mine.sum(axis=1) / weights[:, able].sum(axis=1)}
    score = before["tncsi_sp"]
    for name, (low, high) in INTERVALS.items():
        inside = score.is_between(after[low], after[high])
        if not inside.null_count():
            draws[name] = mine @ inside.cast(pl.Float64).to_numpy() / mine.sum(axis=1)
    return draws
