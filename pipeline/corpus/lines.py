"""Lines of a byte stream with a bound on their length.

Belongs here: what every format of one row per line needs. Not: what a line means.
"""

from collections.abc import Iterator
from typing import BinaryIO

MAX_LINE = 1 << 24


def bounded_lines(file: BinaryIO, longest: int = MAX_LINE) -> Iterator[bytes | None]:
    """Lines without their ends; None in place of one longer than `longest` bytes.

    A file without line ends would otherwise be read into memory whole.
    """
    while line := file.readline(longest + 1):
        if len(line) <= longest or line.endswith(b"\n"):
            yield line.rstrip(b"\r\n")
            continue
        while (rest := file.readline(longest)) and not rest.endswith(b"\n"):
            pass
        yield None
