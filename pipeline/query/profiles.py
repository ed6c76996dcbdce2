"""What stands beside a paper's score: its row of `citation_profiles`.

Belongs here: finding the row. Not: what it says (pipeline/impact/profiles), nor which paper is
meant (lookup.py).
"""

import polars as pl

from resources.lake import Lake


def read_profile(lake: Lake, paper_id: str) -> pl.DataFrame:
    """The paper's row of `citation_profiles`; no row if none was made of it yet."""
    return lake.read("citation_profiles").filter(paper_id=paper_id)
