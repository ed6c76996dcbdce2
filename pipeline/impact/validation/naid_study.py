"""Study `naid`: how well each score agrees with NAID's TNCSI_SP, and what the topic adds.

Belongs here: which comparisons are made, on which papers. Not: the scores (naid_scores.py), what
could be reached at best (ceiling.py).

Citations grow for years, so that much of any agreement is age: beside all papers and those of a
year, ρ is taken inside months, where all papers are of one age, and months are resampled whole.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.validation.agreement import (
    RESAMPLES,
    Floats,
    resample_weights,
    spearman_of_all,
    stratum_weights,
)
from pipeline.impact.validation.figures import ALL, Figure, absent, drawn
from pipeline.impact.validation.naid_scores import (
    CITATIONS,
    IN_WINDOW,
    LIBRARY_TOPIC,
    LIBRARY_WINDOW,
    PERCENTILE,
    scored_by_all,
)

STUDY, WITHIN_MONTH = "naid", "within_month"
MIN_SHARE = 0.5  # of papers with a score, for a system to take part
BASELINES = (CITATIONS, PERCENTILE, IN_WINDOW)


def naid_agreement(
    naid: pl.DataFrame,
    scores: Mapping[str, Floats],
    *,
    notes: Mapping[str, str],
    seed: int,
    resamples: int = RESAMPLES,
) -> list[Figure]:
    """ρ of each system with TNCSI_SP and TNCSI, and its paired gain over each baseline.

    Systems are compared on the papers that all of them score; one that scores less than half of
    them is left out, and said to be.

    Args:
        naid: as `parse_naid` gives it.
        scores: (n) by system, NaN where there is none.
        notes: what is said beside a system's figures.
        seed: of the bootstrap.
        resamples: of papers.
    """
    enough = {n: s for n, s in scores.items() if np.isfinite(s).mean() >= MIN_SHARE}
    figures = [
        row
        for name in scores.keys() - enough.keys()
        for row in absent(STUDY, "too few of NAID's papers have such a pool", name)
    ]
    kept = scored_by_all(enough)
    common = naid.filter(pl.Series(kept))
    compared = {name: score[kept] for name, score in enough.items()}
    for part, rows, strata in _slices(common):
        rng = np.random.default_rng(seed)
        if strata is None:
            weights = resample_weights(rows.size, rng, resamples)
        else:
            weights = stratum_weights(strata, rng, resamples)
        for target, suffix in (("tncsi_sp", ""), ("tncsi", "_tncsi")):
            wanted = common[target].to_numpy()[rows]
            told = np.isfinite(wanted)  # some lines of NAID lack TNCSI
            of_part = {name: score[rows[told]] for name, score in compared.items()}
            inside = None if strata is None else strata[told]
            rho = spearman_of_all(of_part, wanted[told], weights[:, told], inside)
            figures += _figures(rho, part, suffix, int(told.sum()), notes)
    return figures


def _slices(
    naid: pl.DataFrame,
) -> list[tuple[str, NDArray[np.int64], NDArray[np.int64] | None]]:
    """Name, places of the papers, and strata inside which ranks are compared."""
    month = naid["month"].to_numpy().astype(np.int64)
    year = month // 12
    every = np.arange(naid.height)
    years = [(str(y), np.flatnonzero(year == y), None) for y in np.unique(year).tolist()]
    return [(ALL, every, None), *years, (WITHIN_MONTH, every, month)]


def _figures(
    rho: Mapping[str, Floats], part: str, suffix: str, n: int, notes: Mapping[str, str]
) -> list[Figure]:
    figures = []
    for name, draws in rho.items():
        note = notes.get(name, "")
        figures.append(drawn(STUDY, name, part, f"spearman{suffix}", n, draws, note))
        if suffix:
            continue  # gains are of the score that the dataset publishes
        over = (*BASELINES, LIBRARY_WINDOW) if name == LIBRARY_TOPIC else BASELINES
        figures += [
            drawn(STUDY, name, part, f"gain_over_{base}", n, draws - rho[base], note)
            for base in over
            if base in rho and base != name
        ]
    return figures
