"""Impact of groups of papers: venues, domains, topics, the whole library; of all years and each.

Belongs here: rows of `impact_aggregates` from scores and what papers belong to. Not: the scores,
what a topic is (topics.py), or reading tables.

A group is described by the percentiles its papers reach in their own pools, so that fields and
years that cite little compare with those that cite much. Papers outside the pools (workshops) are
left out: they are measured against papers of another kind. Fewer than N_MIN scored papers give
numbers of papers and no figures.

What a mean says depends on whom the group is measured against. Where its pools are its own papers,
as those of a topic or of the only venue of a field are, it says little but how even the group is:
`own_share` tells. The average to hold a mean against is that of the library's row and not 0.5:
papers that are in many pools are cited more than others.

Intervals (95%) take the group's papers for a sample of those it might have published. Of the mean:
Student's t. Papers that share pools depend on each other, as ranks of one list add up to a fixed
sum: that makes the true scatter of a mean smaller, the more so the larger the part of the pools
that the group makes up, and intervals of large groups too wide (tests simulate it). Of a share:
Wilson (1927). Of the trend: least squares over the years, each weighing its scored papers; its
error is that of the years' scatter about the line, but at least that of the papers' scatter within
years (Birge's ratio, never below 1), with Student's t of years − 2 degrees of freedom.
"""

import math

import polars as pl

from pipeline.impact.wilson import LEVEL, wilson
from pipeline.tables import IMPACT_AGGREGATES

N_MIN = 30
"""Fewest scored papers for figures."""
MIN_YEARS = 3
"""Fewest years with figures for a trend."""
TOP = 0.9
"""Percentile from which a paper is of the top decile of its pool."""
QUARTILES = {"q25": 0.25, "median": 0.5, "q75": 0.75}
OWN = {"venue": "pool_same_venue", "domain": "pool_same_domain"}
NAMES_ONLY = "dblp"
ALL = "all"
TOO_FEW = "too_few"
KINDS = ("library", "domain", "venue", "topic")
_DECIMALS = 12
"""Of every figure: beyond them it depends on the order in which papers are added up."""


def aggregate(
    scores: pl.DataFrame,
    groups: pl.DataFrame,
    labels: pl.DataFrame,
    expected: pl.DataFrame,
) -> pl.DataFrame:
    """`impact_aggregates` rows, by kind, name and period.

    Args:
        scores: `paper_id, year, status, tncsi_sp, pool_percentile, pool_same_venue,
            pool_same_domain` of the papers to describe, each once and of one config; status is null
            where no score was made yet.
        groups: `paper_id, kind, name`: what each paper belongs to, besides the library.
        labels: `kind, name, label`; a group without one shows its name.
        expected: `kind, name, year, n_found, n_expected`, a row per venue-year of the group where
            it is known how many papers there are.
    """
    library = scores.select("paper_id", kind=pl.lit("library"), name=pl.lit(ALL))
    members = pl.concat([library, groups.select("paper_id", "kind", "name")]).unique()
    described = _described(_by_period(members.join(scores, on="paper_id")))
    group = ["kind", "name", "period"]
    return (
        described.join(_found(_by_period(expected)), on=group, how="left")
        .join(_trends(described), on=group, how="left")
        .join(labels, on=["kind", "name"], how="left")
        .with_columns(label=pl.coalesce("label", "name"))
        .select(IMPACT_AGGREGATES.schema.names())
        .cast(IMPACT_AGGREGATES.schema)
        .with_columns(pl.col(pl.Float64).round(_DECIMALS))
        .sort("kind", "name", "period")
    )


def members_of(
    papers: pl.DataFrame, domains: pl.DataFrame, paper_topics: pl.DataFrame
) -> pl.DataFrame:
    """`paper_id, kind, name`: the venue, domain and topic of each paper, where it has one.

    Args:
        papers: `paper_id, venue`.
        domains: `venue, domain`.
        paper_topics: `paper_id, topic_id`.
    """
    kinds = {
        "venue": papers.select("paper_id", name="venue"),
        "domain": papers.join(domains, on="venue").select("paper_id", name="domain"),
        "topic": paper_topics.join(papers, on="paper_id", how="semi").select(
            "paper_id", name=pl.col("topic_id").cast(pl.String)
        ),
    }
    return pl.concat([f.select("paper_id", "name", kind=pl.lit(k)) for k, f in kinds.items()])


def expected_papers(coverage: pl.DataFrame, domains: pl.DataFrame) -> pl.DataFrame:
    """`kind, name, year, n_found, n_expected` of venues, domains and the library.

    Args:
        coverage: `venue_coverage` rows. A venue-year counts where `n_expected` is known. Found are
            the papers of the source that tells of most, DBLP apart: it names papers and says
            nothing of them. More than expected count as all.
        domains: `venue, domain`.
    """
    tells = pl.col("n_found").filter(pl.col("source") != NAMES_ONLY)
    cells = (
        coverage.filter(pl.col("n_expected") > 0)
        .group_by("venue", "year")
        .agg(tells.max().fill_null(0), pl.col("n_expected").first())
        .with_columns(pl.min_horizontal("n_found", "n_expected"))
        .join(domains, on="venue", how="left")
    )
    numbers = [pl.col(n).cast(pl.Int64) for n in ("n_found", "n_expected")]
    names = {"venue": pl.col("venue"), "domain": pl.col("domain"), "library": pl.lit(ALL)}
    return pl.concat(
        [cells.select("year", *numbers, kind=pl.lit(k), name=n) for k, n in names.items()]
    ).drop_nulls("name")


