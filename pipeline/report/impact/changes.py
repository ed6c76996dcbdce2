"""What the last night changed, and what it cost.

Belongs here: the nightly report in short, from the document beside its page. Not: comparing tables
(pipeline/report/night.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from pipeline.report.costs import Cost, costs_section
from pipeline.report.model import Listing, Section
from pipeline.wording import said_time

TITLE = "Changes since last night"
TOLD = ("papers", "counts", "scores", "edges", "coverage", "failures")
MOVERS = 10
_MOVERS: dict[str, pl.DataType] = {
    "title": pl.String(), "venue": pl.String(), "year": pl.Int32(), "before": pl.Float64(),
    "after": pl.Float64(), "change": pl.Float64(), "why": pl.String(),
    "citations_before": pl.Int64(), "citations": pl.Int64(),
}  # fmt: skip


@dataclass(frozen=True)
class LastNight:
    """The newest nightly report: since when it tells, its sections' words, and scores that moved.

    `since` None: it was the first, and told of everything as new.
    """

    made_at: datetime
    since: datetime | None
    words: Sequence[str]
    movers: pl.DataFrame

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "LastNight":
        """From the document beside the page; raises KeyError or ValueError if it is none."""
        sections, since = document["sections"], document.get("since")
        moved = sections.get("scores", {}).get("tables", {}).get("moved", {}).get("rows", [])
        rows = [{name: row.get(name) for name in _MOVERS} for row in moved[:MOVERS]]
        told = [sections[key]["words"] for key in (*TOLD, "tables") if key in sections]
        return cls(
            datetime.fromisoformat(document["made_at"]),
            datetime.fromisoformat(since) if since else None,
            [words for words in told if words],
            pl.DataFrame(rows, schema=_MOVERS, orient="row"),
        )


def changes_section(night: LastNight | None) -> Section:
    """The newest nightly report in a paragraph, and the scores that moved farthest."""
    if night is None:
        words = "No nightly report yet: `csimpact refresh` makes one where rows moved."
        return Section("changes", TITLE, words, {})
    since = f" since {said_time(night.since)}" if night.since else ""
    opening = f"The report of {said_time(night.made_at)}{since}:"
    heads = {
        "before": "score before (0–1)", "after": "score after (0–1)", "change": "change (score)",
        "citations_before": "citations before",
    }  # fmt: skip
    movers = Listing("moved", "Scores that moved farthest", night.movers, MOVERS, heads, "title")
    return Section(
        "changes",
        TITLE,
        " ".join([opening, *night.words]),
        {},
        (movers,) if night.movers.height else (),
    )


def night_costs_section(costs: Sequence[Cost]) -> Section:
    """What ran since the report before the last, and what it cost."""
    section = costs_section(costs)
    listings = [replace(one, shown=20) for one in section.listings]
    return replace(section, title="Cost of the night", listings=listings)
