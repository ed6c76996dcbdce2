"""What was measured of retrieval and of the scores themselves.

Belongs here: the sections on `retrieval_quality` and `impact_validation`. Not: the measuring
(pipeline/retrieval, pipeline/impact/validation), nor calibration (calibration.py).
"""

import polars as pl

from pipeline.report.cells import header
from pipeline.report.figures.canvas import PAGE_DPI
from pipeline.report.figures.dots import dot_plot
from pipeline.report.figures.quality import quality_plot
from pipeline.report.impact.missing import missing
from pipeline.report.model import Listing, Picture, Section
from pipeline.wording import between, counted, listed

RETRIEVAL, VALIDATION = "Retrieval quality", "Validation"
SHOWN_MEASURE = "nDCG@10"
BASELINE, TOPIC = "all_in_window", "topic_pool"  # pools without a topic, and with
ORACLE = "oracle_"  # begins what was shown the authors' own scales: ceilings, no scores
STUDIES = {
    "naid": "Agreement with NAID",
    "sensitivity": "Sensitivity to the rule",
    "robustness": "Robustness to missing counts",
    "coverage": "How often intervals hold, by simulation",
    "calibration": "Calibration, of this library and of planted ones",
    "topic": "What is left of the topic in a score",
}
_FIRST = {"spearman": 0, f"gain_over_{BASELINE}": 1}  # measures by their place in a table
CEILINGS = "No scores, but ceilings: what pools could reach if NAID's own scales were known"
_HEADS = {"low": "lower 95% bound", "high": "upper 95% bound", "n": "n (cases)"}


def retrieval_section(quality: pl.DataFrame | None) -> Section:
    """How well queries retrieve, system beside system."""
    if quality is None or not quality.height:
        return missing("retrieval", RETRIEVAL, "Retrieval was not measured", "csimpact train")
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
        return missing("validation", VALIDATION, "Scores were not validated", "csimpact validate")
    shown = validation.filter(~pl.col("measure").str.starts_with("pit_bin_"))
    oracle = pl.col("system").str.starts_with(ORACLE)
    ceilings, scores = shown.filter(oracle), shown.filter(~oracle)
    listings = [_listing(scores, study, STUDIES.get(study, study)) for study in _order(scores)]
    if ceilings.height:
        listings.append(_listing(ceilings, "naid", CEILINGS, "ceilings"))
    naid, gains = _naid(scores, "spearman"), _naid(scores, f"gain_over_{BASELINE}")
    days = validation["measured_on"].sort(descending=True)
    words = f"{_added(naid, gains)} Measured on {days[0]}.".strip()
    pictures = [_dots(naid, "naid", "rank correlation with NAID")] if naid.height else []
    if gains.height:
        unit = "gain over a pool of everything in the window"
        pictures.append(_dots(gains, "gains", unit, 0))
    return Section("validation", VALIDATION, words, {"rows": shown.height}, listings, pictures)


def _order(rows: pl.DataFrame) -> list[str]:
    there = rows["study"].unique().sort().to_list()
    return [*(s for s in STUDIES if s in there), *(s for s in there if s not in STUDIES)]


def _listing(rows: pl.DataFrame, study: str, caption: str, name: str = "") -> Listing:
    """What sums up comes first; what is said of every row stands in the caption."""
    whole, first = pl.col("slice") != "all", pl.col("measure").replace_strict(_FIRST, default=9)
    mine = rows.filter(study=study).sort(whole, first, maintain_order=True)
    mine = mine.select("system", "slice", "measure", "value", "low", "high", "n", "note")
    notes = mine["note"].unique().to_list()
    if len(notes) == 1:
        caption, mine = ": ".join(filter(None, (caption, notes[0]))), mine.drop("note")
    if mine["slice"].unique().to_list() == ["all"]:
        mine = mine.drop("slice")
    return Listing(name or study, caption, mine, 15, _HEADS, "system")


def _naid(rows: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Figures of one measure on NAID, over all of its years, the highest first."""
    mine = rows.filter(study="naid", measure=measure, slice="all").drop_nulls("value")
    return mine.sort("value", "system", descending=[True, False])


def _added(scores: pl.DataFrame, gains: pl.DataFrame) -> str:
    """What the topic adds to the pool that needs none: one sentence, or nothing."""
    gain, topic, window = (
        rows.filter(system=system).to_dicts()
        for rows, system in ((gains, TOPIC), (scores, TOPIC), (scores, BASELINE))
    )
    if not (gain and topic and window):
        return ""
    value, low, high = (gain[0][name] for name in ("value", "low", "high"))
    if low is None or high is None:
        verdict = "adds"
    elif low <= 0 <= high:
        verdict = "adds nothing that can be told from chance"
    else:
        verdict = "adds agreement" if value > 0 else "takes agreement away"
    return (
        f"The topic {verdict}: pools of a paper's topic agree with NAID to "
        f"{topic[0]['value']:.3f} (rank correlation), pools of everything in the window to "
        f"{window[0]['value']:.3f}, a difference of {value:+.3f}{between(low, high)} on the same "
        f"{gain[0]['n']:,} papers."
    )


def _dots(rows: pl.DataFrame, name: str, unit: str, zero: float | None = None) -> Picture:
    first, last = rows.row(0, named=True), rows.row(-1, named=True)
    alt = (
        f"Dot plot for {counted(rows.height, 'system')}, {unit}: from {last['value']:.3f} "
        f"({header(last['system'])}) to {first['value']:.3f} ({header(first['system'])})."
    )
    labelled = rows.select(
        "value", "low", "high", label=pl.col("system").str.replace_all("_", " ", literal=True)
    )
    caption = f"{unit[0].upper()}{unit[1:]}, all years; bars: 95% intervals."
    return Picture(name, caption, alt, dot_plot(labelled, unit, zero))
