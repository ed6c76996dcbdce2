"""Progress of a long command on stderr: one line that changes on a terminal, some lines in a log.

Belongs here: telling. Not: what is told (the `report` of a workspace).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape


@contextmanager
def telling(first: str) -> Iterator[Callable[[str], None]]:
    """A function that shows one line of progress, in place of the last on a terminal."""
    from resources.workspace import throttled

    console = Console(stderr=True)
    if not console.is_terminal:
        yield throttled(lambda line: console.print(line, markup=False, highlight=False))
        return
    with console.status(first) as status:
        yield lambda line: status.update(escape(line))
