"""Title -> the documents a paper cites, or is cited together with.

Belongs here: positives from edges between papers of the library. Not: candidate pairs for the
teacher (candidates.py), who is who (pipeline/corpus).
Sources: citations as relatedness, SPECTER (Cohan et al. 2020, arXiv 2004.07180); co-citation,
Small 1973 (doi 10.1002/asi.4630240406): the number of papers that cite both.

Self-loops, edges forward in time, edges no longer in force and works outside the library are left
out. Hubs are capped, for a paper that hundreds cite answers none of them in particular: a document
answers at most `max_queries` queries, and reference lists beyond `max_references` (surveys) tie no
two papers. Where a cap leaves a choice, hashes of the two papers make it, so that new papers change
little.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from pipeline.labels.sampling import pair_hashes, paper_hashes
from pipeline.labels.sources.mined import MinedQueries

_BLOCK = 2048  # papers whose co-citations are counted at a time; bounds the join's memory


class CitationRule(BaseModel):
    """Caps on what edges may teach."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_positives: int = Field(8, gt=0, description="documents per query")
    max_queries: int = Field(50, gt=0, description="queries that one document may answer")
    max_references: int = Field(100, gt=1, description="longer lists count no co-citations, papers")
    min_together: int = Field(3, gt=0, description="papers that must cite both")


def mine_cited(
    citations: pl.DataFrame,
    paper_ids: Sequence[str],
    titles: Sequence[str],
    rule: CitationRule,
    *,
    seed: int,
) -> MinedQueries:
    """Title of each citing paper, answered by papers it cites, in an order of no meaning."""
    pairs = known_edges(citations, paper_ids).select(query="citing", document="cited")
    return _queries("cited", pairs.with_columns(weight=pl.lit(1)), paper_ids, titles, rule, seed)


def mine_co_cited(
    citations: pl.DataFrame,
    paper_ids: Sequence[str],
    titles: Sequence[str],
    rule: CitationRule,
    *,
    seed: int,
) -> MinedQueries:
    """Title of each cited paper, answered by those most often cited with it."""
    pairs = co_citations(known_edges(citations, paper_ids), rule)
    return _queries("co_cited", pairs, paper_ids, titles, rule, seed)


def known_edges(citations: pl.DataFrame, paper_ids: Sequence[str]) -> pl.DataFrame:
    """(citing, cited): rows of papers, each pair once, without the edges flagged as wrong."""
    rows = pl.DataFrame({"paper": paper_ids}, schema={"paper": pl.String}).with_row_index("row")
    rows = rows.with_columns(pl.col("row").cast(pl.Int32))
    return (
        citations.filter("in_force", ~pl.col("is_self_loop"), ~pl.col("is_forward"))
        .select("citing_paper_id", "cited_paper_id")
        .join(rows.rename({"row": "citing"}), left_on="citing_paper_id", right_on="paper")
        .join(rows.rename({"row": "cited"}), left_on="cited_paper_id", right_on="paper")
        .select("citing", "cited")
        .filter(pl.col("citing") != pl.col("cited"))
        .unique()
        .sort("citing", "cited")
    )


def co_citations(edges: pl.DataFrame, rule: CitationRule) -> pl.DataFrame:
    """(query, document, weight): pairs of papers that at least `min_together` papers cite both."""
    listed = edges.filter(pl.len().over("citing") <= rule.max_references)
    blocks = [pl.DataFrame(schema={"query": pl.Int32, "document": pl.Int32, "weight": pl.UInt32})]
    for (_,), block in listed.group_by(pl.col("cited") // _BLOCK, maintain_order=True):
        blocks.append(
            block.rename({"cited": "query"})
            .join(listed.rename({"cited": "document"}), on="citing")
            .filter(pl.col("query") != pl.col("document"))
            .group_by("query", "document")
            .agg(weight=pl.len().cast(pl.UInt32))
            .filter(pl.col("weight") >= rule.min_together)
        )
    return pl.concat(blocks)


def _queries(
    name: str,
    pairs: pl.DataFrame,
    paper_ids: Sequence[str],
    titles: Sequence[str],
    rule: CitationRule,
    seed: int,
) -> MinedQueries:
    """The heaviest pairs under the caps, as queries in order of their papers."""
    named = [row for row, title in enumerate(titles) if title.strip()]
    pairs = pairs.filter(pl.col("query").is_in(named))
    drawn = paper_hashes(paper_ids, seed=seed, purpose=name)
    query, document = (pairs[side].to_numpy() for side in ("query", "document"))
    pairs = pairs.with_columns(drawn=pair_hashes(drawn[query], drawn[document]))
    order = ["weight", "drawn"]
    for side, cap in (("document", rule.max_queries), ("query", rule.max_positives)):
        pairs = pairs.sort(*order, descending=[True, False])
        pairs = pairs.filter(pl.int_range(pl.len()).over(side) < cap)
    grouped = pairs.group_by("query", maintain_order=True).agg("document").sort("query")
    papers, lists = grouped["query"].to_list(), grouped["document"].to_list()
    positives = np.full((len(lists), max(map(len, lists), default=0)), -1, np.int32)
    for row, documents in zip(positives, lists, strict=True):
        row[: len(documents)] = documents
    rows = np.asarray(papers, dtype=np.int32)
    return MinedQueries(name, [titles[row] for row in papers], rows, positives)
