"""The validation of a library's scores, as it was last measured.

Belongs here: reading `impact_validation`, and which of its rows a person is shown. Not: measuring
(assets/impact_validation.py).
"""

import polars as pl

from pipeline.errors import NotFoundError
from pipeline.query.made import read_made
from pipeline.wording import with_interval
from resources.lake import Lake

_ORDER = ("naid", "topic", "calibration", "coverage", "sensitivity", "robustness")


def read_validation(lake: Lake, study: str | None = None) -> pl.DataFrame:
    """`impact_validation` rows, of one study or all; NotFoundError if there are none."""
    table = read_made(lake, "impact_validation")
    if study is None:
        return table
    rows = table.filter(pl.col("study") == study)
    if not rows.height:
        held = ", ".join(sorted(table["study"].unique()))
        raise NotFoundError(f"no study {study!r}; studies held: {held}")
    return rows


def validation_summary(table: pl.DataFrame) -> pl.DataFrame:
    """`study, system, slice, measure, n, figure, note`: what a terminal shows.

    `figure` is the value with its 95% interval. Bars of histograms, single years of NAID and its
    TNCSI stay in the table.
    """
    told = table.filter(
        ~pl.col("measure").str.starts_with("pit_bin"),
        ~pl.col("measure").str.ends_with("_tncsi"),
        ~((pl.col("study") == "naid") & pl.col("slice").str.contains(r"^\d{4}$")),
    )
    order = {name: place for place, name in enumerate(_ORDER)}
    figures = told.select("value", "low", "high").iter_rows()
    figure = pl.Series([with_interval(*one) for one in figures], dtype=pl.String)
    return (
        told.with_columns(
            figure=figure, _place=pl.col("study").replace_strict(order, default=len(order))
        )
        .sort("_place", "slice", "measure", "system", maintain_order=True)
        .select("study", "system", "slice", "measure", "n", "figure", "note")
    )
