"""Known names near to one that nobody knows: a typo should cost a look, not a search.

Belongs here: likeness of short names. Not: titles, of which there are too many (lookup.py), or
names of authors, whose words may stand in any order (authors.py).
"""

from collections.abc import Iterable

NEAREST, MIN_RATIO = 3, 60  # names, and rapidfuzz's 0..100


def near_names(wanted: str, known: Iterable[str]) -> list[str]:
    """At most NEAREST of `known`, the most alike first, in whichever case they are written."""
    from rapidfuzz import fuzz, process, utils

    found = process.extract(
        wanted,
        list(known),
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        limit=NEAREST,
        score_cutoff=MIN_RATIO,
    )
    return [name for name, _, _ in found]


def nearest_said(names: Iterable[str]) -> str:
    """`; nearest: a, b`, or nothing."""
    said = ", ".join(names)
    return f"; nearest: {said}" if said else ""
