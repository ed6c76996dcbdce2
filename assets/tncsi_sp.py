"""Stage `tncsi_sp`: scores from pools and counts.

Belongs here: reading what scores look at, and which source of counts is trusted. Not: how a pool
is scored (pipeline/impact).

Counts are read once for all cells; pools stream by, some thousand papers at a time, so that memory
hardly grows with the library. Most pools in the window of a moved count hold it: to
find out which would mean to read them, which is most of the work.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.stages import Job, Made, write_cell
from assets.windows import window_of
from pipeline.impact.companions import PaperFacts
from pipeline.impact.tncsi import POOL_COLUMNS, dense_counts, reaching, score_pools
from pipeline.staleness import State
from pipeline.tables import TNCSI_SP, Cell
from resources.lake import Lake

# The most trusted first. One source is chosen per paper and its pool is counted from it alone.
# Sources of tables that users map themselves come last, in the order of their names.
CITATION_PRECEDENCE = ("google_scholar", "openalex", "semantic_scholar")

_AT_ONCE = 10_000  # papers, each with up to a thousand members: 40 MB


def tncsi_sp(job: Job) -> Iterator[Made]:
    """Topic- and time-normalised impact of every paper, from its pool and its members' counts."""
    workspace, lake = job.workspace, job.workspace.lake
    window = window_of(workspace, job.cells, lake.states("papers"))
    columns = ["paper_row", "citation_source", "cited_by_count"]
    counts = lake.read_cells("citation_counts", window, columns)
    dense = dense_counts(counts)
    facts = _facts(job, window)
    precedence, none = precedence_of(counts), TNCSI_SP.empty()
    groups = _few_at_a_time(job.cells, lake.states("topic_pools"))
    for cells, pools in _read_ahead(lake, groups):
        n_rows = _n_rows(pools)
        scores = score_pools(
            pools,
            reaching(dense, n_rows),
            undated=_undated(lake, pools),
            precedence=precedence,
            rule=workspace.rule,
            facts=facts.reaching(n_rows),
        ).sort("paper_id")
        of_cell = scores.partition_by("venue", "year", as_dict=True)
        for cell in cells:
            mine = of_cell.get(cell, none)
            scored = int((mine["status"] == "ok").sum())
            yield write_cell(
                job, "tncsi_sp", cell, {"tncsi_sp": mine}, facts={"papers_scored": scored}
            )


def _facts(job: Job, window: Sequence[Cell]) -> PaperFacts:
    """Venue, domain and date precision of every paper that may be a member."""
    columns = ["paper_row", "venue", "date_precision"]
    papers = job.workspace.lake.read_cells("papers", window, columns)
    return PaperFacts.of(papers, job.workspace.domains)


def _read_ahead(
    lake: Lake, groups: Iterable[list[Cell]]
) -> Iterator[tuple[list[Cell], pl.DataFrame]]:
    """Every group with its pools; the next ones are read while the last ones are scored."""
    with ThreadPoolExecutor(1) as reader:
        last: tuple[list[Cell], Future[pl.DataFrame]] | None = None
        for cells in groups:
            coming = reader.submit(lake.read_cells, "topic_pools", cells, POOL_COLUMNS)
            if last:
                yield last[0], last[1].result()
            last = cells, coming
        if last:
            yield last[0], last[1].result()


def _few_at_a_time(
    cells: Sequence[Cell], pools: Mapping[Cell | None, State]
) -> Iterator[list[Cell]]:
    """The cells in their order, in groups of `_AT_ONCE` papers or one large cell."""
    group: list[Cell] = []
    held = 0
    for cell in cells:
        n = pools[cell].rows["topic_pools"] if cell in pools else 0
        if group and held + n > _AT_ONCE:
            yield group
            group, held = [], 0
        group.append(cell)
        held += n
    yield group


def _n_rows(pools: pl.DataFrame) -> int:
    """One more than the greatest row number in the pools; the last member of each is greatest."""
    rows = pl.concat([pools["paper_row"], pools["members"].list.last().drop_nulls()])
    return 1 + max(rows.to_list(), default=-1)


def _undated(lake: Lake, pools: pl.DataFrame) -> NDArray[np.int32]:
    """Row numbers of papers without a day; only they, and lonely ones, have an empty window."""
    alone = pools.filter(n_window=0).select("venue", "year").unique().sort("venue", "year")
    papers = lake.read_cells("papers", alone.rows(), ["paper_row", "publication_date"])
    return papers.filter(pl.col("publication_date").is_null())["paper_row"].to_numpy()


def precedence_of(counts: pl.DataFrame) -> tuple[str, ...]:
    """Sources of these counts in the order they are trusted, the most trusted first."""
    others = set(counts["citation_source"].unique()) - set(CITATION_PRECEDENCE)
    return (*CITATION_PRECEDENCE, *sorted(others))
