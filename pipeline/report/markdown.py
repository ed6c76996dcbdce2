"""A report as Markdown, for Dagster's metadata.

Belongs here: the same words and tables, shortened. Not: escaping (pipeline/release/markdown.py).
"""

from pipeline.release.markdown import plain, table_lines
from pipeline.report.cells import cell_text, header
from pipeline.report.model import Listing, Report

SHOWN = 15  # rows of a table


def report_markdown(report: Report) -> str:
    """Words, then tables of at most SHOWN rows."""
    # Word by word: a title is shortened, a paragraph is not.
    lines = [" ".join(map(plain, report.words.split()))]
    for section in report.sections:
        if section.listings:
            lines += ["", f"## {section.title}"]
        for listing in section.listings:
            lines += ["", f"{listing.caption}:", "", *_table(listing)]
    return "\n".join(lines) + "\n"


def _table(listing: Listing) -> list[str]:
    rows = listing.rows.head(min(SHOWN, listing.shown))
    names = [header(name) for name in rows.columns]
    cells = [
        [plain(cell_text(n, v)) for n, v in zip(rows.columns, row, strict=True)]
        for row in rows.iter_rows()
    ]
    more = listing.rows.height - rows.height
    return [*table_lines(names, cells), *([f"\nand {more:,} more"] if more else [])]
