"""Study `coverage`: how often 95% intervals of scores hold the true score, by simulation.

Belongs here: which distributions, pool sizes and places are simulated. Not: the simulation
(pipeline/impact/coverage.py).
"""

from itertools import product

import numpy as np

from pipeline.impact.coverage import Distribution, interval_coverage
from pipeline.impact.validation.figures import Figure
from pipeline.impact.wilson import wilson

STUDY = "coverage"
POOL_SIZES = (30, 100, 1000)
AT = (0.1, 0.5, 0.9)  # quantiles at which the paper's own count lies
REPETITIONS = 10_000
DISTRIBUTIONS: tuple[Distribution, ...] = ("exponential", "lognormal")


def coverage_figures(*, seed: int, repetitions: int = REPETITIONS) -> list[Figure]:
    """`coverage` of each interval, by distribution, pool size and place; nominal is 0.95.

    Slices of `whole` counts are rounded, with a mean of 20 citations: as counts come.
    """
    rng = np.random.default_rng(seed)
    figures = []
    for distribution, rounded, n_pool in product(DISTRIBUTIONS, (False, True), POOL_SIZES):
        rows = interval_coverage(
            distribution, n_pool=n_pool, at=AT, repetitions=repetitions, rng=rng, rounded=rounded
        )
        kind = f"{distribution}{', whole' * rounded}, {n_pool} counts"
        for row in rows.iter_rows(named=True):
            share, n = float(row["coverage"]), int(row["repetitions"])
            low, high = (float(b) for b in wilson(np.array(round(share * n)), n))
            part = f"{kind}, quantile {row['at']:g}"
            note = "nominal 0.95"
            figures.append(
                Figure(STUDY, row["method"], part, "coverage", n, share, low, high, note)
            )
    return figures
