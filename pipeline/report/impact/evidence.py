"""What was measured of retrieval and of the scores themselves.

Belongs here: the sections on `retrieval_quality` and `impact_validation`. Not: the measuring
(pipeline/retrieval, pipeline/impact/validation), nor calibration (calibration.py).
"""

import polars as pl

from pipeline.report.cells import header
from pipeline.report.figures.canvas import PAGE_DPI
from pipeline.report.figures.dots import dot_plot
from pipeline.report.figures.quality import quality_plot
from pipeline.report.impact.wording import between, missing
from pipeline.report.model import Listing, Picture, Section, counted, listed

RETRIEVAL, VALIDATION = "Retrieval quality", "Validation"
SHOWN_MEASURE = "nDCG@10"
BASELINE = "all_in_window"  # the pool of everything in the window
STUDIES = {
    "naid": "Agreement with NAID",
    "sensitivity": "Sensitivity to the rule",
    "robustness": "Robustness to missing counts",
    "coverage": "How often intervals hold, by simulation",
    "calibration": "Calibration, of this library and of planted ones",
    "topic": "What is left of the topic in a score",
}
_HEADS = {"low": "lower 95% bound", "high": "upper 95% bound", "n": "n (cases)"}


def retrieval_section(quality: pl.DataFrame | None) -> Section:
    """How well queries retrieve, system beside system."""
    if quality is None or not quality.height:
        return missing("retrieval", RETRIEVAL, "A measured retrieval", "csimpact train")
    whole = quality.filter(domain="all")
    shown = whole.filter(measure=SHOWN_MEASURE)
    shown = shown if shown.height else whole.filter(measure=whole["measure"].min())
    best = shown.sort("value", descending=True).unique("benchmark", maintain_order=True)
    told = [
        f"{r['benchmark']} {r['value']:.3f}{between(r['low'], r['high'])} by {r['system']}"
        for r in best.iter_rows(named=True)
    ]
    words = f"Highest {shown['measure'][0]}: {listed(told)}." if told else ""
    first = pl.col("measure") != SHOWN_MEASURE
    table = whole.sort(
        first, "measure", "benchmark", "value", descending=[False, False, False, True]
    ).drop("domain")
    listing = Listing("measures", "Means over queries", table, 20, _HEADS, "system")
    picture = Picture(
        "quality",
        "Means and 95% bootstrap intervals. Whether two systems differ is the paired test's "
        "business: they share their queries.",
        f"Dot plot of {shown['measure'][0]} for {counted(shown['system'].n_unique(), 'system')}. "
        f"{words}",
        quality_plot(shown, PAGE_DPI),
    ) if shown.height else None  # fmt: skip
    return Section(
        "retrieval", RETRIEVAL, words, {"systems": quality["system"].n_unique()}, (listing,),
        (picture,) if picture else (),
    )  # fmt: skip


def validation_section(validation: pl.DataFrame | None) -> Section:
    """Agreement with other judgments, sensitivity, robustness, coverage of intervals."""
    if validation is None or not validation.height:
        return missing("validation", VALIDATION, "A validation", "csimpact validate")
    shown = validation.filter(~pl.col("measure").str.starts_with("pit_bin_"))
    listings = [_listing(shown, study) for study in _order(shown)]
    naid = _agreement(shown)
    days = validation["measured_on"].sort(descending=True)
    words = f"Measured on {days[0]}. {_gain(shown)}".strip()
    pictures = (_dots(naid),) if naid.height else ()
    return Section("validation", VALIDATION, words, {"rows": shown.height}, listings, pictures)


def _order(rows: pl.DataFrame) -> list[str]:
    there = rows["study"].unique().sort().to_list()
    return [*(s for s in STUDIES if s in there), *(s for s in there if s not in STUDIES)]


def _listing(rows: pl.DataFrame, study: str) -> Listing:
    parts = pl.col("slice") != "all", pl.col("measure") != "spearman"  # what sums up comes first
    mine = rows.filter(study=study).sort(*parts, maintain_order=True)
    mine = mine.select("system", "slice", "measure", "value", "low", "high", "n", "note")
    return Listing(study, STUDIES.get(study, study), mine, 25, _HEADS, "system")


def _agreement(rows: pl.DataFrame) -> pl.DataFrame:
    """Rank correlations with NAID over all of its years, the highest first."""
    mine = rows.filter(study="naid", measure="spearman").drop_nulls("value")
    whole = mine.filter(slice="all")
    return whole.sort("value", "system", descending=[True, False])


def _gain(rows: pl.DataFrame) -> str:
    """What each score adds to the pool that needs no topic, over all years."""
    gains = rows.filter(study="naid", slice="all", measure=f"gain_over_{BASELINE}")
    told = [
        f"{header(r['system'])} {r['value']:+.3f}{between(r['low'], r['high'])}"
        for r in gains.drop_nulls("value").sort("system").iter_rows(named=True)
    ]
    if not told:
        return ""
    opening = "Rank correlation with NAID beyond that of a pool of everything in the window"
    return f"{opening}, on the same papers: {'; '.join(told)}."


def _dots(naid: pl.DataFrame) -> Picture:
    first, last = naid.row(0, named=True), naid.row(-1, named=True)
    alt = (
        f"Dot plot of the rank correlation with NAID for {counted(naid.height, 'system')}: from "
        f"{last['value']:.3f} ({last['system']}) to {first['value']:.3f} ({first['system']})."
    )
    rows = naid.select("value", "low", "high", label="system")
    caption = "Rank correlation with NAID over all years; bars: 95% intervals."
    return Picture("naid", caption, alt, dot_plot(rows, "Spearman's rank correlation"))
