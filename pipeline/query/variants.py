"""Scores under another rule than that of `tncsi_sp`.

Belongs here: which rows of `tncsi_variants` are meant, and what to do where there are none. Not:
the rules (pipeline/impact/variants).
"""

from collections.abc import Collection

import polars as pl

from pipeline.errors import InputError, NotFoundError
from pipeline.impact.variants import variants_of
from pipeline.tables import Cell
from resources.workspace import Workspace


def read_variant(workspace: Workspace, name: str, cells: Collection[Cell] | None) -> pl.DataFrame:
    """`tncsi_variants` rows of the rule of that name, of `cells` or all papers.

    Raises:
        InputError: there is no such rule.
        NotFoundError: the table was not made yet, or only for another encoder or rule.
    """
    variants = variants_of(workspace.rule)
    if name not in variants:
        raise InputError(f"expected one of {', '.join(variants)}, received {name!r}")
    config_id = variants[name].config_id(workspace.encoder_id)
    table = workspace.lake.read("tncsi_variants")
    rows = table.filter(pl.col("variant") == name, pl.col("config_id") == config_id)
    if not rows.height and workspace.lake.cells("papers"):
        raise NotFoundError(f"no scores under {name} yet: run `csimpact validate`")
    if cells is None:
        return rows
    asked = pl.DataFrame(sorted(cells), schema={"venue": pl.String, "year": pl.Int32}, orient="row")
    return rows.join(asked, on=["venue", "year"], how="semi")
