"""Which papers an answer may have: of a venue, year, domain or author, or of a score at least.

Belongs here: filters to venue-years and to rows of the catalogue, and what to say where nothing is
left. Not: what is asked of those papers (search.py, scores.py), or who wrote what (authors.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.errors import InputError, NotFoundError
from pipeline.query.authors import Authors
from pipeline.query.near import near_names, nearest_said
from pipeline.query.records import PaperRecords
from pipeline.tables import Cell
from resources.workspace import Workspace

Years = int | tuple[int, int]
"""A year, or the first and the last of several."""

NEAREST = 3  # places that are named


@dataclass(frozen=True)
class Filters:
    """What papers must be; None: anything. `min_score` is of `tncsi_sp`, 0..1."""

    venue: str | None = None
    year: Years | None = None
    domain: str | None = None
    author: str | None = None
    min_score: float | None = None

    def __post_init__(self) -> None:
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise InputError(f"expected a least score from 0 to 1, received {self.min_score}")
        if isinstance(self.year, tuple) and self.year[0] > self.year[1]:
            raise InputError(
                f"expected the first year before the last, received {self.year[0]}-{self.year[1]}"
            )

    @property
    def by_cell(self) -> bool:
        """Whether they keep or leave whole venue-years."""
        return self.author is None and self.min_score is None


@dataclass(frozen=True)
class Allowed:
    """The papers that pass: `rows` [paper of the catalogue], and the venue-years they are in.

    None: all. `by_cell`: they are all papers of `cells`.
    """

    rows: NDArray[np.bool_] | None = None
    cells: Sequence[Cell] | None = None
    by_cell: bool = True


def allowed(
    filters: Filters, records: PaperRecords, authors: Authors, workspace: Workspace
) -> Allowed:
    """What passes all filters; raises NotFoundError, saying which filter left nothing."""
    if filters == Filters():
        return Allowed()
    catalogue = records.catalogue
    cells = held_cells(filters, records.cells, workspace)
    rows = np.ones(catalogue.height, bool) if cells is None else records.within(cells)
    if filters.author is not None:
        theirs = records.among(authors.papers_of(filters.author))
        _refuse_strangers(filters, catalogue, rows, theirs)
        rows = rows & theirs
    if filters.min_score is None:
        return Allowed(rows, cells, filters.by_cell)
    scores = records.scores
    high = rows & (scores >= filters.min_score)  # NaN, unknown, is never
    if not high.any():
        _refuse_low(filters.min_score, scores[rows])
    return Allowed(high, cells, by_cell=False)


def held_cells(filters: Filters, held: Collection[Cell], workspace: Workspace) -> list[Cell] | None:
    """The venue-years of venue, year and domain, or None for all; NotFoundError if none is held."""
    if filters.venue is None and filters.year is None and filters.domain is None:
        return None
    slug = workspace.venues.resolve(filters.venue) if filters.venue is not None else None
    slugs = {venue for venue, _ in held} if slug is None else {slug}
    if filters.domain is not None:
        slugs &= _slugs_of(filters.domain, workspace.domains)
    first, last = _span(filters.year)
    cells = sorted((v, y) for v, y in held if v in slugs and first <= y <= last)
    if not cells:
        raise _nothing_held(filters, slug, slugs, held)
    return cells


def _slugs_of(domain: str, domains: Mapping[str, str]) -> set[str]:
    """Venues of a domain, whose case does not matter; `domains` by slug."""
    wanted = domain.strip().casefold()
    slugs = {slug for slug, one in domains.items() if one == wanted}
    if not slugs:
        known = sorted(set(domains.values()))
        raise NotFoundError(
            f"domain: expected one of {', '.join(known)}, received {domain!r}"
            f"{nearest_said(near_names(wanted, known))}"
        )
    return slugs


def _years_text(year: Years) -> str:
    """`2018`, or `2018-2022`."""
    return f"{year[0]}-{year[1]}" if isinstance(year, tuple) else str(year)


def _span(year: Years | None) -> tuple[int, int]:
    if year is None:
        return (0, 9999)
    return year if isinstance(year, tuple) else (year, year)


def _nothing_held(
    filters: Filters, slug: str | None, slugs: Collection[str], held: Collection[Cell]
) -> NotFoundError:
    years = sorted({y for v, y in held if v in slugs})
    span = f"{years[0]} to {years[-1]}" if years else "none"
    domain = f"domain {filters.domain}" if filters.domain is not None else None
    year = _years_text(filters.year) if filters.year is not None else None
    asked = " ".join(part for part in (slug, domain, year) if part is not None)
    return NotFoundError(f"no papers of {asked}; years held: {span}")


def _refuse_strangers(
    filters: Filters,
    catalogue: pl.DataFrame,
    rows: NDArray[np.bool_],
    theirs: NDArray[np.bool_],
) -> None:
    if (rows & theirs).any():
        return
    places = catalogue.filter(pl.Series(theirs)).group_by("venue", "year").len()
    most = places.sort(["len", "venue", "year"], descending=[True, False, True]).head(NEAREST)
    where = ", ".join(f"{v} {y} ({n})" for v, y, n in most.rows())
    raise NotFoundError(
        f"none of the {int(rows.sum()):,} papers that match otherwise is by {filters.author}; "
        f"theirs are of {where or 'lists no longer in force'}"
    )


def _refuse_low(least: float, scores: NDArray[np.float64]) -> None:
    known = scores[~np.isnan(scores)]
    unscored = scores.size - known.size
    highest = f"the highest is {known.max():.3f}" if known.size else "none is scored"
    raise NotFoundError(
        f"none of the {scores.size:,} papers that match otherwise has a tncsi_sp of {least} or "
        f"more; {highest}, {unscored:,} have no score"
    )
