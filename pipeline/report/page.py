"""A report as one HTML page: no script, no network, readable on a phone and on paper.

Belongs here: what a report looks like. Not: what it says. Every text is escaped, and a title's
direction is its own (`dir="auto"`).
"""

from html import escape

import polars as pl

from pipeline.report.cells import cell_text, header, is_number
from pipeline.report.model import Listing, Report, Section, said_time

STYLE = """
:root{color-scheme:light;--ink:#1b1f24;--soft:#57606a;--line:#d8dee4;--mark:#0b5394;--wash:#f6f8fa}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:1rem;background:#fff;color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0}
h2{font-size:1.15rem;margin:2rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--line)}
.when{color:var(--soft);margin:0}
.words{font-size:1.1rem;max-width:46rem;overflow-wrap:anywhere}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;padding:0;margin:0}
a{color:var(--mark)}
a:focus-visible,.wide:focus-visible{outline:3px solid var(--mark);outline-offset:2px}
.wide{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.25rem 0}
th,td{padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top;
border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:600;white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap}
td.t{min-width:14rem;overflow-wrap:anywhere}
.more{color:var(--soft);font-size:.875rem;margin:0}
@media print{body{max-width:none;padding:0;font-size:11px}nav{display:none}
.wide{overflow:visible}h2{break-after:avoid}tr{break-inside:avoid}thead{display:table-header-group}}
"""
WIDE_TEXT = frozenset({"title", "before", "after", "what"})


def report_page(report: Report) -> str:
    """The whole page."""
    since = f"since {said_time(report.since)}" if report.since else "the first report"
    title = f"csimpact, {said_time(report.made_at)}"
    shown = [section for section in report.sections if section.listings]
    links = "".join(f'<li><a href="#{s.key}">{escape(s.title)}</a></li>' for s in shown)
    body = "".join(map(_section, shown))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<header>\n<h1>What changed in the library</h1>\n<p class="when">'
        f"{said_time(report.made_at)}, {since}</p>\n</header>\n<main>\n"
        f'<p class="words">{escape(report.words)}</p>\n'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n{body}</main>\n</body>\n</html>\n'
    )


def _section(section: Section) -> str:
    name = f"{section.key}-title"
    tables = "".join(_table(section.key, one) for one in section.listings)
    return (
        f'<section id="{section.key}" aria-labelledby="{name}">\n'
        f'<h2 id="{name}">{escape(section.title)}</h2>\n{tables}</section>\n'
    )


def _table(key: str, listing: Listing) -> str:
    rows, name = listing.rows, f"{key}-{listing.name}"
    numeric = {c: is_number(dtype, c) for c, dtype in rows.schema.items()}
    heads = "".join(
        f'<th scope="col" class="{"n" if n else "w"}">{escape(header(c))}</th>'
        for c, n in numeric.items()
    )
    body = "".join(_row(row, numeric) for row in rows.head(listing.shown).iter_rows())
    return (
        # Reached by the keyboard, since only then can it be scrolled without a mouse.
        f'<div class="wide" role="region" aria-labelledby="{name}" tabindex="0">\n<table>\n'
        f'<caption id="{name}">{escape(listing.caption)}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n"
        f"{_more(rows, listing.shown)}"
    )


def _row(row: tuple[object, ...], numeric: dict[str, bool]) -> str:
    cells = []
    for (name, number), value in zip(numeric.items(), row, strict=True):
        text = escape(cell_text(name, value))
        if number:
            cells.append(f'<td class="n">{text}</td>')
        else:
            wide = ' class="t"' if name in WIDE_TEXT else ""
            cells.append(f'<td{wide} dir="auto">{text}</td>')
    return f"<tr>{''.join(cells)}</tr>\n"


def _more(rows: pl.DataFrame, shown: int) -> str:
    if rows.height <= shown:
        return ""
    return f'<p class="more">and {rows.height - shown:,} more, in the JSON beside this page</p>\n'
