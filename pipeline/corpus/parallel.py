"""Work on many items in a few processes, results in order.

Belongs here: how work is spread. Not: what the work is.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

N_WORKERS = min(2, os.cpu_count() or 1)
N_ALONE = 8  # starting the workers takes about as long as that many chunks of lines


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of every item, in their order; at most five items are held at a time.

    The first few are done in this process, so that small input starts no others. `work` must be
    picklable: a function of a module, or a partial of one.
    """
    items = iter(items)
    yield from map(work, items if N_WORKERS == 1 else islice(items, N_ALONE))
    if not (ninth := list(islice(items, 1))):
        return
    # Spawned: a forked copy of a process with threads (polars, Arrow, Dagster) may hang.
    pool = ProcessPoolExecutor(N_WORKERS, mp_context=get_context("spawn"))
    waiting: deque[Future[Result]] = deque()
    try:
        for item in chain(ninth, items):
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * N_WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
