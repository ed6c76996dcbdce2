"""Asset group `impact`: topic pools from vectors and dates, scores from pools and counts.

Belongs here: which venue-years a cell's pools and scores look at. Not: how a pool is found or
scored (pipeline/impact).
"""

from collections.abc import Collection, Iterator, Mapping

import polars as pl

from assets.plots import score_distribution
from assets.retriever import vectors_for
from assets.stages import Job, Made, Stage, write_cell
from pipeline.impact.pools import PoolBuilder
from pipeline.impact.tncsi import dense_counts, score_pools
from pipeline.staleness import State, cells_in_window
from pipeline.tables import Cell
from resources.workspace import Workspace

# The most trusted first. One source is chosen per paper and its pool is counted from it alone.
# Sources of tables that users map themselves come last, in the order of their names.
CITATION_PRECEDENCE = ("google_scholar", "openalex", "semantic_scholar")


def topic_pools(job: Job) -> Iterator[Made]:
    """The nearest papers within ±183 days of each paper, exact and independent of any prompt."""
    workspace = job.workspace
    states = workspace.lake.states("papers")
    for year, cells in _by_year(job.cells).items():
        window = _window(workspace, cells, states)
        papers = workspace.lake.read_cells("papers", window)
        vectors = vectors_for(workspace, papers)
        builder = PoolBuilder(papers, vectors, rule=workspace.rule, config_id=workspace.config_id)
        workspace.report(f"pools of {year}: {len(cells)} venue-years, {papers.height:,} papers")
        for cell in cells:
            mine = (papers["venue"] == cell[0]) & (papers["year"] == cell[1])
            pools = builder.build(mine.to_numpy())
            searched = int(mine.sum())
            yield write_cell(
                job, "topic_pools", cell, {"topic_pools": pools}, facts={"pools_searched": searched}
            )


def _by_year(cells: Collection[Cell]) -> Mapping[int, list[Cell]]:
    years: dict[int, list[Cell]] = {}
    for cell in cells:
        years.setdefault(cell[1], []).append(cell)
    return years


def _window(
    workspace: Workspace, cells: Collection[Cell], papers: Mapping[Cell | None, State]
) -> list[Cell]:
    half = workspace.rule.half_window_days
    reached = {w for c in cells if c in papers for w in cells_in_window(papers, papers[c], half)}
    return sorted(reached | set(cells))


def tncsi_sp(job: Job) -> Iterator[Made]:
    """Topic- and time-normalised impact of every paper, from its pool and its members' counts."""
    workspace, lake = job.workspace, job.workspace.lake
    states = lake.states("papers")
    for cells in _by_year(job.cells).values():
        window = _window(workspace, cells, states)
        counts = lake.read_cells("citation_counts", window)
        papers = lake.read_cells("papers", window, ["paper_row", "publication_date"])
        n_rows = max(papers["paper_row"].to_list(), default=-1) + 1
        dense = dense_counts(counts, n_rows)
        undated = papers.filter(pl.col("publication_date").is_null())["paper_row"].to_numpy()
        for cell in cells:
            scores = score_pools(
                lake.read("topic_pools", cell),
                dense,
                undated=undated,
                precedence=_precedence(counts),
                rule=workspace.rule,
            ).sort("paper_id")
            scored = int((scores["status"] == "ok").sum())
            yield write_cell(
                job, "tncsi_sp", cell, {"tncsi_sp": scores}, facts={"papers_scored": scored}
            )


def _precedence(counts: pl.DataFrame) -> tuple[str, ...]:
    others = set(counts["citation_source"].unique()) - set(CITATION_PRECEDENCE)
    return (*CITATION_PRECEDENCE, *sorted(others))


def _plot(workspace: Workspace, made: Collection[Made]) -> Mapping[str, bytes]:
    cells = [one.cell for one in made if one.cell]
    scores = workspace.lake.read_cells("tncsi_sp", cells, ["venue", "year", "tncsi_sp"])
    return {"score_distribution": score_distribution(scores)} if scores.height else {}


STAGES = (
    Stage("topic_pools", "topic_pools", ("topic_pools",), topic_pools, "impact",
          ("papers", "paper_embeddings"), kinds=("numpy", "parquet")),
    Stage("tncsi_sp", "tncsi_sp", ("tncsi_sp",), tncsi_sp, "impact",
          ("topic_pools", "citation_counts"), plot=_plot),
)  # fmt: skip
