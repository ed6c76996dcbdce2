"""The counts of a pool as lines of plain characters, for terminals.

Belongs here: bins and bars. Not: pictures (plot.py), or how lines reach a terminal
(pipeline/cli/output.py).
"""

from collections.abc import Sequence
from itertools import count, pairwise

MAX_BINS = 11
WIDTH = 36  # characters of the longest bar: lines of counts up to millions have 79
_HEAD = "citations"
_STEPS = ((1, 2, 5), (1, 3), (1,))  # within a power of ten, the finest that fits is taken


def pool_bars(counts: Sequence[int], cited: int | None) -> list[str]:
    """At most 12 lines: known counts of a pool in bins of a log scale, the paper's bin marked.

    Bins reach from the least to the largest count, the paper's own included. No count, no line.
    """
    if not counts:
        return []
    held = [*counts, *([] if cited is None else [cited])]
    starts = _starts(min(held), max(held))
    n_in = [sum(a <= c < b for c in counts) for a, b in pairwise(starts)]
    labels = [f"{a:,}" if b == a + 1 else f"{a:,}–{b - 1:,}" for a, b in pairwise(starts)]
    wide, scale = max(map(len, [_HEAD, *labels])), WIDTH / max(n_in)
    digits = len(f"{max(n_in):,}")
    lines = [f"{_HEAD:>{wide}}  papers of the pool"]
    for label, n, (a, b) in zip(labels, n_in, pairwise(starts), strict=True):
        bar = "#" * max(round(n * scale), n > 0)
        mark = "  <- this paper" if cited is not None and a <= cited < b else ""
        lines.append(f"{label:>{wide}}  {n:>{digits},}  {bar}{mark}".rstrip())
    return lines


def _starts(least: int, most: int) -> list[int]:
    """First count of each bin, and of the one after the last: 0, then 1, 2, 5, 10, 20, …"""
    for steps in _STEPS:
        every = [0]
        for power in count():
            every += [step * 10**power for step in steps]
            if every[-1] > most:
                break
        first = max(i for i, start in enumerate(every) if start <= least)
        last = min(i for i, start in enumerate(every) if start > most)
        if last - first <= MAX_BINS:
            break
    return every[first : last + 1]
