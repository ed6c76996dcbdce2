"""Study `sensitivity`: how much scores move when one choice of the rule is another.

Belongs here: which choices are tried, and how movement is told. Not: scoring under a rule
(pipeline/impact/variants).

A paper's place is its share of rank among the papers that both rules score; who moves by a tenth of
all papers or more has moved a decile.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.pools import PoolRule
from pipeline.impact.validation.agreement import (
    RESAMPLES,
    Floats,
    resample_weights,
    spearman,
)
from pipeline.impact.validation.figures import ALL, Figure, absent, drawn
from pipeline.impact.variants import Variant, default_variant, variants_of

STUDY = "sensitivity"
SAMPLE = 5_000  # papers whose pools are searched anew for every choice
DECILE = 0.1
YEAR_EITHER_WAY = 366  # days: 365 miss the second of July of a leap year's neighbour
LEAST = 20  # papers that both rules score, for anything to be said


def choices(rule: PoolRule) -> Mapping[str, Variant]:
    """The rule with one choice changed, by name; variants of the dataset among them."""
    default, half = default_variant(rule), rule.half_window_days // 2 + 1

    def sizes(name: str, factor: float) -> Variant:
        # Through the constructor: a copy is not checked.
        changed = {
            "k_min": max(1, int(rule.k_min * factor)),
            "k_max": max(1, int(rule.k_max * factor)),
            "share": min(1.0, rule.share * factor),
            "n_min": max(2, min(rule.n_min, int(rule.n_min * factor))),
        }
        return Variant(**{**default.model_dump(), "name": name, **changed})

    def changed(name: str, **change: object) -> Variant:
        return Variant.model_validate({**default.model_dump(), "name": name, **change})

    tried = [
        sizes("k_half", 0.5),
        sizes("k_double", 2),
        changed("k_100", k_min=100, k_max=100),
        changed("k_1000", k_min=1000, k_max=1000),
        changed("window_half", half_window=half),
        changed("window_year", half_window=YEAR_EITHER_WAY),
        changed("window_none", window="none"),
        changed("window_months", window="months"),
    ]
    kept = {n: v for n, v in variants_of(rule).items() if n not in ("tncsi", "without_retracted")}
    return {variant.name: variant for variant in tried} | kept


def movement(
    default: pl.Series,
    other: pl.Series,
    *,
    system: str,
    seed: int,
    note: str = "",
    resamples: int = RESAMPLES,
) -> list[Figure]:
    """`spearman`, `moved_decile` and `mean_move` of two excess ratios of the same papers (n).

    Null where a rule gives no score; `scored` is the share of the papers of the first that the
    second scores too.
    """
    before, after = _clipped(default), _clipped(other)
    both = np.isfinite(before) & np.isfinite(after)
    n, known = int(both.sum()), int(np.isfinite(before).sum())
    if n < LEAST:
        return absent(STUDY, f"{n} papers are scored under both rules, fewer than {LEAST}", system)
    weights = resample_weights(n, np.random.default_rng(seed), resamples)
    draws = moves(before[both], after[both], weights)
    figures = [drawn(STUDY, system, ALL, name, n, values, note) for name, values in draws.items()]
    return [*figures, Figure(STUDY, system, ALL, "scored", known, n / known, note=note)]


def moves(before: Floats, after: Floats, weights: NDArray[np.int16]) -> dict[str, Floats]:
    """`spearman`, `moved_decile`, `mean_move` in each resample, shape (resamples,)."""
    moved = np.abs(places(after) - places(before))
    total = weights.sum(axis=1)
    return {
        "spearman": spearman(before, after, weights),
        "moved_decile": weights @ (moved >= DECILE - 1e-12).astype(np.float64) / total,
        "mean_move": weights @ moved / total,
    }


def places(values: Floats) -> Floats:
    """Share of rank of each value, 0..1, ties in the middle, shape (n,)."""
    ranks: Floats = pl.Series(values).rank("average").to_numpy()
    return (ranks - 0.5) / values.size


def _clipped(excess: pl.Series) -> Floats:
    """Excess ratios as scores order them: 0 below loc; NaN where there is none."""
    return excess.cast(pl.Float64).clip(lower_bound=0).fill_null(float("nan")).to_numpy()
