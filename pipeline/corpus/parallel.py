"""Work on many items in a few processes, results in order.

Belongs here: how work is spread. Not: what the work is.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

N_WORKERS = min(2, os.cpu_count() or 1)
N_ALONE = 8  # so much is done sooner than workers are started

log = logging.getLogger(__name__)


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of every item, in their order; at most five items are held at a time.

    What comes until the workers are ready is done in this process, and small input starts none.
    `work` must be picklable: a function of a module, or a partial of one. Where workers cannot live
    (little memory, a main script without its `if __name__` guard), the work goes on in this one.
    """
    items = iter(items)
    yield from map(work, items if N_WORKERS == 1 else islice(items, N_ALONE))
    if next_item := list(islice(items, 1)):
        waiting: deque[Item] = deque()
        try:
            yield from _in_pool(work, chain(next_item, items), waiting)
        except BrokenProcessPool:
            log.warning("the worker processes ended unexpectedly; going on in one process")
            yield from map(work, chain(waiting, items))


def _in_pool(
    work: Callable[[Item], Result], items: Iterable[Item], waiting: deque[Item]
) -> Iterator[Result]:
    """The same in a pool; `waiting` holds the items whose results have not been handed over."""
    # Spawned: a forked copy of a process with threads (polars, Arrow, Dagster) may hang.
    pool = ProcessPoolExecutor(N_WORKERS, mp_context=get_context("spawn"))
    results: deque[Future[Result]] = deque()
    try:
        ready = [pool.submit(_import, work) for _ in range(N_WORKERS)]
        for item in items:
            waiting.append(item)
            if not all(worker.done() for worker in ready):
                yield work(item)
                waiting.popleft()
                continue
            results.append(pool.submit(work, item))
            if len(results) > 2 * N_WORKERS:
                yield _next(results, waiting)
        while results:
            yield _next(results, waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _import(work: object) -> None:
    """Nothing: to receive `work` a worker has imported what it needs, a second of time."""


def _next(results: deque[Future[Result]], waiting: deque[Item]) -> Result:
    result = results[0].result()
    results.popleft()
    waiting.popleft()
    return result
