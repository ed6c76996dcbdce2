"""Tables that somebody must ask for: their rows, or the command that makes them.

Belongs here: what is said before such a table is there. Not: what its rows mean (the modules that
read them).
"""

import polars as pl

from pipeline.errors import NotFoundError
from resources.lake import Lake

MADE_BY = {
    "topics": "overview",
    "paper_topics": "overview",
    "impact_aggregates": "overview",
    "rising_papers": "overview",
    "tncsi_variants": "validate",
    "impact_validation": "validate",
}
"""Table -> the command that makes it."""


def read_made(lake: Lake, table: str) -> pl.DataFrame:
    """Rows of a table of MADE_BY, none if it was made of nothing; NotFoundError if it never was."""
    if lake.state(table, None) is None:
        words = table.replace("_", " ")
        raise NotFoundError(f"no {words} yet: `csimpact {MADE_BY[table]}` makes them")
    return lake.read(table)
