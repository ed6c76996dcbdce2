"""Which citations count, once each, and when the papers at both ends were published.

Belongs here: leaving out what no profile looks at, and making one edge of what several sources
tell. Not: what is made of edges (the modules beside this one).

Left out are edges that no source tells of any more, self-loops, and edges of papers that no list
in force holds. Edges forward in time (`is_forward`: the cited edition is of a later year) stay:
most are citations of a preprint. They say that a work was cited, so they count as references and
as citations, but not when: ages and windows leave them out.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

PAPER_COLUMNS = ("paper_id", "venue", "year", "publication_date", "sources")
EDGE_COLUMNS = (
    "citing_paper_id", "cited_paper_id", "cited_key", "source", "intents", "is_influential",
    "is_self_loop", "is_forward", "last_seen", "in_force",
)  # fmt: skip


@dataclass(frozen=True)
class Edges:
    """Citations by papers of the library.

    papers: `paper_id, domain, published, sources`; `published` is null where no day is known or
        where it lies in a later year than anything that was seen of edges.
    told: `citing_paper_id, cited_paper_id, work, source`: every edge as its source tells it;
        `work` is the cited paper's id, or the source's key of a work outside the library.
    pairs: one row per citing and cited paper of the library, whatever number of sources and
        records tell of it: `citing_paper_id, cited_paper_id, is_forward, is_influential, intents`;
        `is_influential` is null if no source says; `intents` is the union, empty if there is none.
    seen_until: per `source` the day of its newest file that had news of edges.
    """

    papers: pl.DataFrame
    told: pl.DataFrame
    pairs: pl.DataFrame
    seen_until: pl.DataFrame


def edges_of(papers: pl.DataFrame, citations: pl.DataFrame) -> Edges:
    """What counts of `citations` (EDGE_COLUMNS) by `papers` (PAPER_COLUMNS and `domain`)."""
    standing = citations.filter("in_force", ~pl.col("is_self_loop")).join(
        papers, left_on="citing_paper_id", right_on="paper_id", how="semi"
    )
    told = standing.select(
        "citing_paper_id",
        "cited_paper_id",
        "source",
        "is_forward",
        "is_influential",
        "intents",
        work=pl.coalesce("cited_paper_id", "cited_key"),
    )
    seen_until = standing.group_by("source").agg(seen_until=pl.col("last_seen").max())
    newest = max(seen_until["seen_until"].to_list(), default=date.min)
    return Edges(
        papers.select(
            "paper_id",
            "domain",
            "sources",
            published=pl.when(pl.col("publication_date").dt.year() <= newest.year).then(
                "publication_date"
            ),
        ),
        told.select("citing_paper_id", "cited_paper_id", "work", "source"),
        _pairs(told, papers),
        seen_until,
    )


def _pairs(told: pl.DataFrame, papers: pl.DataFrame) -> pl.DataFrame:
    within = told.join(papers, left_on="cited_paper_id", right_on="paper_id", how="semi")
    both = ["citing_paper_id", "cited_paper_id"]
    facts = within.group_by(both).agg(
        pl.col("is_forward").any(), pl.col("is_influential").max()
    )  # max of a Boolean: true if any source says so, null if none says anything
    intents = (
        within.select(*both, pl.col("intents"))
        .explode("intents")
        .drop_nulls("intents")
        .group_by(both)
        .agg(pl.col("intents").unique().sort())
    )
    return facts.join(intents, on=both, how="left").with_columns(
        pl.col("intents").fill_null(pl.lit([], pl.List(pl.String)))
    )
