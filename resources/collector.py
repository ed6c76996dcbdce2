"""Python's search for reference cycles, where there are a million objects and no cycles.

Belongs here: letting it rest for a while. Not: freeing memory, which reference counts do anyway.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for reference cycles seldom meanwhile: parsed pages and replayed ledgers have none.

    Looking at all their objects again and again takes as long as making them, or five times that.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
