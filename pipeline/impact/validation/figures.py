"""Figures of a study, one row each, and what is said where there is no figure.

Belongs here: the shape that all studies answer in. Not: a study.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.tables import IMPACT_VALIDATION

ALL = "all"


@dataclass(frozen=True)
class Figure:
    """A row of `impact_validation` but for its day; `value` None where there is no figure."""

    study: str
    system: str
    slice: str
    measure: str
    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


def drawn(
    study: str, system: str, part: str, measure: str, n: int, draws: NDArray[np.float64],
    note: str = "",
) -> Figure:  # fmt: skip
    """A figure from `draws`: the figure itself first, then its bootstrap resamples.

    The interval is the percentile bootstrap's at 95%; nothing is said where the figure is NaN.
    """
    if not np.isfinite(draws[0]):
        return Figure(study, system, part, measure, n, note=note or "no spread to correlate")
    low, high = np.nanquantile(draws[1:], [0.025, 0.975])
    return Figure(study, system, part, measure, n, float(draws[0]), float(low), float(high), note)


def absent(study: str, why: str, system: str = ALL) -> list[Figure]:
    """The one row of a study, or of a system of it, that cannot be had, and why."""
    return [Figure(study, system, ALL, "figures", 0, note=f"not there: {why}")]


def as_table(figures: Iterable[Figure], measured_on: date) -> pl.DataFrame:
    """`impact_validation`, in the order of its key."""
    rows = [asdict(figure) | {"measured_on": measured_on} for figure in figures]
    table = pl.DataFrame(rows, schema=IMPACT_VALIDATION.schema, orient="row")
    return table.sort(IMPACT_VALIDATION.key)
