"""The impact report from the library's frames.

Belongs here: what the report is made from, which sections it has and in which order. Not: what
each says, nor reading anything (assets/impact_report.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from pipeline.report.costs import Cost
from pipeline.report.impact.calibration import calibration_section
from pipeline.report.impact.changes import LastNight, changes_section, night_costs_section
from pipeline.report.impact.coverage import coverage_section
from pipeline.report.impact.distributions import distributions_section
from pipeline.report.impact.evidence import retrieval_section, validation_section
from pipeline.report.impact.groups import domains_section, topics_section, venues_section
from pipeline.report.impact.leaders import leaders_section, rising_section
from pipeline.report.impact.library import Setting, library_section, reading_section
from pipeline.report.model import Report

__all__ = ["Overview", "Setting", "write_overview"]


@dataclass(frozen=True)
class Overview:
    """What the report is made from; None where a table was never made.

    `scores`: rows of `tncsi_sp` of one rule. `titles`: `paper_id, title` of these papers.
    `homes`: `venue, venue_name, domain` of the registry. `as_of`: newest day on which a count was
    observed. Other frames are as their tables. `costs`: steps of the last night.
    """

    made_at: datetime
    setting: Setting
    as_of: date | None
    scores: pl.DataFrame
    titles: pl.DataFrame
    homes: pl.DataFrame
    coverage: pl.DataFrame
    aggregates: pl.DataFrame | None
    rising: pl.DataFrame | None
    validation: pl.DataFrame | None
    quality: pl.DataFrame | None
    last_night: LastNight | None
    costs: Sequence[Cost]


def write_overview(overview: Overview) -> Report:
    """The words, numbers, tables and pictures of the library as it stands."""
    scores = overview.scores.join(overview.homes, on="venue", how="left").with_columns(
        pl.col("domain").fill_null("other"), pl.col("venue_name").fill_null(pl.col("venue"))
    )
    sections = [
        library_section(overview.setting, scores, overview.as_of),
        reading_section(overview.setting.rule),
        coverage_section(scores, overview.coverage),
        distributions_section(scores),
        calibration_section(scores, overview.validation),
        leaders_section(scores, overview.titles),
        rising_section(overview.rising, overview.titles),
        venues_section(overview.aggregates),
        domains_section(overview.aggregates),
        topics_section(overview.aggregates),
        changes_section(overview.last_night),
        retrieval_section(overview.quality),
        validation_section(overview.validation),
        night_costs_section(overview.costs),
    ]
    return Report(overview.made_at, None, sections)
