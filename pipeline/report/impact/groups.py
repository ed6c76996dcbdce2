"""Venues, domains and topics: where they stand, how surely, and which way they go.

Belongs here: the sections on `impact_aggregates`. Not: the figures (pipeline/impact/aggregates.py).
Groups with too few scored papers are counted, and not ranked.
"""

import polars as pl

from pipeline.report.figures.dots import dot_plot
from pipeline.report.figures.trends import trend_panels
from pipeline.report.impact.missing import missing
from pipeline.report.model import Listing, Picture, Section
from pipeline.wording import between, counted, listed, quoted, span

MIDDLE = 0.5  # of a pool, as a percentile
MOST_DOTS = 40  # beyond that the highest and the lowest are drawn
MIN_YEARS = 4  # that a line needs
MOST_PANELS = 12
_HEADS = {
    "n_scored": "scored papers",
    "mean_percentile": "mean percentile (0–1)",
    "mean_percentile_low": "lower 95% bound",
    "mean_percentile_high": "upper 95% bound",
    "tncsi_sp_median": "median score (0–1)",
    "top_decile_share": "in the top tenth (0–1)",
    "trend": "trend (per year)",
    "trend_low": "trend, lower bound",
    "trend_high": "trend, upper bound",
}


def venues_section(aggregates: pl.DataFrame | None) -> Section:
    """Venues by mean percentile, and through the years."""
    return _section("venue", "venues", "Venues", aggregates)


def domains_section(aggregates: pl.DataFrame | None) -> Section:
    """Domains by mean percentile, and through the years."""
    return _section("domain", "domains", "Domains", aggregates)


def topics_section(aggregates: pl.DataFrame | None) -> Section:
    """Topics by mean percentile, and through the years."""
    return _section("topic", "topics", "Topics", aggregates)


def _section(kind: str, key: str, title: str, aggregates: pl.DataFrame | None) -> Section:
    if aggregates is None:
        return missing(key, title, f"{title} were not compared", "csimpact overview")
    mine = aggregates.filter(kind=kind)
    whole = mine.filter(period="all")
    ranked = whole.filter(status="ok").drop_nulls("mean_percentile")
    ranked = ranked.sort("mean_percentile", "name", descending=[True, False])
    few = whole.height - ranked.height
    numbers = {"shown": ranked.height, "too_few": few}
    left_out = f"{counted(few, f'{kind} has', f'{key} have')} too few scored papers to be ranked."
    if not ranked.height:
        none = f"No {kind} is ranked yet." if not few else left_out.capitalize()
        return Section(key, title, none, numbers)
    words = " ".join(
        [_extremes(ranked, kind), _moving(ranked, kind, key), left_out.capitalize() * bool(few)]
    ).strip()
    pictures = [_dots(ranked, kind, key)]
    if (lines := _lines(mine, ranked, kind)).height:
        pictures.append(_trends(lines, key))
    return Section(key, title, words, numbers, (_table(ranked, key),), pictures)


def _extremes(ranked: pl.DataFrame, kind: str) -> str:
    first, last = ranked.row(0, named=True), ranked.row(-1, named=True)
    told = [
        f"{_name(row)} with {row['mean_percentile']:.3f}"
        f"{between(row['mean_percentile_low'], row['mean_percentile_high'])}"
        for row in (first, last)
    ]
    if ranked.height == 1:
        return f"Mean percentile of the scored papers: {told[0]}."
    return f"The highest {kind} by mean percentile is {told[0]}, the lowest {told[1]}."


def _name(row: dict[str, str]) -> str:
    return quoted(row["label"])


def _moving(ranked: pl.DataFrame, kind: str, key: str) -> str:
    """How many have a trend whose interval leaves 0 out."""
    told = ranked.drop_nulls(["trend", "trend_low", "trend_high"])
    up = told.filter(pl.col("trend_low") > 0).height
    down = told.filter(pl.col("trend_high") < 0).height
    if not told.height:
        return f"No {kind} has years enough for a trend."
    parts = [f"{up:,} went up", f"{down:,} went down"]
    return (
        f"Of {counted(told.height, kind, key)} with a trend, {listed(parts)} beyond the interval."
    )


def _dots(ranked: pl.DataFrame, kind: str, key: str) -> Picture:
    half, cut = MOST_DOTS // 2, ranked.height > MOST_DOTS
    shown = pl.concat([ranked.head(half), ranked.tail(half)]) if cut else ranked
    named = shown.select(
        label=_short(kind),
        value="mean_percentile", low="mean_percentile_low", high="mean_percentile_high",
    )  # fmt: skip
    apart = ranked.filter(
        (pl.col("mean_percentile_low") > MIDDLE) | (pl.col("mean_percentile_high") < MIDDLE)
    )
    which = f"the {half} highest and the {half} lowest of {ranked.height:,} {key}" if cut else (
        counted(ranked.height, kind, key)
    )  # fmt: skip
    alt = (
        f"Dot plot of the mean percentile of {which}, with 95% intervals. {_extremes(ranked, kind)}"
        f" The intervals of {apart.height:,} leave out 0.5, the middle of a pool."
    )
    caption = (
        f"Dots: mean percentile of {which}; bars: 95% intervals; dashed: the middle of a pool."
    )
    return Picture("ranked", caption, alt, dot_plot(named, "mean percentile in the pool", MIDDLE))


def _short(kind: str) -> pl.Expr:
    """What fits beside a plot: a venue's slug, since its full name is a line of its own."""
    return pl.col("name" if kind == "venue" else "label")


def _lines(mine: pl.DataFrame, ranked: pl.DataFrame, kind: str) -> pl.DataFrame:
    """label, year, value, low, high of groups with years enough, the largest groups."""
    years = mine.filter((pl.col("period") != "all") & (pl.col("status") == "ok"))
    years = years.drop_nulls("mean_percentile").join(ranked, on="name", how="semi")
    enough = years.filter(pl.len().over("name") >= MIN_YEARS)
    largest = enough.group_by("name").agg(pl.col("n_scored").sum()).sort(
        "n_scored", "name", descending=[True, False]
    ).head(MOST_PANELS)  # fmt: skip
    drawn = enough.join(largest, on="name", how="semi").sort("label", "period")
    return drawn.select(
        label=_short(kind), year=pl.col("period").cast(pl.Int32), value="mean_percentile",
        low="mean_percentile_low", high="mean_percentile_high",
    )  # fmt: skip


def _trends(lines: pl.DataFrame, key: str) -> Picture:
    labels = lines["label"].n_unique()
    alt = (
        f"Small line plots of the mean percentile by year for {labels:,} {key}, "
        f"{span(lines['year'])}: values from {span(lines['value'], '.3f')}."
    )
    caption = (
        f"Mean percentile by year, the {labels:,} largest {key} with {MIN_YEARS} years or more; "
        "bands: 95% intervals; dashed: the middle of a pool."
    )
    return Picture("trends", caption, alt, trend_panels(lines, MIDDLE))


def _table(ranked: pl.DataFrame, key: str) -> Listing:
    rows = ranked.select(title="label", **{name: name for name in _HEADS})
    heads = {"title": key.removesuffix("s"), **_HEADS}
    caption = f"{key.capitalize()} by mean percentile"
    return Listing("table", caption, rows, 30, heads, "title")
