"""Study `topic`: whether citations depend on the topic, and whether scores still do.

Belongs here: rank correlation of citations and of scores with the citedness of the paper's topic.
Not: agreement with anybody else's scores (naid_study.py).

The mean count of a pool is computed without the paper itself. If it tells, among papers of one
year, who is cited more, topics differ; a score that removes the topic no longer depends on it. A
score divides by that very mean, so that an error of the mean shows as a negative correlation: how
large it is where topics do not matter is measured with means dealt out at random within the year.
"""

import numpy as np
import polars as pl

from pipeline.impact.validation.agreement import (
    RESAMPLES,
    Floats,
    resample_weights,
    spearman,
)
from pipeline.impact.validation.figures import ALL, Figure, absent, drawn
from pipeline.impact.validation.sensitivity import LEAST, SAMPLE

STUDY, MEASURE = "topic", "spearman_topic_mean"
COLUMNS = (
    "cited_by_count",
    "tncsi_sp",
    "excess_ratio",
    "pool_percentile",
    "pool_loc",
    "pool_scale",
)


def topic_dependence(
    scores: pl.DataFrame, *, seed: int, resamples: int = RESAMPLES
) -> list[Figure]:
    """ρ within years of citations and scores with the mean count of the pool.

    Args:
        scores: `year` and COLUMNS of scored papers, in an order that does not change.
        seed: of the sample, of the dealing and of the bootstrap.
        resamples: of papers.
    """
    if scores.height < LEAST:
        return absent(STUDY, f"{scores.height} papers have a score, fewer than {LEAST}")
    rng = np.random.default_rng(seed)
    part = scores[np.sort(rng.choice(scores.height, min(SAMPLE, scores.height), replace=False))]
    year = part["year"].to_numpy().astype(np.int64)
    fit = {
        c: part[c].to_numpy().astype(np.float64)
        for c in ("cited_by_count", "pool_loc", "pool_scale")
    }
    mean = fit["pool_loc"] + fit["pool_scale"]
    dealt = dealt_within(year, rng)
    chance = (fit["cited_by_count"] - fit["pool_loc"][dealt]) / fit["pool_scale"][dealt]
    compared: dict[str, tuple[Floats, Floats]] = {
        "citations": (fit["cited_by_count"], mean),
        "tncsi_sp": (np.maximum(part["excess_ratio"].to_numpy(), 0), mean),
        "tncsi_sp, topics dealt at random": (np.maximum(chance, 0), mean[dealt]),
    }
    if not part["pool_percentile"].null_count():
        compared["pool_percentile"] = (part["pool_percentile"].to_numpy(), mean)
    weights = resample_weights(part.height, rng, resamples)
    note = "mean count of the pool, among papers of one year"
    return [
        drawn(STUDY, name, ALL, MEASURE, part.height, spearman(x, y, weights, year), note)
        for name, (x, y) in compared.items()
    ]


def dealt_within(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A permutation of places (n) that moves each only within its group."""
    order = np.argsort(groups, kind="stable")
    shuffled = np.lexsort((rng.random(groups.size), groups))
    dealt = np.empty(groups.size, np.int64)
    dealt[order] = shuffled
    return dealt
