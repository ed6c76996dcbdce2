"""`title_pairs` of a whole library: query papers of every split with their candidates.

Belongs here: putting splits, sampling and mining together. Not: how many and which kind
(labelling_rule.py), how candidates are mined (candidates.py), what teachers say (scoring.py).
"""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.labels.candidates import Collection, mine_candidates
from pipeline.labels.labelling_rule import LabellingRule
from pipeline.labels.query_papers import sample_queries
from pipeline.labels.splits import SPLITS, Splits, cluster_papers, split_papers
from pipeline.models.encoding import Vectors
from pipeline.tables import TITLE_PAIRS


def split_library(papers: pl.DataFrame, documents: Vectors, rule: LabellingRule) -> Splits:
    """The split of every paper (`paper_id`, `title`, `paper_row`), near-duplicates together."""
    cluster = cluster_papers(
        papers["title"].to_list(),
        documents,
        papers["paper_row"].to_numpy(),
        cosine=rule.splits.cosine,
    )
    return split_papers(papers["paper_id"].to_list(), cluster, rule.splits)


def mine_pairs(
    collection: Collection,
    splits: Splits,
    rule: LabellingRule,
    *,
    encode_titles: Callable[[Sequence[str]], Vectors],
    wanted: NDArray[np.bool_] | None = None,
) -> pl.DataFrame:
    """Rows of `title_pairs`, query by query within each split.

    Args:
        collection: the whole library; `papers` also holds `abstract`, and a paper without one is
            a document but no query.
        splits: of its papers.
        rule: whose queries are chosen from the whole library.
        encode_titles: the student.
        wanted: the papers [paper] whose pairs are asked for; None: all.
    """
    found = [TITLE_PAIRS.empty()]
    for split in SPLITS:
        rows = _query_rows(collection.papers, splits.mask(split), rule, split)
        rows = rows if wanted is None else rows[wanted[rows]]
        vectors = encode_titles(collection.papers["title"][rows].to_list())
        quotas = rule.learn if split == "train" else rule.judge
        pairs = mine_candidates(rows, vectors, collection, rule=quotas, seed=rule.seed)
        found.append(pairs.with_columns(split=pl.lit(split)).select(TITLE_PAIRS.schema.names()))
    return pl.concat(found)


def _query_rows(
    papers: pl.DataFrame, mask: NDArray[np.bool_], rule: LabellingRule, split: str
) -> NDArray[np.int64]:
    """Rows of the split's query papers, by paper id."""
    numbered = papers.with_row_index("row").filter(pl.Series(mask))
    chosen = sample_queries(numbered, rule.number(split), seed=rule.seed)
    return chosen["row"].to_numpy().astype(np.int64)
