"""Papers that stand highest, year by year, and papers that rise.

Belongs here: which papers are shown and in which order. Not: how a rise is found
(pipeline/impact/rising.py).

Ordered by year first: of all years together, old papers with small pools would own the page.
"""

import polars as pl

from pipeline.report.impact.missing import missing
from pipeline.report.model import Listing, Section
from pipeline.wording import counted, quoted

TOP, RISING = "Top papers", "Rising papers"
LAST_YEARS = 5
PER_YEAR = 5
_HEADS = {
    "cited_by_count": "citations",
    "excess_ratio": "excess ratio",
    "tncsi_sp": "score (0–1)",
    "excess_low": "lower 95% bound of the ratio",
    "excess_high": "upper 95% bound of the ratio",
    "pool_percentile": "percentile (0–1)",
    "n_pool": "pool (papers)",
    "paper_id": "id",
}


def leaders_section(scores: pl.DataFrame, titles: pl.DataFrame) -> Section:
    """The highest excess ratios of each of the last years, and the highest of every year."""
    known = scores.drop_nulls("excess_ratio")
    if not known.height:
        return Section("top", TOP, "No paper has a score yet.", {"scored": 0})
    ranked = known.sort("year", "excess_ratio", "paper_id", descending=[True, True, False])
    years = ranked["year"].unique().sort(descending=True)
    last = years.head(LAST_YEARS).implode()
    recent = ranked.filter(pl.col("year").is_in(last)).group_by("year", maintain_order=True)
    every = ranked.group_by("year", maintain_order=True).head(1)
    firsts = _listing(every, titles, "by_year", "The highest of every year")
    listings = (
        _listing(
            recent.head(PER_YEAR), titles, "recent",
            f"The {PER_YEAR} highest of each of the last {years.head(LAST_YEARS).len()} years",
        ),
        firsts,
    )  # fmt: skip
    return Section("top", TOP, _words(ranked, titles), {"years": years.len()}, listings)


def _words(ranked: pl.DataFrame, titles: pl.DataFrame) -> str:
    newest = ranked.head(1).join(titles, on="paper_id", how="left").row(0, named=True)
    return (
        "Highest by excess ratio, year by year: a year's first paper is compared with papers of "
        f"its own topic and time. Of {newest['year']} it is "
        f"{quoted(newest['title'] or newest['paper_id'])}, with {newest['excess_ratio']:,.1f} "
        f"times the mean of its pool above the least, from {counted(newest['n_pool'], 'paper')}. "
        "The bounds are those of the pool's own spread (excess_low, excess_high)."
    )


def _listing(
    rows: pl.DataFrame, titles: pl.DataFrame, name: str, caption: str, shown: int = 25
) -> Listing:
    named = rows.join(titles, on="paper_id", how="left", maintain_order="left").select(
        "year", "title", "venue", "cited_by_count", "excess_ratio",
        "excess_low", "excess_high", "tncsi_sp", "pool_percentile", "n_pool", "paper_id",
    )  # fmt: skip
    return Listing(name, caption, named, shown, _HEADS, "title")


def rising_section(rising: pl.DataFrame | None, titles: pl.DataFrame) -> Section:
    """Papers whose excess ratio grew most since an earlier day."""
    if rising is None:
        return missing("rising", RISING, "Nobody looked for them", "csimpact overview")
    if not rising.height:
        words = (
            "No paper is known to rise: that takes counts observed on several days, and a pool "
            "that was counted on both. `csimpact refresh` with newer lists, or a crawl, brings "
            "them; `csimpact overview` then looks again."
        )
        return Section("rising", RISING, words, {"rising": 0})
    first = rising.sort("rank").row(0, named=True)
    words = (
        f"From {first['since']} to {first['until']}, {counted(rising.height, 'paper')} rose most "
        "against their own pools; a rise is the difference of two excess ratios."
    )
    rows = (
        rising.sort("rank")
        .join(titles, on="paper_id", how="left", maintain_order="left")
        .select("rank", "title", "venue", "year", "cited_before", "cited_after", "excess_before",
                "excess_after", "rise", "paper_id")
    )  # fmt: skip
    heads = {
        "cited_before": "citations before", "cited_after": "citations after",
        "excess_before": "excess ratio before", "excess_after": "excess ratio after",
        "rise": "rise (ratio)", "paper_id": "id",
    }  # fmt: skip
    listing = Listing("papers", "The steepest rises first", rows, 30, heads, "title")
    return Section("rising", RISING, words, {"rising": rising.height}, (listing,))
