"""Stage `tncsi_sp`: scores from pools and counts.

Belongs here: reading what scores look at, and which source of counts is trusted. Not: how a pool
is scored (pipeline/impact).

Counts and dates are read once for all cells; pools stream by, some thousand papers at a time, so
that memory does not grow with the library. Most pools in the window of a moved count hold it: to
find out which would mean to read them, which is most of the work.
"""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from assets.stages import Job, Made, write_cell
from assets.windows import window_of
from pipeline.impact.tncsi import dense_counts, score_pools
from pipeline.staleness import State
from pipeline.tables import TNCSI_SP, Cell

# The most trusted first. One source is chosen per paper and its pool is counted from it alone.
# Sources of tables that users map themselves come last, in the order of their names.
CITATION_PRECEDENCE = ("google_scholar", "openalex", "semantic_scholar")

_AT_ONCE = 10_000  # papers, each with up to a thousand members: 40 MB
_POOL_COLUMNS = (
    "paper_id", "paper_row", "venue", "year", "config_id", "n_window", "pool_k", "members",
)  # fmt: skip


def tncsi_sp(job: Job) -> Iterator[Made]:
    """Topic- and time-normalised impact of every paper, from its pool and its members' counts."""
    workspace, lake = job.workspace, job.workspace.lake
    window = window_of(workspace, job.cells, lake.states("papers"))
    papers = lake.read_cells("papers", window, ["paper_row", "publication_date"])
    columns = ["paper_row", "citation_source", "cited_by_count"]
    counts = lake.read_cells("citation_counts", window, columns)
    n_rows = max(papers["paper_row"].to_list(), default=-1) + 1
    dense, precedence = dense_counts(counts, n_rows), precedence_of(counts)
    undated = papers.filter(pl.col("publication_date").is_null())["paper_row"].to_numpy()
    del papers, counts
    none = TNCSI_SP.empty()
    for cells in _few_at_a_time(job.cells, lake.states("topic_pools")):
        pools = lake.read_cells("topic_pools", cells, _POOL_COLUMNS)
        scores = score_pools(
            pools, dense, undated=undated, precedence=precedence, rule=workspace.rule
        ).sort("paper_id")
        of_cell = scores.partition_by("venue", "year", as_dict=True)
        for cell in cells:
            mine = of_cell.get(cell, none)
            scored = int((mine["status"] == "ok").sum())
            yield write_cell(
                job, "tncsi_sp", cell, {"tncsi_sp": mine}, facts={"papers_scored": scored}
            )


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


def precedence_of(counts: pl.DataFrame) -> tuple[str, ...]:
    """Sources of these counts in the order they are trusted, the most trusted first."""
    others = set(counts["citation_source"].unique()) - set(CITATION_PRECEDENCE)
    return (*CITATION_PRECEDENCE, *sorted(others))
