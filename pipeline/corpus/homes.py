"""Where a paper is at home: the one venue-year under which it is kept, whoever tells of it.

Belongs here: choosing among the venue-years of a paper's records. Not: which records are one
paper (resolution.py).

Sources disagree by a year, or hold an edition under another name. The most reliable source in
force decides; of several editions it tells of, the earliest.
"""

from collections.abc import Mapping

import polars as pl

from pipeline.corpus.resolution import rank_of_source
from pipeline.tables import PAPER_IDS


def at_home(resolved: pl.DataFrame, row_of_paper: Mapping[str, int]) -> pl.DataFrame:
    """`paper_ids` of every record: the resolved rows, under the venue-year of their paper."""
    ranks = {s: rank_of_source(s) for s in resolved["source"].unique()}
    homes = (
        resolved.with_columns(
            _rank=pl.col("source").replace_strict(ranks, return_dtype=pl.Int32, default=0)
        )
        .sort("in_force", "_rank", "record_year", "record_venue", descending=[True, *[False] * 3])
        .group_by("paper_id", maintain_order=True)
        .agg(venue=pl.col("record_venue").first(), year=pl.col("record_year").first())
    )
    rows = pl.Series([row_of_paper[p] for p in homes["paper_id"]], dtype=pl.Int32)
    return (
        resolved.join(homes.with_columns(paper_row=rows), on="paper_id", how="left")
        .select(PAPER_IDS.schema.names())
        .sort("record_key")
    )
