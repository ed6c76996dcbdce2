"""The page of a night: what changed, in one paragraph, then the tables behind it.

Belongs here: how that page opens. Not: what any page looks like (frame.py).
"""

from pipeline.report.frame import html_page
from pipeline.report.model import Report
from pipeline.wording import said_time


def report_page(report: Report) -> str:
    """The whole page."""
    made_at = said_time(report.made_at)
    since = f"since {said_time(report.since)}" if report.since else "the first report"
    shown = [section for section in report.sections if section.listings]
    return html_page(
        f"csimpact, {made_at}",
        "What changed in the library",
        f"{made_at}, {since}",
        report.words,
        shown,
    )
