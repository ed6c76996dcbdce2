"""The page of the impact report.

Belongs here: how that page opens. Not: what any page looks like (pipeline/report/frame.py).
"""

from pipeline.report.frame import html_page
from pipeline.report.model import Report
from pipeline.wording import said_time


def overview_page(report: Report) -> str:
    """The whole page."""
    made_at = said_time(report.made_at)
    return html_page(
        f"csimpact, impact as of {made_at}",
        "Impact in the library",
        f"made {made_at}",
        "",
        report.sections,
        say_words=True,
    )
