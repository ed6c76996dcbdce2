"""The views an analyst asks: names that stay, each declared once with meaning and columns.

Belongs here: which views there are, what must exist for one to be asked, and what is told of them.
Not: their SELECTs (paper_views.py, group_views.py), making them (sql.py), or printing them for
another tool (sql_script.py).

A view joins what a question nearly always joins: scores with titles and domains, of the pool rule
and encoder in use only. `docs/views.md` is generated from here (`python -m pipeline.query`).
"""

from collections.abc import Collection, Mapping

import polars as pl

from pipeline.query import group_views, paper_views
from pipeline.query.view import View
from pipeline.tables import TABLES
from resources.workspace import Workspace

VIEWS: Mapping[str, View] = {
    v.name: v
    for v in (
        group_views.VENUES,
        paper_views.SCORES,
        paper_views.PAPER_AUTHORS,
        group_views.VENUE_YEARS,
        paper_views.COUNT_HISTORY,
        paper_views.POOL_MEMBERS,
        paper_views.CITATION_EDGES,
        group_views.TOPICS_OF_PAPERS,
        group_views.AGGREGATES,
        paper_views.RISING,
        paper_views.VARIANT_SCORES,
    )
}
"""By name, each after those it reads."""


def reached(names: Collection[str]) -> tuple[list[str], list[str]]:
    """(tables, views) that must exist for `names` to be asked, views in the order to make them."""
    wanted = set(names)
    for view in reversed(list(VIEWS.values())):
        if view.name in wanted:
            wanted.update(view.reads)
    return [t for t in TABLES if t in wanted], [v for v in VIEWS if v in wanted]


def select_of(view: View, workspace: Workspace) -> str:
    """The view's SELECT with what is in use here put in."""
    rows = ", ".join(
        f"({quoted(v.slug)}, {quoted(v.name)}, {quoted(v.domain)}, {v.first_year}::INTEGER)"
        for v in workspace.venues
    )
    return view.select.strip().format(config_id=quoted(workspace.config_id), venues=rows)


def quoted(text: str) -> str:
    """`text` as a string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def listed() -> pl.DataFrame:
    """`name, kind, meaning` of every view and table: views first."""
    rows = [(v.name, "view", v.meaning) for v in VIEWS.values()]
    rows += [(t.name, "table", t.meaning) for t in TABLES.values()]
    return pl.DataFrame(rows, schema=["name", "kind", "meaning"], orient="row")


def described(name: str) -> pl.DataFrame:
    """`column_name, unit, meaning` of every column of a view or table."""
    columns = VIEWS[name].columns if name in VIEWS else TABLES[name].columns
    rows = [(column, c.unit, c.meaning) for column, c in columns.items()]
    return pl.DataFrame(rows, schema=["column_name", "unit", "meaning"], orient="row")


def views_page() -> str:
    """`docs/views.md`: every view with its columns."""
    lines = [
        "# Views of `csimpact sql`",
        "",
        "Generated from `pipeline/query` by `python -m pipeline.query`; a test "
        "keeps it current. Every table of the [data dictionary](data-dictionary.md) can be asked "
        "by its name as well; [ready-made examples](sql.md).",
    ]
    for view in VIEWS.values():
        reads = ", ".join(f"`{name}`" for name in view.reads) or "`pipeline/venues.toml`"
        lines += ["", f"## `{view.name}`", "", view.meaning, "", f"Reads {reads}.", ""]
        lines += ["| column | type | null | unit | meaning |", "|---|---|---|---|---|"]
        lines += [
            f"| `{name}` | {c.dtype} | {'yes' if c.nullable else ''} | {c.unit} | {c.meaning} |"
            for name, c in view.columns.items()
        ]
    return "\n".join(lines) + "\n"
