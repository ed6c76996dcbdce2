"""Study `calibration`: are scores uniform, as probabilities of a right model are?

Belongs here: planted pools, histograms of scores and their distance from uniform. Not: intervals of
single scores (coverage.py of the parent package).

Method. A distribution function at a draw of its own distribution is uniform (probability integral
transform; Rosenblatt 1952; Dawid 1984). Every planted paper has a topic-year with a scale of its
own, a count from it, and a pool of other counts: of its topic, or of all. The distance is that of
Kolmogorov and Smirnov; its interval is that of Dvoretzky, Kiefer, Wolfowitz and Massart (1990),
which holds for every distribution: the true distance is within ε = √(ln 40 / 2n) of the observed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.pools import PoolRule
from pipeline.impact.segments import as_lists
from pipeline.impact.tncsi import score_pools
from pipeline.impact.validation.agreement import (
    RESAMPLES,
    Floats,
    resample_weights,
    spearman_of_all,
)
from pipeline.impact.validation.figures import Figure, drawn
from pipeline.impact.wilson import wilson
from pipeline.tables import TOPIC_POOLS

STUDY, BINS = "calibration", 10
SCORES = ("tncsi_sp", "pool_percentile", "lognormal_cdf")
TOPIC, EVERYTHING = "topic pools", "pools of everything"
_SIGMA = 1.3  # of ln(count): near that of real lists, 1.2 to 1.4


@dataclass(frozen=True)
class Plant:
    """A planted literature.

    distribution: `exponential` or `lognormal`. mean: typical citations of a topic-year, high
    enough by default that whole counts look continuous. spread: standard deviation of ln(mean)
    over topics.
    """

    distribution: str
    mean: float = 2_000.0
    spread: float = 0.6
    topics: int = 50
    papers: int = 100  # of each topic
    n_pool: int = 200


def planted_calibration(
    plant: Plant, *, name: str, rng: np.random.Generator, resamples: int = RESAMPLES
) -> list[Figure]:
    """Figures of scores of planted papers, from pools of their topic and from pools of everything.

    `spearman_planted` is the rank correlation with the planted quality: the paper's quantile
    among its topic.
    """
    scale = plant.mean * np.exp(plant.spread * rng.standard_normal(plant.topics))
    topic = np.repeat(np.arange(plant.topics), plant.papers)
    quality = rng.random(topic.size)
    counts = _counts(plant, scale[topic], quality)
    any_topic = rng.integers(plant.topics, size=(topic.size, plant.n_pool))
    sources = {TOPIC: np.broadcast_to(topic[:, None], any_topic.shape), EVERYTHING: any_topic}
    weights = resample_weights(topic.size, rng, resamples)
    figures = []
    for kind, source in sources.items():
        pools = _counts(plant, scale[source], rng.random(source.shape))
        scored = _scores(counts, pools)
        system = {f"{score}, {kind}": values for score, values in scored.items()}
        for label, values in system.items():
            figures += pit_figures(values, system=label, part=name, bars=kind == TOPIC)
        rho = spearman_of_all(system, quality, weights)
        figures += [
            drawn(STUDY, label, name, "spearman_planted", topic.size, draws)
            for label, draws in rho.items()
        ]
    return figures


def library_calibration(scores: pl.DataFrame) -> list[Figure]:
    """Figures of the scores of a library as they are; of columns that hold any."""
    known = {c: scores[c].drop_nulls().to_numpy() for c in SCORES if c in scores.columns}
    return [
        row
        for name, values in known.items()
        if values.size
        for row in pit_figures(values, system=name, part="library")
    ]


def pit_figures(values: Floats, *, system: str, part: str, bars: bool = True) -> list[Figure]:
    """The KS distance, and with `bars` the density in each of ten bins (1 is uniform)."""
    density, low, high = pit_histogram(values)
    drawn_bars = [
        Figure(STUDY, system, part, f"pit_bin_{i + 1:02d}", values.size, bar, least, most)
        for i, (bar, least, most) in enumerate(
            zip(density.tolist(), low.tolist(), high.tolist(), strict=True)
        )
    ]
    distance = ks_from_uniform(values)
    slack = float(np.sqrt(np.log(40) / (2 * values.size)))
    bounds = max(distance - slack, 0.0), min(distance + slack, 1.0)
    note = f"luck alone reaches {1.358 / np.sqrt(values.size):.4f} in one of 20"
    ks = Figure(STUDY, system, part, "ks_uniform", values.size, distance, *bounds, note)
    return [*(drawn_bars if bars else []), ks]


def pit_histogram(values: Floats, bins: int = BINS) -> tuple[Floats, Floats, Floats]:
    """Density of values of 0..1 in equal bins, and its 95% Wilson interval, shape (bins,) each."""
    hits = np.histogram(values, bins=bins, range=(0, 1))[0]
    low, high = wilson(hits, values.size)
    return hits / values.size * bins, low * bins, high * bins


def ks_from_uniform(values: Floats) -> float:
    """Largest distance of the values' distribution function from that of 0..1."""
    ordered, n = np.sort(values), values.size
    above = np.arange(1, n + 1) / n - ordered
    below = ordered - np.arange(n) / n
    return float(max(above.max(), below.max()))


def _counts(plant: Plant, scale: Floats, uniform: Floats) -> NDArray[np.int32]:
    """Whole counts at these quantiles of the planted distribution of each scale."""
    if plant.distribution == "exponential":
        drawn_counts = -scale * np.log1p(-uniform)
    else:
        from scipy.special import ndtri

        drawn_counts = scale * np.exp(_SIGMA * ndtri(uniform) - _SIGMA**2 / 2)
    return np.rint(np.minimum(drawn_counts, 2**31 - 1)).astype(np.int32)


def _scores(counts: NDArray[np.int32], pools: NDArray[np.int32]) -> Mapping[str, Floats]:
    """Scores of papers (n) whose pools hold these counts (n, k), by the product's own code."""
    n, k = pools.shape
    members = (n + np.arange(n * k)).astype(np.int32)
    rows = np.arange(n, dtype=np.int32)
    table = pl.DataFrame({"paper_id": rows.astype(str), "paper_row": rows}).with_columns(
        as_lists("members", members, np.arange(n + 1, dtype=np.int64) * k),
        venue=pl.lit("planted"),
        config_id=pl.lit("planted"),
        pool_digest=pl.lit(""),
        year=pl.lit(2000),
        n_window=pl.lit(k),
        pool_k=pl.lit(k),
        pool_radius=pl.lit(0.0),
    )
    scored = score_pools(
        table.select(pl.col(c).cast(t) for c, t in TOPIC_POOLS.schema.items()),
        {"planted": np.concatenate([counts, pools.ravel()])},
        undated=np.zeros(0, np.int32),
        precedence=("planted",),
        rule=PoolRule(),
    )
    return {c: scored[c].to_numpy() for c in SCORES if scored[c].null_count() == 0}
