"""Who cites whom in the simulated literature, and how often the outside world cites.

Belongs here: the citation model, on arrays, and its edges as a frame. Not: papers and their
texts (literature.py).

Inside, papers of one quarter choose references among all earlier ones with probability
fitness × ageing, as in Wang, Song and Barabási (Science 2013), and copy some of them from the
reference lists of what they chose: copying is preferential attachment by citations received
(Kleinberg et al. 1999). Outside citations follow the closed form of the same model,
c(t) = m · (exp(λ · Φ((ln t − μ) / σ)) − 1), with λ the fitness, t the age in days and m the
attention a topic gets, which is what a topic-normalised score has to divide out.
"""

import math

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
References = npt.NDArray[np.int32]
"""One row per paper: rows of the papers it cites, ascending, padded with −1."""

MIN_REFERENCES, MAX_REFERENCES = 6, 16
BLOCK_DAYS = 91  # papers of one quarter do not know each other yet
ELSEWHERE = 0.15  # share of references that leave the topic
COPIED = 0.5  # share of references followed one step further
AGEING_LOG_DAYS, AGEING_SPREAD = 7.0, 1.0  # μ and σ: attention peaks within two years


def no_references(n_papers: int) -> References:
    """An empty reference list for each paper."""
    return np.full((n_papers, MAX_REFERENCES), -1, dtype=np.int32)


def draw_references(
    known: References, *, day: Ints, topic: Ints, fitness: Floats, rng: np.random.Generator
) -> References:
    """Reference lists of all papers: those `known` unchanged, the papers after them drawn anew.

    Every reference points to a paper of an earlier quarter, so time never runs backwards.
    """
    references = no_references(len(day))
    references[: len(known)] = known
    citing = np.arange(len(known), len(day))
    quarter = day[citing] // BLOCK_DAYS
    by_topic = np.argsort(topic, kind="stable")
    for block in np.unique(quarter):
        rows = citing[quarter == block]
        attraction = _attraction(day, fitness, before=int(block) * BLOCK_DAYS)
        chosen = _choose(attraction, by_topic, topic, rows, rng)
        references[rows] = _tidy(_follow(chosen, references, rng), rng)
    return references


def citations_received(references: References) -> Ints:
    """Citations every paper received from within the literature."""
    return np.bincount(references[references >= 0], minlength=len(references)).astype(np.int64)


def outside_citations(
    fitness: Floats, age_days: Ints, attention: Floats, *, rng: np.random.Generator
) -> Ints:
    """Citations every paper received from outside the literature, Poisson around c(t)."""
    z = (np.log(age_days.clip(min=1)) - AGEING_LOG_DAYS) / AGEING_SPREAD
    seen = 0.5 * (1.0 + np.array([math.erf(v / math.sqrt(2.0)) for v in z.tolist()]))
    return rng.poisson(attention * np.expm1(fitness * seen)).astype(np.int64)


def reference_pairs(references: References, *, first: int) -> pl.DataFrame:
    """The references of papers from row `first` on, as pairs of ids."""
    citing, slot = np.nonzero(references[first:] >= 0)
    pairs = {"citing": citing + first, "cited": references[first:][citing, slot]}
    return pl.DataFrame(pairs).select(
        pl.format("sim-{}", pl.col(c).cast(pl.String).str.zfill(7)).alias(c) for c in pairs
    )


def reference_lists(pairs: pl.DataFrame, n_papers: int) -> References:
    """The inverse of `reference_pairs`."""
    numbers = pairs.select(pl.all().str.slice(4).cast(pl.Int64)).sort("citing", "cited")
    citing = numbers["citing"].to_numpy()
    references = no_references(n_papers)
    slot = np.arange(len(citing)) - np.searchsorted(citing, citing)
    references[citing, slot] = numbers["cited"].to_numpy()
    return references


def _attraction(day: Ints, fitness: Floats, *, before: int) -> Floats:
    """Fitness × lognormal ageing of every paper; zero for those not yet published."""
    age = before - day
    log_age = np.log(age.clip(min=1))
    ageing = np.exp(-((log_age - AGEING_LOG_DAYS) ** 2) / (2 * AGEING_SPREAD**2) - log_age)
    return np.where(age > 0, fitness * ageing, 0.0)


def _choose(
    attraction: Floats, by_topic: Ints, topic: Ints, rows: Ints, rng: np.random.Generator
) -> Ints:
    """(rows, MAX_REFERENCES) papers in proportion to attraction; −1 where there is none."""
    weight = attraction[by_topic]
    mass = np.concatenate([[0.0], np.cumsum(weight)])
    first = np.searchsorted(topic[by_topic], topic[rows], side="left")
    last = np.searchsorted(topic[by_topic], topic[rows], side="right")
    shape = (len(rows), MAX_REFERENCES)
    leaves = rng.random(shape) < ELSEWHERE
    low = np.where(leaves, 0.0, mass[first][:, None])
    high = np.where(leaves, mass[-1], mass[last][:, None])
    target = low + rng.random(shape) * (high - low)
    place = (np.searchsorted(mass, target, side="right") - 1).clip(max=len(weight) - 1)
    # Rounding may put a target on the very edge of its topic, beside a paper of the future.
    return np.where((high > low) & (weight[place] > 0), by_topic[place], -1)


def _follow(chosen: Ints, references: References, rng: np.random.Generator) -> Ints:
    """Replaces some of the chosen papers by a random reference of theirs, where one exists."""
    slot = rng.integers(0, MAX_REFERENCES, chosen.shape)
    copied = references[chosen, slot]  # −1 reads the last row; masked below
    follow = (rng.random(chosen.shape) < COPIED) & (chosen >= 0) & (copied >= 0)
    return np.where(follow, copied, chosen)


def _tidy(chosen: Ints, rng: np.random.Generator) -> Ints:
    """Shortens each list to its drawn length, sorts it, and blanks repeats."""
    length = rng.integers(MIN_REFERENCES, MAX_REFERENCES + 1, len(chosen))
    chosen = np.where(np.arange(MAX_REFERENCES) < length[:, None], chosen, -1)
    chosen.sort(axis=1)
    chosen[:, 1:][chosen[:, 1:] == chosen[:, :-1]] = -1
    chosen.sort(axis=1)
    return chosen
