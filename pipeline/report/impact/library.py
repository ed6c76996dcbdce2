"""What the library is, and how to read a score.

Belongs here: the two sections a reader needs before any other. Not: what was measured about them
(calibration.py, evidence.py).
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline.impact.pools import PoolRule
from pipeline.report.model import Listing, Section
from pipeline.wording import counted, listed, part, span

_WHY = {
    "no_date": "without a date",
    "no_citation_count": "without a citation count",
    "pool_too_small": "with too small a pool",
    "constant_pool": "with a pool of equal counts",
}


@dataclass(frozen=True)
class Setting:
    """Under what the scores were made; `prompt_id` None: queries are read plainly."""

    rule: PoolRule
    config_id: str
    encoder_id: str
    prompt_id: str | None


def library_section(setting: Setting, scores: pl.DataFrame, as_of: date | None) -> Section:
    """Papers, venues, years, how many are scored, and under what."""
    statuses = dict(scores["status"].value_counts().iter_rows())
    papers, scored = scores.height, statuses.get("ok", 0)
    venues = scores["venue"].n_unique()
    numbers = {"papers": papers, "scored": scored, "venues": venues} | statuses
    if not papers:
        words = "The library is empty: `csimpact import` and `csimpact refresh` fill it."
        return Section("library", "The library", words, numbers, (_under(setting, as_of, "–"),))
    years = span(scores["year"])
    without = [f"{n:,} {why}" for status, why in _WHY.items() if (n := statuses.get(status))]
    rest = f"; {listed(without)} have none" if without else ""
    words = (
        f"{counted(papers, 'paper')} of {counted(venues, 'venue')}, {years}; "
        f"{part(scored, papers, 'papers')} have a score{rest}."
    )
    return Section("library", "The library", words, numbers, (_under(setting, as_of, years),))


def _under(setting: Setting, as_of: date | None, years: str) -> Listing:
    rule = setting.rule
    rows = {
        "Years of the editions": years,
        "Citation counts as of": str(as_of or "no count yet"),
        "Pool of a paper": (
            f"its nearest papers within ±{rule.half_window_days} days: {rule.share:.0%} of them, "
            f"but {rule.k_min:,} to {rule.k_max:,}"
        ),
        "Known counts a score needs": f"{rule.n_min}",
        "Encoder": setting.encoder_id,
        "Prompt that serves queries": setting.prompt_id or "none: queries are read plainly",
        "Rule (config_id)": setting.config_id,
    }
    frame = pl.DataFrame(list(rows.items()), schema=["about", "setting"], orient="row")
    return Listing(
        "setting",
        "Under what the scores were made",
        frame,
        subject="about",
        heads={"about": "what"},
    )


def reading_section(rule: PoolRule) -> Section:
    """How to read a score, and what it does not say."""
    words = "\n".join(
        [
            "TNCSI_SP compares the citations of a paper with those of its pool: the papers nearest "
            f"in meaning that appeared within {rule.half_window_days} days of it. Half-way between "
            "0 and 1 is not half-way up the pool: the score is 1 − exp(−excess ratio), where the "
            "excess ratio is the number of mean citations, above the pool's least, that the paper "
            "has. A paper with the pool's mean has 0.632. Where scores crowd at 1, the excess "
            "ratio still tells papers apart; lists on this page are ordered by it.",
            "The interval says how far the score would move had the pool been another sample of "
            "as many papers. It does not cover wrong counts, wrong dates, or papers that the "
            "library does not hold. The percentile is the rank within the pool, and needs no "
            "assumption about how citations are distributed.",
            "A score does not say that a paper is good or right, and it does not compare with "
            "scores of other libraries: pools here hold only the venues of this library. Counts "
            "of young papers are small, and so is what their scores can tell. Of a venue or a "
            "topic, look at the interval before the order.",
            "Formulas, sources and what was measured: docs/impact.md.",
        ]
    )
    return Section("reading", "How to read a score", words, {})