def _by_period(rows: pl.DataFrame) -> pl.DataFrame:
    """Every row twice: in the period of its year, and in that of all years."""
    of_year = rows.with_columns(period=pl.col("year").cast(pl.String))
    return pl.concat([of_year, of_year.with_columns(period=pl.lit(ALL))])


def _described(papers: pl.DataFrame) -> pl.DataFrame:
    """Figures of each group and period, null where there are too few scored papers."""
    scored = (pl.col("status") == "ok").fill_null(False)
    percentile, score = (pl.col(c).filter(scored) for c in ("pool_percentile", "tncsi_sp"))
    told = papers.group_by("kind", "name", "period").agg(
        n_papers=pl.len().cast(pl.Int64),
        n_scored=scored.sum().cast(pl.Int64),
        mean_percentile=percentile.mean(),
        spread=percentile.std(),
        **{f"tncsi_sp_{q}": score.quantile(at, "linear") for q, at in QUARTILES.items()},
        **{f"own_{kind}": pl.col(share).filter(scored).mean() for kind, share in OWN.items()},
        n_top=(percentile >= TOP).sum().cast(pl.Int64),
    )
    low, high = wilson(told["n_top"].to_numpy(), told["n_scored"].to_numpy())
    half = _t_quantiles(told["n_scored"] - 1) * pl.col("spread") / pl.col("n_scored").sqrt()
    mean = pl.col("mean_percentile")
    figures: dict[str, pl.Expr | pl.Series] = {
        "own_share": pl.coalesce(pl.when(kind=kind).then(f"own_{kind}") for kind in OWN),
        "mean_percentile_low": (mean - half).clip(0, 1),
        "mean_percentile_high": (mean + half).clip(0, 1),
        "top_decile_share": pl.col("n_top") / pl.col("n_scored"),
        "top_decile_low": pl.Series(low),
        "top_decile_high": pl.Series(high),
    }
    enough = pl.col("n_scored") >= N_MIN
    shown = ["mean_percentile", *figures, *(f"tncsi_sp_{q}" for q in QUARTILES)]
    return told.with_columns(
        status=pl.when(enough).then(pl.lit("ok")).otherwise(pl.lit(TOO_FEW)),
        scored_share=pl.col("n_scored") / pl.col("n_papers"),
        **figures,
    ).with_columns(pl.when(enough).then(pl.col(shown)))


def _found(expected: pl.DataFrame) -> pl.DataFrame:
    """Share of the papers to expect that were found, per group and period."""
    share = pl.col("n_found").sum() / pl.col("n_expected").sum()
    return expected.group_by("kind", "name", "period").agg(found_share=share.clip(0, 1))


def _trends(rows: pl.DataFrame) -> pl.DataFrame:
    """Slope of the mean percentile over the years of each group that has enough of them."""
    years = rows.filter((pl.col("status") == "ok") & (pl.col("period") != ALL))
    found = [
        (*key, ALL, *_slope(part))
        for key, part in years.partition_by("kind", "name", as_dict=True).items()
        if part.height >= MIN_YEARS
    ]
    columns = ("kind", "name", "period", "trend", "trend_low", "trend_high")
    schema = {column: IMPACT_AGGREGATES.schema[column] for column in columns}
    return pl.DataFrame(found, schema=schema, orient="row")


def _slope(years: pl.DataFrame) -> tuple[float, float, float]:
    """Slope per year with its bounds, from `period, n_scored, mean_percentile, spread`."""
    years = years.sort("period")
    at, mean = years["period"].cast(pl.Int32).to_numpy(), years["mean_percentile"].to_numpy()
    n, spread = years["n_scored"].to_numpy(), years["spread"].to_numpy()
    within = float((n - 1) @ spread**2 / (n - 1).sum())  # variance of papers, pooled over years
    centred = at - n @ at / n.sum()
    slope = float(n @ (centred * mean) / (n @ centred**2))
    residual = mean - n @ mean / n.sum() - slope * centred
    scatter = float(n @ residual**2) / (len(at) - 2)  # variance of a paper that years suggest
    error = math.sqrt(max(within, scatter) / float(n @ centred**2))
    half = _t(len(at) - 2) * error
    return slope, slope - half, slope + half


def _t_quantiles(freedom: pl.Series) -> pl.Series:
    """Student's t for two-sided LEVEL; null without degrees of freedom."""
    known = {n: _t(n) for n in freedom.unique().to_list() if n > 0}
    return freedom.replace_strict(known, default=None, return_dtype=pl.Float64)


def _t(freedom: int) -> float:
    from scipy.special import stdtrit  # scipy.stats takes half a second to import

    return float(stdtrit(freedom, 0.5 + LEVEL / 2))
