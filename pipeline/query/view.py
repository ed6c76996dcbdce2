"""What a view is, and the columns that several views have.

Belongs here: the declaration. Not: the views (paper_views.py, group_views.py) or what is done with
them (views.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from pipeline.tables import TABLES, Column
from pipeline.tables.recurring import VENUE, YEAR


@dataclass(frozen=True)
class View:
    """A view of the lake.

    `reads` are the tables and views that its `select` names. In the SELECT, `{config_id}` stands
    for the pool rule and encoder in use, `{venues}` for the rows of the registry.
    """

    name: str
    meaning: str
    reads: tuple[str, ...]
    columns: Mapping[str, Column]
    select: str


def columns_of(table: str, *names: str) -> dict[str, Column]:
    """Columns as a table declares them; null where a join finds no row."""
    return {name: replace(TABLES[table].columns[name], nullable=True) for name in names}


TITLE = Column(pl.String, "Title.")
PLACE = {
    "venue": VENUE,
    "venue_name": Column(pl.String, "Full name of the venue.", nullable=True),
    "domain": Column(pl.String, "Domain of the venue, such as `nlp`, `vision`.", nullable=True),
    "year": YEAR,
}
