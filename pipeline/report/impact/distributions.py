"""How scores and percentiles are distributed, in all and by domain.

Belongs here: the section on distributions. Not: whether they are as they should be
(calibration.py).
"""

import polars as pl

from pipeline.report.figures.scores import group_histograms, score_histograms
from pipeline.report.model import Listing, Picture, Section
from pipeline.wording import counted, median, part

TITLE = "Distribution of scores"
NAMES = {"tncsi_sp": "TNCSI_SP", "pool_percentile": "Percentile in the pool"}


def distributions_section(scores: pl.DataFrame) -> Section:
    """Histograms of score and percentile, and of the score by domain."""
    known = scores.drop_nulls("tncsi_sp")
    if not known.height:
        return Section("distributions", TITLE, "No paper has a score yet.", {"scored": 0})
    numbers = {
        "scored": known.height,
        "median": median(known["tncsi_sp"]),
        "zero": int((known["tncsi_sp"] == 0).sum()),
        "above_0.9": int((known["tncsi_sp"] > 0.9).sum()),
    }
    zero, high = (part(int(numbers[n]), known.height, "scores") for n in ("zero", "above_0.9"))
    words = (
        f"Half of the scores are below {numbers['median']:.3f}; {zero} are 0, for papers with no "
        f"more citations than the least of their pool; {high} are above 0.9."
    )
    pictures = (_histograms(known, numbers), _by_domain(known))
    return Section("distributions", TITLE, words, numbers, (_table(known),), pictures)


def _histograms(known: pl.DataFrame, numbers: dict[str, float]) -> Picture:
    shown = {column: name for column, name in NAMES.items() if known[column].count()}
    fullest = known.select((pl.col("tncsi_sp") * 20).floor().clip(0, 19).mode().min()).item() / 20
    alt = (
        f"Histogram of {known.height:,} scores from 0 to 1: the median is {numbers['median']:.3f}, "
        f"the fullest of 20 bars begins at {fullest:.2f}."
    )
    if "pool_percentile" in shown:
        middle = median(known["pool_percentile"])
        alt += f" Below it, that of percentiles, with median {middle:.3f}."
    caption = "Dashed: where all bars would end if every value were as frequent as any other."
    return Picture("histograms", caption, alt, score_histograms(known, shown))


def _by_domain(known: pl.DataFrame) -> Picture:
    medians = known.group_by("domain").agg(pl.col("tncsi_sp").median()).sort("tncsi_sp", "domain")
    (low, at_low), (high, at_high) = medians.row(0), medians.row(-1)
    alt = (
        f"Small histograms of the score for {counted(medians.height, 'domain')}. The median goes "
        f"from {at_low:.3f} ({low}) to {at_high:.3f} ({high})."
    )
    caption = "TNCSI_SP by domain of the venue, with the number of papers; bars are shares."
    png = group_histograms(known.select("tncsi_sp", name="domain"), "tncsi_sp")
    return Picture("domains", caption, alt, png)


def _table(known: pl.DataFrame) -> Listing:
    score = pl.col("tncsi_sp")
    rows = (
        known.group_by("domain")
        .agg(
            papers=pl.len(),
            lower_quartile=score.quantile(0.25, "linear"),
            median=score.median(),
            upper_quartile=score.quantile(0.75, "linear"),
            top_decile=(pl.col("pool_percentile") >= 0.9).mean(),
        )
        .sort("papers", descending=True)
    )
    heads = {
        "lower_quartile": "lower quartile (0–1)", "median": "median (0–1)",
        "upper_quartile": "upper quartile (0–1)", "top_decile": "in the pool's top tenth (0–1)",
    }  # fmt: skip
    caption = "TNCSI_SP by domain of the venue"
    return Listing("by_domain", caption, rows, heads=heads, subject="domain")
