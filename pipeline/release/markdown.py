"""Titles and tables in Markdown, whatever a title holds.

Belongs here: escaping. A title must neither become markup, nor end its line or cell, nor turn the
rest of the line around.
"""

import re
from collections.abc import Iterable, Sequence

LONGEST = 160  # characters of a title
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&!$@])")
# Control characters, bidirectional overrides and isolates, line and paragraph separators.
_CONTROL = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)], " "
)


def plain(text: str) -> str:
    """`text` as Markdown that reads as `text`, in one line."""
    line = " ".join(text.translate(_CONTROL).split())
    if len(line) > LONGEST:
        line = line[: LONGEST - 1] + "…"
    return _SPECIAL.sub(r"\\\1", line)


def table_lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; its cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
