"""Scores: of one paper with all that stands beside them, of many, and the highest.

Belongs here: which rows are meant, and what a paper's row is made of. Not: scores of earlier days
(history.py), or why a score is what it is (explain.py).
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import date

import polars as pl

from pipeline.errors import InputError, NotFoundError
from pipeline.impact.variants import variants_of
from pipeline.query.filters import Filters
from pipeline.query.history import read_scores_as_of
from pipeline.query.holdings import Holdings
from pipeline.query.made import MADE_BY, read_made
from pipeline.query.records import PAPER_COLUMNS, read_in_use, read_own
from pipeline.query.search import check_k
from pipeline.tables import TNCSI_SP, Cell
from resources.workspace import Workspace

COMPANIONS = tuple(TNCSI_SP.columns)[list(TNCSI_SP.columns).index("tncsi_sp_low") :]
IMPACT_COLUMNS = (
    *PAPER_COLUMNS,
    "publication_date", "citation_source", "pool_loc", "pool_scale", "pool_k",
    *COMPANIONS,
)  # fmt: skip
IMPACT_SCHEMA = pl.Schema(
    {"publication_date": pl.Date()}
    | {name: TNCSI_SP.schema[name] for name in IMPACT_COLUMNS if name in TNCSI_SP.schema}
)


def read_impact(held: Holdings, paper: str) -> pl.DataFrame:
    """As `Library.impact`."""
    found = held.find(paper)
    mine = pl.DataFrame({"paper_id": found["paper_id"]})
    scores = read_own(held.lake, "tncsi_sp", held.config_id, found)
    cells = [(found["venue"], found["year"])]
    dates = held.lake.read_cells("papers", cells, ["paper_id", "publication_date"])
    return _with_companions(held.records.describe(mine), scores, dates)


def _with_companions(
    papers: pl.DataFrame, scores: pl.DataFrame, dates: pl.DataFrame
) -> pl.DataFrame:
    """`papers` (PAPER_COLUMNS) widened to IMPACT_COLUMNS.

    `scores`: their `tncsi_sp` rows; files of an older version may lack columns, which are null
    then. `dates`: paper_id, publication_date.
    """
    wanted = [name for name in IMPACT_COLUMNS if name not in papers.columns]
    extra = [name for name in wanted if name in scores.columns]
    known = papers.join(scores.select("paper_id", *extra), "paper_id", "left")
    known = known.join(dates, "paper_id", "left")
    absent = [pl.lit(None, IMPACT_SCHEMA[n]).alias(n) for n in wanted if n not in known.columns]
    return known.with_columns(absent).select(IMPACT_COLUMNS)


def read_scores(
    held: Holdings, filters: Filters, as_of: date | None = None, compat: str | None = None
) -> pl.DataFrame:
    """As `Library.scores`; of the filters venue, year and domain count."""
    if compat is not None and as_of is not None:
        raise InputError("expected as_of or compat, received both: variants are of now")
    cells = held.cells(filters)
    if compat is not None:
        return _read_variant(held.workspace, compat, cells)
    if as_of is not None:
        return read_scores_as_of(held, cells, as_of)
    return read_in_use(held.lake, "tncsi_sp", held.config_id, cells)


def read_top(held: Holdings, filters: Filters, k: int, as_of: date | None) -> pl.DataFrame:
    """As `Library.top`."""
    check_k(k)
    scores = read_scores(held, filters, as_of).drop("venue", "year")
    titles = held.catalogue.select(PAPER_COLUMNS[:4])
    if filters.author is not None:  # a least score is of `as_of`, which `allowed` does not know
        those = held.allowed(replace(filters, min_score=None))
        titles = titles.filter(pl.Series(those.rows))
    known = scores.drop_nulls("excess_ratio").join(titles, on="paper_id")
    if filters.min_score is not None:
        known = known.filter(pl.col("tncsi_sp") >= filters.min_score)
    best = known.sort(["excess_ratio", "paper_id"], descending=[True, False])
    return best.head(k).select(PAPER_COLUMNS)


def _read_variant(workspace: Workspace, name: str, cells: Collection[Cell] | None) -> pl.DataFrame:
    """`tncsi_variants` rows of the rule of that name, of `cells` or all papers."""
    variants = variants_of(workspace.rule)
    if name not in variants:
        raise InputError(f"expected one of {', '.join(variants)}, received {name!r}")
    config_id = variants[name].config_id(workspace.encoder_id)
    rows = read_made(workspace.lake, "tncsi_variants").filter(variant=name, config_id=config_id)
    if not rows.height and workspace.lake.cells("papers"):  # made for another encoder or rule
        command = MADE_BY["tncsi_variants"]
        raise NotFoundError(f"no scores under {name} yet: `csimpact {command}` makes them")
    if cells is None:
        return rows
    asked = pl.DataFrame(sorted(cells), schema={"venue": pl.String, "year": pl.Int32}, orient="row")
    return rows.join(asked, on=["venue", "year"], how="semi")
