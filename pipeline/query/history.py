"""Scores of earlier days: of venue-years, and of one paper through time.

Belongs here: which cells such an answer needs. Not: how it is computed (pipeline/impact/history.py)
or which paper is meant (lookup.py). A paper's trajectory reads the counts of the venue-years that
its pool's members are in, and no others.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.impact.companions import PaperFacts
from pipeline.impact.history import (
    TRAJECTORY_COLUMNS,
    TRAJECTORY_SCHEMA,
    counts_on,
    scores_as_of,
    trajectory,
)
from pipeline.query.holdings import Holdings
from pipeline.query.records import Row, cells_of, read_in_use, read_own
from pipeline.tables import Cell
from resources.lake import read_frame
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
    def of(cls, held: Holdings, pools: pl.DataFrame) -> "_Past":
        """Read from the lake."""
        members = pools["members"].explode(empty_as_null=False, keep_nulls=False)
        rows = pl.concat([pools["paper_row"], members]).unique()
        # Without the cells themselves, what a scan of the whole library would cost.
        papers = held.catalogue.select(_ROWS).filter(pl.col("paper_row").is_in(rows.implode()))
        cells = cells_of(papers)
        snapshots = held.lake.read_cells("citation_snapshots", cells)
        known = snapshots.filter(pl.col("paper_id").is_in(papers["paper_id"].implode()))
        columns = ["paper_row", "publication_date"]
        dates = held.lake.read_cells("papers", cells_of(pools), columns)
        undated = dates.filter(pl.col("publication_date").is_null())["paper_row"].to_numpy()
        from assets.tncsi_sp import precedence_of  # what stages need takes a while to import

        return cls(pools, known, papers, undated, precedence_of(known))


def read_scores_as_of(held: Holdings, cells: Collection[Cell] | None, day: date) -> pl.DataFrame:
    """`tncsi_sp` rows of `cells`, or of all, by the counts known on `day` and the pools of now.

    Raises InputError for a day to come.
    """
    workspace = held.workspace
    past = _Past.of(held, read_in_use(held.lake, "topic_pools", held.config_id, cells))
    check_day("as_of", day, workspace.today, past.snapshots["observed_on"])
    columns = ["paper_row", "venue", "date_precision"]
    papers = held.lake.read_cells("papers", cells_of(past.paper_rows), columns)
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


def read_trajectory(held: Holdings, paper: str, *, pool_days: bool) -> pl.DataFrame:
    """As `Library.trajectory`."""
    workspace, found = held.workspace, held.find(paper)
    past = _past_of(held, found)
    derived = trajectory(
        past.pools,
        past.snapshots,
        paper_rows=past.paper_rows,
        undated=past.undated,
        precedence=past.precedence,
        rule=workspace.rule,
        pool_days=pool_days,
    )
    released = _released(workspace, found)
    both = pl.concat([derived, released], how="diagonal")
    return both.sort("day", "release", maintain_order=True)


def read_pool_counts(held: Holdings, paper: Row) -> Callable[[Row], dict[str, int] | None]:
    """What gives the counts of the paper's pool for a row of its trajectory, by `paper_id`.

    Known counts of the row's source: for a release those it published, with the pool it published,
    else those known on the day, of the pool of now. None where a release no longer has them.
    """
    past = _past_of(held, paper)

    def counts(row: Row) -> dict[str, int] | None:
        if row["release"] is None:
            known = counts_on(past.snapshots, row["day"])
            rows = past.pools["members"].explode(empty_as_null=False, keep_nulls=False)
            members = past.paper_rows.filter(pl.col("paper_row").is_in(rows.implode()))
        else:
            lake = find_release(held.workspace.data, row["release"]).lake
            if not (lake.cells("citation_counts") and lake.cells("topic_pools")):
                return None
            pool = read_own(lake, "topic_pools", held.config_id, paper)
            rows = pool["members"].explode(empty_as_null=False, keep_nulls=False)
            members = lake.read_all("papers", _ROWS).filter(
                pl.col("paper_row").is_in(rows.implode())
            )
            known = lake.read_cells("citation_counts", cells_of(members))
        theirs = known.filter(
            pl.col("paper_id").is_in(members["paper_id"].implode()),
            citation_source=row["citation_source"],
        )
        return dict(theirs.select("paper_id", "cited_by_count").iter_rows())

    return counts


def _past_of(held: Holdings, paper: Row) -> _Past:
    """Of the pool of one paper of the catalogue."""
    return _Past.of(held, read_own(held.lake, "topic_pools", held.config_id, paper))


def check_day(name: str, day: date, today: date, known: pl.Series) -> None:
    """Raises InputError for a day after `today` and after all days of which something is known."""
    last = max([today, *known.drop_nulls().unique().to_list()])
    if day > last:
        raise InputError(f"expected {name} of {last} at most, received {day}: it is yet to come")


def _released(workspace: Workspace, paper: Row) -> pl.DataFrame:
    """TRAJECTORY_COLUMNS and `release`: the paper's score in every release of the same rule."""
    rows = [TRAJECTORY_SCHEMA.to_frame().with_columns(release=pl.lit(None, pl.String))]
    for release in list_releases(workspace.data):
        scores = read_frame(release.lake.path("tncsi_sp", (paper["venue"], paper["year"])))
        if scores is not None:
            mine = scores.filter(paper_id=paper["paper_id"], config_id=workspace.config_id)
            day, name = pl.lit(release.name.day), pl.lit(str(release.name))
            rows.append(mine.with_columns(day=day, release=name))
    # An older release may have fewer columns.
    return pl.concat(rows, how="diagonal").select(*TRAJECTORY_COLUMNS, "release")
