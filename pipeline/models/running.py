"""A model over many batches: groups by windows, one batch per core, halved where memory runs out.

Belongs here: what running has in common whatever the model. Not: the models, nor how texts are cut
into batches (encoding.py).
"""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pipeline.models.reranker import PairGroup

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


def one_batch_per_core(
    run: Callable[[Item], Result], batches: Iterable[Item]
) -> Generator[Result, None, None]:
    """`run` of each batch, in order: one batch per core, each on one thread.

    Cores that share every product wait for the slowest one after each: on a busy machine that
    halved the speed. Closing the iterator drops the batches not yet begun.
    """
    import torch

    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    with pool:
        try:
            yield from pool.map(run, batches)
        finally:
            # Set in a worker, the number becomes the default of every thread started later.
            torch.set_num_threads(threads)


def group_windows(groups: Iterable[PairGroup], pairs: int) -> Iterator[list[PairGroup]]:
    """Groups in order, as many at a time as have `pairs` pairs or fewer, and at least one."""
    window: list[PairGroup] = []
    taken = 0
    for group in groups:
        if window and taken + len(group.documents) > pairs:
            yield window
            window, taken = [], 0
        window.append(group)
        taken += len(group.documents)
    if window:
        yield window


def halving(
    run: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item]
) -> list[Result]:
    """`run(items)`, or of its halves where the memory does not hold all of them.

    Raises what `run` raises, out of memory included once a single item does not fit.
    """
    try:
        return list(run(items))
    except (RuntimeError, MemoryError) as error:
        if len(items) == 1 or not _is_out_of_memory(error):
            raise
    # Outside the handler: the traceback holds the tensors that did not fit.
    half = len(items) // 2
    log.warning("out of memory with %d texts at once; going on with half of them", len(items))
    _empty_cache()
    return halving(run, items[:half]) + halving(run, items[half:])


def _is_out_of_memory(error: Exception) -> bool:
    """CUDA has a class for it; the CPU allocator raises a plain RuntimeError."""
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "can't allocate memory" in str(error)
    )


def _empty_cache() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
