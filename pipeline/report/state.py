"""What failed, and where the library stands.

Belongs here: the sections that look at the present. Not: what changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.report.model import Listing, Section
from pipeline.wording import capped, counted


@dataclass(frozen=True)
class Incident:
    """A failed run: the page that tells of it, and its first line."""

    page: str
    line: str


@dataclass(frozen=True)
class Standing:
    """Papers held, by status of their score, and how many cells of each output are stale."""

    statuses: Mapping[str, int]
    stale: Mapping[str, int]

    @property
    def papers(self) -> int:
        """Papers held."""
        return sum(self.statuses.values())


def failures_section(incidents: Sequence[Incident]) -> Section:
    """Runs that failed since the last report."""
    numbers = {"failed": len(incidents)}
    if not incidents:
        return Section("failures", "What failed", "Nothing failed.", numbers)
    rows = pl.DataFrame(
        [(i.line, i.page) for i in incidents], schema=["what", "page"], orient="row"
    )
    words = f"{counted(len(incidents), 'run')} failed: {capped([i.line for i in incidents], 3)}."
    table = Listing("incidents", "Runs that failed; pages in data/incidents", rows)
    return Section("failures", "What failed", words, numbers, (table,))


def standing_section(standing: Standing) -> Section:
    """Papers, how many are scored, and what is stale."""
    scored, stale = standing.statuses.get("ok", 0), sum(standing.stale.values())
    held = f"The library holds {counted(standing.papers, 'paper')}, {scored:,} scored"
    outputs = capped([f"{name}: {n:,}" for name, n in standing.stale.items()])
    rest = (
        f"{counted(stale, 'cell is', 'cells are')} stale ({outputs})"
        if stale
        else "nothing is stale"
    )
    numbers = {"papers": standing.papers, "scored": scored, "stale": stale}
    rows = pl.DataFrame(
        sorted(standing.statuses.items()),
        schema={"status": pl.String, "papers": pl.Int64},
        orient="row",
    )
    table = Listing("statuses", "Papers by status of their score", rows)
    return Section("standing", "Where the library stands", f"{held}; {rest}.", numbers,
                   (table,) if rows.height else ())  # fmt: skip
