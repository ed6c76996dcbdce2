"""Who cites a paper, and how soon: citing papers of the library within 1, 2 and 5 years.

Belongs here: counting in windows, and saying where counting would be no answer. Not: which edges
count (edges.py), nor counts that sources publish (`citation_counts`): these are numbers of edges.

A paper must not look uncited because nobody told who cites it. A window is counted only where

1. a source that tells of citations knows the paper itself (it is among its `sources`), and
2. that source tells the references of at least MIN_COVERED of the library's papers of the same
   domain, in every calendar year that the window touches, and
3. the window had ended when that source last had news of edges.

Otherwise it is null. Even so it is a lower bound: citing papers are those of the library whose
references somebody tells, never all of science.
"""

import polars as pl

from pipeline.impact.profiles.edges import Edges

WINDOWS = (1, 2, 5)
"""Lengths of the windows, in years."""

MIN_COVERED = 0.25
"""Least share of a domain's papers of a year whose references a source tells."""


def citing_profiles(edges: Edges, *, min_covered: float = MIN_COVERED) -> pl.DataFrame:
    """`paper_id, n_citing, cited_within_1y, cited_within_2y, cited_within_5y` of every paper.

    `n_citing` is null where no source that tells of citations knows the paper. A window ends on
    the anniversary of the publication, that day included (28 February for a leap day); a citing
    paper dated before the paper it cites, its edition being no older, counts as at once.
    """
    known_by = edges.papers.select("paper_id", source="sources").explode("source")
    known = known_by.join(edges.seen_until, on="source", how="semi").select("paper_id").unique()
    counted = _counted(edges)
    until = counted_until(edges, min_covered=min_covered)
    windows = [
        pl.when(_end(n) <= pl.col("counted_until"))
        .then(pl.col(_name(n)).fill_null(0))
        .alias(_name(n))
        for n in WINDOWS
    ]
    told = pl.col("n_citing").is_not_null() | pl.col("_known").fill_null(False)
    return (
        edges.papers.join(counted, on="paper_id", how="left")
        .join(until, on="paper_id", how="left")
        .join(known.with_columns(_known=True), on="paper_id", how="left")
        .select(
            "paper_id", pl.when(told).then(pl.col("n_citing").fill_null(0)).alias("n_citing"),
            *windows,
        )
    )  # fmt: skip


def counted_until(edges: Edges, *, min_covered: float = MIN_COVERED) -> pl.DataFrame:
    """`paper_id, counted_until`: the last day up to which somebody tells who cites the paper.

    Papers of which that cannot be said of their own year are left out.
    """
    runs = _covered_runs(edges, min_covered)
    mine = edges.papers.drop_nulls("published").select(
        "paper_id", "domain", year=pl.col("published").dt.year(), source="sources"
    )
    return (
        mine.explode("source")
        .join(runs, on=["source", "domain", "year"])
        .group_by("paper_id")
        .agg(pl.col("counted_until").max())
    )


def _covered_runs(edges: Edges, min_covered: float) -> pl.DataFrame:
    """`source, domain, year, counted_until` of covered years: until when no year is missing."""
    dated = edges.papers.drop_nulls("published").select(
        "paper_id", "domain", year=pl.col("published").dt.year()
    )
    of_year = ["domain", "year"]
    held = dated.group_by(of_year).agg(n_held=pl.len())
    telling = (
        edges.told.select("source", paper_id="citing_paper_id").unique().join(dated, on="paper_id")
    )
    covered = (
        telling.group_by("source", *of_year)
        .agg(n=pl.len())
        .join(held, on=of_year)
        .filter(pl.col("n") >= min_covered * pl.col("n_held"))
        .sort("source", "domain", "year")
    )
    series = ["source", "domain"]
    # Years in a row share the difference of year and rank.
    run = pl.col("year") - pl.int_range(pl.len()).over(series)
    return (
        covered.with_columns(_run=run)
        .with_columns(_last=pl.date(pl.col("year").max().over(*series, "_run"), 12, 31))
        .join(edges.seen_until, on="source")
        .select(*series, "year", counted_until=pl.min_horizontal("_last", "seen_until"))
    )


def _counted(edges: Edges) -> pl.DataFrame:
    """`paper_id, n_citing` and the windows of papers that are cited, complete or not."""
    citing = edges.papers.select(citing_paper_id="paper_id", _citing="published")
    cited = edges.papers.select("paper_id", "published")
    rows = (
        edges.pairs.select("citing_paper_id", "is_forward", paper_id="cited_paper_id")
        .join(citing, on="citing_paper_id")
        .join(cited, on="paper_id")
    )
    within = [
        ((pl.col("_citing") <= _end(n)) & ~pl.col("is_forward"))
        .fill_null(False)
        .sum()
        .alias(_name(n))
        for n in WINDOWS
    ]
    return rows.group_by("paper_id").agg(pl.len().alias("n_citing"), *within)


def _end(years: int) -> pl.Expr:
    return pl.col("published").dt.offset_by(f"{years}y")


def _name(years: int) -> str:
    return f"cited_within_{years}y"
