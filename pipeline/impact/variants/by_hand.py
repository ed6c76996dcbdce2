"""The score of one paper from anyone's counts, without a library.

Belongs here: one number from one count and those of its pool. Not: where they come from.
"""

import math
from collections.abc import Collection
from typing import Literal, NamedTuple

from pipeline.errors import InputError
from pipeline.impact.pools import PoolRule
from pipeline.impact.variants.rules import PUBLISHED


class Score(NamedTuple):
    """A score and what it was made of; `status` as in `tncsi_sp`, `score` None unless `ok`."""

    status: str
    score: float | None
    loc: float | None
    scale: float | None
    n: int

    @property
    def as_authors(self) -> float:
        """The number that the authors' code gives: −1 where there is no score."""
        return -1.0 if self.score is None else self.score


def tncsi_of(
    count: int | None,
    pool_counts: Collection[int],
    *,
    compat: Literal["published"] | None = None,
) -> Score:
    """TNCSI_SP of a paper cited `count` times, against the counts of its pool.

    loc = min, scale = mean − min, score = 1 − exp(−(count − loc) / scale), 0 below loc
    (arXiv 2402.12928). With `compat="published"` as the authors' code does, bit for bit: two
    counts are enough, negative ones are skipped, and a count below a pool of ties scores 0; where
    it gives −1, `status` says why and `as_authors` is −1. Without, 30 counts are asked for.

    Example:
        >>> tncsi_of(10, [3, 5, 10, 22], compat="published").score
        0.6321205588285577

    Raises:
        InputError: `compat` is another word, or counts are negative and not to be skipped.
    """
    if compat not in (None, "published"):
        raise InputError(f"expected compat None or 'published', received {compat!r}")
    published = compat == "published"
    known = [c for c in pool_counts if c >= 0]
    if not published and (len(known) < len(pool_counts) or (count or 0) < 0):
        raise InputError("expected counts of 0 or more, received negative ones; leave them out")
    n = len(known)
    loc = min(known, default=None)
    if loc is None:
        scale = None
    elif published:
        scale = sum(known) / n - loc  # as they round it
    else:
        scale = (sum(known) - n * loc) / n
    if count is None:
        return Score("no_citation_count", None, loc, scale, n)
    if loc is None or scale is None or n < (PUBLISHED.n_min if published else PoolRule().n_min):
        return Score("pool_too_small", None, loc, scale, n)
    if published and count < loc:
        return Score("ok", 0.0, loc, scale, n)
    if scale == 0:
        return Score("constant_pool", None, loc, scale, n)
    excess = max((count - loc) / scale, 0)
    # expm1 keeps the digits of scores near 0; the authors' code does not.
    score = 1 - math.exp(-excess) if published else -math.expm1(-excess)
    return Score("ok", score, loc, scale, n)
