"""Whether scores behave like probabilities: their PIT histograms, and how exponential pools are.

Belongs here: the section on calibration. Not: planted libraries (pipeline/impact/validation), of
which it only shows what was measured.

If a paper were like any other of its pool, a calibrated value would be uniform between 0 and 1
(probability integral transform; Dawid 1984). The test of a pool is that of Stephens (1974, table
1.3): the Kolmogorov–Smirnov distance D from an exponential whose mean is estimated, modified as
(D − 0.2/n)(√n + 0.26 + 0.5/√n), exceeds 1.094 in 5% of exponential pools.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.report.figures.calibration import BINS, distance_histogram, pit_histograms
from pipeline.report.model import Picture, Section
from pipeline.wording import median, percent

TITLE = "Calibration"
NAMES = {
    "tncsi_sp": "TNCSI_SP",
    "pool_percentile": "Percentile in the pool",
    "lognormal_cdf": "Lognormal distribution function",
}
LIBRARY = "this library"
_PLANTED = ", topic pools"  # ends the name of a score in a planted literature
_STEPHENS_5 = 1.094


def calibration_section(scores: pl.DataFrame, validation: pl.DataFrame | None) -> Section:
    """PIT histograms of the library, beside planted ones where measured; distances of pools."""
    known = scores.drop_nulls("tncsi_sp")
    if not known.height:
        return Section("calibration", TITLE, "No paper has a score yet.", {"scored": 0})
    shown = {system: name for system, name in NAMES.items() if known[system].count()}
    off = {s: _distance(known[s].drop_nulls().to_numpy()) for s in shown}
    said = ", ".join(f"{name} {off[s]:.3f}" for s, name in shown.items())
    words = [
        "Were a paper's citations like those of any other in its pool, a calibrated value would "
        "fall as often into each tenth from 0 to 1. The largest distance from that, in share of "
        f"papers: {said}."
    ]
    pictures = [_pit(known, shown, validation, off)]
    numbers = {f"ks_uniform_{s}": value for s, value in off.items()}
    if known["pool_ks"].count():
        distances = known.drop_nulls("pool_ks")
        away = float(told_apart(*(distances[c].to_numpy() for c in ("pool_ks", "n_pool"))).mean())
        pictures.append(_pools(distances, away))
        numbers |= {"pool_ks_median": median(distances["pool_ks"]), "told_apart": away}
        words.append(
            f"{percent(away)} of the pools are told apart from an exponential (test of Stephens "
            "1974 at 5%): there the score is a convention, and the percentile the safer reading."
        )
    return Section("calibration", TITLE, "\n".join(words), numbers, (), pictures)


def told_apart(distance: NDArray[np.float64], n: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether pools of `n` counts at `distance` (0..1) differ from an exponential at 5%."""
    root = np.sqrt(n)
    modified: NDArray[np.float64] = (distance - 0.2 / n) * (root + 0.26 + 0.5 / root)
    return modified > _STEPHENS_5


def _distance(values: NDArray[np.float64]) -> float:
    """Kolmogorov–Smirnov distance from the uniform distribution."""
    ordered, n = np.sort(values), len(values)
    above, below = np.arange(1, n + 1) / n - ordered, ordered - np.arange(n) / n
    return float(max(above.max(), below.max()))


def _pit(
    known: pl.DataFrame,
    shown: dict[str, str],
    validation: pl.DataFrame | None,
    off: dict[str, float],
) -> Picture:
    own = pl.concat([_bins(known[system], system) for system in shown])
    shares = pl.concat([own, _planted(validation, list(shown))]) if validation is not None else own
    heaviest = [
        f"{name}: from {percent(min(mine))} to {percent(max(mine))}"
        for system, name in shown.items()
        if (mine := own.filter(system=system)["share"]).len()
    ]
    alt = (
        f"Histograms of {BINS} bars of 10% each if calibrated. Shares of papers per bar: "
        f"{'; '.join(heaviest)}."
    )
    slices = shares["slice"].unique(maintain_order=True).to_list()
    lines = f" Bars: {LIBRARY}; lines: planted libraries." if len(slices) > 1 else ""
    caption = f"Share of papers in each tenth; dashed: calibrated.{lines}"
    return Picture("pit", caption, alt, pit_histograms(shares, shown))


def _bins(values: pl.Series, system: str) -> pl.DataFrame:
    counts, _ = np.histogram(values.drop_nulls().to_numpy(), bins=BINS, range=(0, 1))
    return pl.DataFrame(
        {
            "system": [system] * BINS,
            "slice": [LIBRARY] * BINS,
            "pit_bin": list(range(1, BINS + 1)),
            "share": (counts / max(1, counts.sum())).tolist(),
        }
    )


def _planted(validation: pl.DataFrame, systems: list[str]) -> pl.DataFrame:
    """Shares of planted papers in pools of their topic, from the densities `pit_bin_01`, ….

    Slices are planted distributions; what is no planted system is this library, drawn already.
    """
    rows = validation.filter(
        (pl.col("study") == "calibration")
        & pl.col("measure").str.contains(r"^pit_bin_\d+$")
        & pl.col("system").str.ends_with(_PLANTED)
        & pl.col("value").is_not_null()
    )
    number = pl.col("measure").str.extract(r"(\d+)$").cast(pl.Int64)
    named = rows.select(
        system=pl.col("system").str.strip_suffix(_PLANTED),
        slice=pl.format("planted: {}", "slice"),
        pit_bin=number,
        share=pl.col("value") / BINS,
    )
    return named.filter(pl.col("system").is_in(systems)).sort("slice", "pit_bin")


def _pools(known: pl.DataFrame, away: float) -> Picture:
    n = median(known["n_pool"])
    limit = _STEPHENS_5 / (np.sqrt(n) + 0.26 + 0.5 / np.sqrt(n)) + 0.2 / n
    middle = median(known["pool_ks"])
    alt = (
        f"Histogram of the distances of {known.height:,} pools from the exponential fitted to "
        f"them: the median is {middle:.3f}; {percent(away)} are told apart from an exponential."
    )
    caption = (
        f"How far pools are from an exponential. Dashed: what an exponential pool of {n:,.0f} "
        "counts, the median size, exceeds once in twenty."
    )
    return Picture(
        "pool_ks", caption, alt, distance_histogram(known["pool_ks"].to_numpy(), float(limit))
    )
