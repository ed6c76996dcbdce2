"""Stage `topic_pools`: pools from vectors and dates.

Belongs here: reading what a cell's pools look at. Not: how a pool is found (pipeline/impact).
"""

from collections.abc import Iterator

from assets.retriever import vectors_for
from assets.stages import Job, Made, write_cell
from assets.windows import by_year, window_of
from pipeline.impact.pools import PoolBuilder


def topic_pools(job: Job) -> Iterator[Made]:
    """The nearest papers within ±183 days of each paper, exact and independent of any prompt."""
    workspace = job.workspace
    states = workspace.lake.states("papers")
    for year, cells in by_year(job.cells).items():
        window = window_of(workspace, cells, states)
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
