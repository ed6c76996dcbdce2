"""Stage `topic_pools`: pools from vectors and dates.

Belongs here: the order of the work, and what it leaves behind. Not: what a cell's pools look at
(pool_window.py), how a pool is found (pipeline/impact).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from assets.pool_window import PAPERS_OF, Group, PoolWindow, Remade
from assets.stages import Job, Made, write_cell
from assets.windows import CellReader, by_year, window_of
from resources.pool_memory import PoolMemory

_T = TypeVar("_T")


def topic_pools(job: Job) -> Iterator[Made]:
    """The nearest papers within ±183 days of each paper, exact and independent of any prompt."""
    lake = job.workspace.lake
    memory = PoolMemory(lake.root)
    for made in _ahead(_remade(job, memory)):
        if made.edges is None:
            memory.forget_frontier(made.cell)
        else:
            memory.remember_frontier(made.cell, job.inputs[made.cell], made.edges)
        facts = {
            "pools_searched": made.searched,
            "pools_updated": made.updated,
            "pools_unchanged": made.table.height - made.searched - made.updated,
        }
        tables = {"topic_pools": made.table}
        yield write_cell(job, "topic_pools", made.cell, tables, facts=facts)
    states = {cell: state for cell, state in lake.states("topic_pools").items() if cell}
    inputs = [item for state in states.values() for item in state.inputs.items()]
    memory.sweep({digest for name, digest in inputs if name.startswith(PAPERS_OF)}, states.keys())


def _remade(job: Job, memory: PoolMemory) -> Iterator[Remade]:
    for window, group in _ahead(_remembered(job, memory)):
        yield from window.remade(group)


def _remembered(job: Job, memory: PoolMemory) -> Iterator[tuple[PoolWindow, Group]]:
    workspace = job.workspace
    states, reader = workspace.lake.states("papers"), CellReader(workspace)
    for year, cells in by_year(job.cells).items():
        near = window_of(workspace, cells, states)
        reader.only(near)
        window = PoolWindow(job, memory, reader, near)
        workspace.report(
            f"pools of {year}: {len(cells)} venue-years, {window.papers.height:,} papers"
        )
        for group in window.remembered(cells):
            yield window, group


def _ahead(items: Iterator[_T]) -> Iterator[_T]:
    """The items, each made in a thread while the one before it is in use."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
