"""Why a paper is cited, and from how far: influential citations, intents, domains.

Belongs here: shares over the citing papers of the library. Not: who says what a citation is for
(Semantic Scholar alone, pipeline/corpus/semantic_scholar_edges.py), nor what a venue's domain is
(pipeline/venues.toml).
"""

import polars as pl

from pipeline.impact.profiles.edges import Edges

INTENTS = ("background", "methodology", "result")
"""The words of Semantic Scholar; one citation may have several."""


def context_profiles(edges: Edges) -> pl.DataFrame:
    """`paper_id`, contexts and domains of the papers that are cited.

    A share is null where there is nothing to share. Shares of intents may add up to more than 1.
    """
    domains = edges.papers.select("paper_id", "domain")
    known, with_intent = pl.col("is_influential").is_not_null(), pl.col("intents").list.len() > 0
    return (
        edges.pairs.join(
            domains.rename({"paper_id": "citing_paper_id", "domain": "_citing"}),
            on="citing_paper_id",
        )
        .rename({"cited_paper_id": "paper_id"})
        .join(domains, on="paper_id")
        .group_by("paper_id")
        .agg(
            n_with_context=known.sum(),
            influential_share=pl.col("is_influential").mean(),  # of those known
            n_with_intent=with_intent.sum(),
            **{f"{intent}_share": _share(intent, with_intent) for intent in INTENTS},
            n_citing_domains=pl.col("_citing").n_unique(),
            outside_domain_share=(pl.col("_citing") != pl.col("domain")).mean(),
        )
    )


def _share(intent: str, with_intent: pl.Expr) -> pl.Expr:
    return pl.when(with_intent).then(pl.col("intents").list.contains(intent)).mean()
