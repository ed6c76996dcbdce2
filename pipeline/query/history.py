"""Scores of earlier days: of venue-years, and of one paper through time.

Belongs here: which cells such an answer needs. Not: how it is computed (pipeline/impact/history.py)
or which paper is meant (lookup.py). A paper's trajectory reads the counts of the venue-years that
its pool's members are in, and no others.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.impact.companions import PaperFacts
from pipeline.impact.history import (
    TRAJECTORY_COLUMNS,
    TRAJECTORY_SCHEMA,
    counts_on,
    scores_as_of,
    trajectory,
)
from pipeline.tables import Cell
from resources.lake import Lake, read_frame
from resources.releases import find_release, list_releases
from resources.workspace import Workspace

_ROWS = ["paper_id", "paper_row", "venue", "year"]


@dataclass(frozen=True)
class _Past:
    """Pools and everything that their scores were ever counted from."""

    pools: pl.DataFrame
    snapshots: pl.DataFrame
    paper_rows: pl.DataFrame
    undated: NDArray[np.int32]
    precedence: tuple[str, ...]

    @classmethod
    def of(cls, workspace: Workspace, catalogue: pl.DataFrame, pools: pl.DataFrame) -> "_Past":
        """Read from the lake; `catalogue` has every paper by `paper_row`."""
        members = pools["members"].explode(empty_as_null=False, keep_nulls=False)
        rows = pl.concat([pools["paper_row"], members]).unique()
        # Without the cells themselves, what a scan of the whole library would cost.
        papers = catalogue.select(_ROWS).filter(pl.col("paper_row").is_in(rows.implode()))
        cells = _cells_of(papers)
        snapshots = workspace.lake.read_cells("citation_snapshots", cells)
        known = snapshots.filter(pl.col("paper_id").is_in(papers["paper_id"].implode()))
        dates = workspace.lake.read_cells(
            "papers", _cells_of(pools), ["paper_row", "publication_date"]
        )
        undated = dates.filter(pl.col("publication_date").is_null())["paper_row"].to_numpy()
        from assets.tncsi_sp import precedence_of  # what stages need takes a while to import

        return cls(pools, known, papers, undated, precedence_of(known))


def read_scores_as_of(
    workspace: Workspace, catalogue: pl.DataFrame, cells: Collection[Cell], day: date
) -> pl.DataFrame:
    """`tncsi_sp` rows of `cells` with the counts known on `day`, pools being those of now."""
    pools = workspace.lake.read_cells("topic_pools", cells)
    past = _Past.of(workspace, catalogue, pools.filter(config_id=workspace.config_id))
    columns = ["paper_row", "venue", "date_precision"]
    papers = workspace.lake.read_cells("papers", _cells_of(past.paper_rows), columns)
    return scores_as_of(
        past.pools,
        past.snapshots,
        day,
        paper_rows=past.paper_rows,
        undated=past.undated,
        precedence=past.precedence,
        rule=workspace.rule,
        facts=PaperFacts.of(papers, workspace.domains),
    )


def read_trajectory(
    workspace: Workspace, catalogue: pl.DataFrame, paper: dict[str, Any], *, pool_days: bool
) -> pl.DataFrame:
    """TRAJECTORY_COLUMNS and `release` of the paper of a catalogue row."""
    cell = (paper["venue"], paper["year"])
    past = _Past.of(workspace, catalogue, _own_pool(workspace.lake, workspace, paper))
    derived = trajectory(
        past.pools,
        past.snapshots,
        paper_rows=past.paper_rows,
        undated=past.undated,
        precedence=past.precedence,
        rule=workspace.rule,
        pool_days=pool_days,
    )
    released = _released(workspace, paper["paper_id"], cell)
    both = pl.concat([derived, released], how="diagonal")
    return both.sort("day", "release", maintain_order=True)


def read_pool_counts(
    workspace: Workspace, catalogue: pl.DataFrame, paper: dict[str, Any]
) -> Callable[[Mapping[str, Any]], dict[str, int] | None]:
    """What gives the counts of the paper's pool for a row of its trajectory, by `paper_id`.

    Known counts of the row's source: for a release those it published, with the pool it published,
    else those known on the day, of the pool of now. None where a release no longer has them.
    """
    past = _Past.of(workspace, catalogue, _own_pool(workspace.lake, workspace, paper))

    def counts(row: Mapping[str, Any]) -> dict[str, int] | None:
        if row["release"] is None:
            known = counts_on(past.snapshots, row["day"])
            rows = past.pools["members"].explode(empty_as_null=False, keep_nulls=False)
            members = past.paper_rows.filter(pl.col("paper_row").is_in(rows.implode()))
        else:
            lake = find_release(workspace.data, row["release"]).lake
            if not (lake.cells("citation_counts") and lake.cells("topic_pools")):
                return None
            pool = _own_pool(lake, workspace, paper)
            rows = pool["members"].explode(empty_as_null=False, keep_nulls=False)
            members = lake.read_all("papers", _ROWS).filter(
                pl.col("paper_row").is_in(rows.implode())
            )
            known = lake.read_cells("citation_counts", _cells_of(members))
        theirs = known.filter(
            pl.col("paper_id").is_in(members["paper_id"].implode()),
            citation_source=row["citation_source"],
        )
        return dict(theirs.select("paper_id", "cited_by_count").iter_rows())

    return counts


def _own_pool(lake: Lake, workspace: Workspace, paper: dict[str, Any]) -> pl.DataFrame:
    pools = lake.read("topic_pools", (paper["venue"], paper["year"]))
    return pools.filter(paper_id=paper["paper_id"], config_id=workspace.config_id)


def _released(workspace: Workspace, paper_id: str, cell: Cell) -> pl.DataFrame:
    """TRAJECTORY_COLUMNS and `release`: the paper's score in every release of the same rule."""
    rows = [TRAJECTORY_SCHEMA.to_frame().with_columns(release=pl.lit(None, pl.String))]
    for release in list_releases(workspace.data):
        scores = read_frame(release.lake.path("tncsi_sp", cell))
        if scores is not None:
            mine = scores.filter(paper_id=paper_id, config_id=workspace.config_id)
            day, name = pl.lit(release.name.day), pl.lit(str(release.name))
            rows.append(mine.with_columns(day=day, release=name))
    # An older release may have fewer columns.
    return pl.concat(rows, how="diagonal").select(*TRAJECTORY_COLUMNS, "release")


def _cells_of(papers: pl.DataFrame) -> list[Cell]:
    return [(v, y) for v, y in papers.select("venue", "year").unique().sort("venue", "year").rows()]
