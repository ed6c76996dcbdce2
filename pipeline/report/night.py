"""A night's report from what moved, what ran and what stands.

Belongs here: which sections a report has, in which order. Not: what each says, nor reading
anything (assets/night_report.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipeline.release.changes import Changes
from pipeline.report.costs import Cost, costs_section
from pipeline.report.counts import counts_section
from pipeline.report.edges import edges_section
from pipeline.report.model import Listing, Report, Section
from pipeline.report.papers import papers_section
from pipeline.report.scores import scores_section
from pipeline.report.state import Incident, Standing, failures_section, standing_section
from pipeline.report.tables import coverage_section, is_news, tables_section


@dataclass(frozen=True)
class Night:
    """What a report is made from.

    `since`: when the last report was made; None: there is none to compare with, and `changes` is
    empty. `files`: `table, files_changed, files, rows`. `titles`: `paper_id, title` of the papers
    whose counts or scores moved. `redirects`: as the table.
    """

    made_at: datetime
    since: datetime | None
    changes: Mapping[str, Changes]
    files: pl.DataFrame
    titles: pl.DataFrame
    redirects: pl.DataFrame
    costs: Sequence[Cost]
    incidents: Sequence[Incident]
    standing: Standing

    @property
    def has_news(self) -> bool:
        """Whether there is anything to report."""
        return self.since is None or any(map(is_news, self.changes.values()))


def write_report(night: Night) -> Report:
    """The words, numbers and tables of a night."""
    sections = [_first(night)] if night.since is None else _changes(night)
    sections += [
        failures_section(night.incidents),
        costs_section(night.costs),
        standing_section(night.standing),
    ]
    return Report(night.made_at, night.since, sections)


def _first(night: Night) -> Section:
    tables = Listing("tables", "Rows and files", night.files.select("table", "files", "rows"))
    words = "First report: everything is new."
    return Section("tables", "What there is", words, {}, (tables,))


def _changes(night: Night) -> list[Section]:
    changes = night.changes
    return [
        papers_section(changes["papers"], night.redirects),
        counts_section(changes["citation_counts"], night.titles),
        scores_section(changes["tncsi_sp"], night.titles),
        edges_section(changes["citations"]),
        coverage_section(changes["venue_coverage"]),
        tables_section(changes, night.files),
    ]
