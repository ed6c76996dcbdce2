"""What a paper builds on: how many works it cites, how good, how old (ARQ, S_mp, RQM).

Belongs here: the three measures of arXiv 2402.12928 as its authors' code computes them. Not: which
edges count (edges.py), nor scores (pipeline/impact/tncsi.py).

One deviation: the authors score every reference by the fit of the *citing* paper's topic, without
a window; here a reference has the TNCSI_SP of its own topic and time. Works outside the library
have neither score nor date, so `arq` and `s_mp` speak of the references inside it.
"""

import polars as pl

from pipeline.impact.profiles.edges import Edges

BETA = 20.0
"""β of RQM: every version of the authors' code has 20, as a default nobody overrides."""

HALF_YEAR_DAYS = 180
"""Six months of 30 days, as the authors count them."""

_UNIT = 2.0**40  # scores are summed as integers of 2⁻⁴⁰: exact, whatever the order of the rows


def reference_profiles(edges: Edges, scores: pl.DataFrame, *, beta: float = BETA) -> pl.DataFrame:
    """`paper_id, n_references, n_references_scored, arq, s_mp, rqm` of papers with references.

    Args:
        edges: see `edges_of`.
        scores: `paper_id, tncsi_sp`, null where there is none; one row per paper.
        beta: how fast RQM saturates (arXiv 2402.12928).

    RQM = 1 − exp(−β · exp(−(1 − ARQ) · S_mp)), null unless both are known.
    """
    rqm = 1 - (-beta * (-(1 - pl.col("arq")) * pl.col("s_mp")).exp()).exp()
    return (
        _numbers(edges.told)
        .join(_quality(edges.pairs, scores), on="citing_paper_id", how="left")
        .join(_ages(edges), on="citing_paper_id", how="left")
        .with_columns(pl.col("n_references_scored").fill_null(0), rqm=rqm)
        .rename({"citing_paper_id": "paper_id"})
    )


def _numbers(told: pl.DataFrame) -> pl.DataFrame:
    """Works cited: what the source that tells most of them tells, or papers of the library.

    A work outside the library has another key with every source: adding sources up would count
    it as often.
    """
    per_source = told.group_by("citing_paper_id", "source").agg(n=pl.col("work").n_unique())
    inside = told.drop_nulls("cited_paper_id").group_by("citing_paper_id")
    return (
        pl.concat(
            [
                per_source.select("citing_paper_id", "n"),
                inside.agg(n=pl.col("cited_paper_id").n_unique()),
            ]
        )
        .group_by("citing_paper_id")
        .agg(n_references=pl.col("n").max())
    )


def _quality(pairs: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """ARQ: the mean score of the scored references; those without a score leave the mean."""
    scored = pairs.join(
        scores.drop_nulls("tncsi_sp"), left_on="cited_paper_id", right_on="paper_id"
    )
    exact = (pl.col("tncsi_sp") * _UNIT).round().cast(pl.Int64)
    return scored.group_by("citing_paper_id").agg(
        n_references_scored=pl.len(), arq=exact.sum() / _UNIT / pl.len()
    )


def _ages(edges: Edges) -> pl.DataFrame:
    """S_mp: the median age of the dated references, in half-years begun; at least 1.

    Of an even number the older of the middle two. A reference dated after the paper, though its
    edition is not of a later year, is new: one of the two days is known to the year only.
    """
    citing = edges.papers.select(citing_paper_id="paper_id", _citing="published")
    cited = edges.papers.select(cited_paper_id="paper_id", _cited="published")
    days = (pl.col("_citing") - pl.col("_cited")).dt.total_days().clip(lower_bound=0)
    return (
        edges.pairs.filter(~pl.col("is_forward"))
        .join(citing, on="citing_paper_id")
        .join(cited, on="cited_paper_id")
        .select("citing_paper_id", days=days)
        .drop_nulls("days")
        .group_by("citing_paper_id")
        .agg(s_mp=pl.col("days").sort().get(pl.len() // 2) // HALF_YEAR_DAYS + 1)
    )
