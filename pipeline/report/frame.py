"""A page of HTML: no script, no network, readable on a phone and on paper, and by the keyboard.

Belongs here: what any report looks like. Not: what it says, nor how it opens (page.py,
impact/page.py). Every text is escaped, and a title's direction is its own (`dir="auto"`).
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape

import polars as pl

from pipeline.report.cells import cell_text, header, is_number
from pipeline.report.model import Listing, Picture, Section

STYLE = """
:root{color-scheme:light;--ink:#1b1f24;--soft:#57606a;--line:#d8dee4;--mark:#0b5394;--wash:#f6f8fa}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:1rem;background:#fff;color:var(--ink);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0}
h2{font-size:1.15rem;margin:2rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--line)}
.skip{position:absolute;left:-99rem}
.skip:focus{position:static}
.when{color:var(--soft);margin:0}
.words{font-size:1.1rem}
.words,section>p{max-width:46rem;overflow-wrap:anywhere}
section>p{margin:.5rem 0}
nav{margin-top:.5rem}
code{font-size:.9em;background:var(--wash);padding:.1em .25em}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;padding:0;margin:0}
nav a{display:inline-block;padding:.125rem 0}
a{color:var(--mark)}
a:focus-visible,.wide:focus-visible{outline:3px solid var(--mark);outline-offset:2px}
.figures{display:flex;flex-wrap:wrap;gap:0 2rem;align-items:flex-start}
figure{margin:1rem 0;flex:0 1 30rem;min-width:0;break-inside:avoid}
figure img{display:block;width:100%;height:auto}
figcaption{color:var(--soft);font-size:.875rem}
.wide{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.25rem 0}
th,td{padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top;
border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:600;vertical-align:bottom}
tbody th{font-weight:400}
td.n,th.n{text-align:right}td.n{white-space:nowrap}th.n{min-width:4rem}
.t{min-width:14rem;overflow-wrap:anywhere}
.more{color:var(--soft);font-size:.875rem;margin:0}
@media print{html{font-size:11px}body{max-width:none;padding:0}nav,.skip{display:none}
.wide{overflow:visible}h2,caption{break-after:avoid}tr{break-inside:avoid}
table{width:100%;font-size:.75rem}th,td{padding:.125rem .375rem .125rem 0}th.n{min-width:0}
.t{min-width:8rem}thead{display:table-header-group}figure{flex-basis:47%}}
"""
WIDE_TEXT = frozenset({"title", "before", "after", "what", "setting", "note"})
# Whatever a title might smuggle in: nothing is loaded, nothing is run.
_COMMAND = re.compile(r"`(csimpact [\w -]+)`")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def html_page(
    title: str,
    heading: str,
    when: str,
    words: str,
    sections: Sequence[Section],
    *,
    say_words: bool = False,
) -> str:
    """The whole page; `say_words` has each section begin with its own."""
    links = "".join(f'<li><a href="#{s.key}">{escape(s.title)}</a></li>' for s in sections)
    body = "".join(_section(section, say_words) for section in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#main">Skip to the report</a>\n'
        f'<header>\n<h1>{escape(heading)}</h1>\n<p class="when">{escape(when)}</p>\n</header>\n'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n<main id="main" tabindex="-1">\n'
        f"{_paragraphs(words, 'words')}{body}</main>\n</body>\n</html>\n"
    )


def _paragraphs(words: str, kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    lines = (_COMMAND.sub(r"<code>\1</code>", escape(line)) for line in words.splitlines() if line)
    return "".join(f"<p{mark}>{line}</p>\n" for line in lines)


def _section(section: Section, say_words: bool) -> str:
    name = f"{section.key}-title"
    words = _paragraphs(section.words) if say_words else ""
    pictures = "".join(_picture(section.key, one) for one in section.pictures)
    figures = f'<div class="figures">\n{pictures}</div>\n' if pictures else ""
    tables = "".join(_table(section.key, one) for one in section.listings)
    return (
        f'<section id="{section.key}" aria-labelledby="{name}">\n'
        f'<h2 id="{name}">{escape(section.title)}</h2>\n{words}{figures}{tables}</section>\n'
    )


def _picture(key: str, picture: Picture) -> str:
    width, height = (int.from_bytes(picture.png[at : at + 4], "big") for at in (16, 20))
    return (
        f'<figure id="{key}-{picture.name}-figure">\n'
        # Sizes keep the text from jumping while the page loads.
        f'<img alt="{escape(picture.alt)}" width="{width}" height="{height}" '
        f'src="data:image/png;base64,{b64encode(picture.png).decode()}">\n'
        f"<figcaption>{escape(picture.caption)}</figcaption>\n</figure>\n"
    )


def _table(key: str, listing: Listing) -> str:
    rows, name = listing.rows, f"{key}-{listing.name}"
    numeric = {c: is_number(dtype, c) for c, dtype in rows.schema.items()}
    heads = "".join(
        f'<th scope="col" class="{"n" if n else "w"}">'
        f"{_unbroken(escape(listing.heads.get(c, header(c))))}</th>"
        for c, n in numeric.items()
    )
    body = "".join(
        _row(row, numeric, listing.subject) for row in rows.head(listing.shown).iter_rows()
    )
    return (
        # Reached by the keyboard, since only then can it be scrolled without a mouse.
        f'<div class="wide" role="region" aria-labelledby="{name}" tabindex="0">\n<table>\n'
        f'<caption id="{name}">{escape(listing.caption)}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n"
        f"{_more(rows, listing.shown)}"
    )


def _unbroken(text: str) -> str:
    """The text, in which `0–1` stays on one line."""
    return text.replace("0–1", "0\u2060–\u20601")


def _row(row: tuple[object, ...], numeric: dict[str, bool], subject: str) -> str:
    cells = []
    for (name, number), value in zip(numeric.items(), row, strict=True):
        text = escape(cell_text(name, value))
        if number:
            cells.append(f'<td class="n">{text}</td>')
            continue
        wide = ' class="t"' if name in WIDE_TEXT else ""
        tag, scope = ("th", ' scope="row"') if name == subject else ("td", "")
        cells.append(f'<{tag}{scope}{wide} dir="auto">{text}</{tag}>')
    return f"<tr>{''.join(cells)}</tr>\n"


def _more(rows: pl.DataFrame, shown: int) -> str:
    if rows.height <= shown:
        return ""
    return f'<p class="more">and {rows.height - shown:,} more, in the JSON beside this page</p>\n'
