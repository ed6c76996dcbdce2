"""The tables and views as a SQL script, for a DuckDB of one's own: its command line, or a BI tool.

Belongs here: the script. Not: which views there are (views.py), or asking them here (sql.py).

The script has no locks and no check of damage: what opens it may do what its user may. It names
files by patterns, so that new venue-years are there without a new script.
"""

import re
from typing import TYPE_CHECKING

from pipeline.query.sql import files_of, reading
from pipeline.query.views import VIEWS, quoted, select_of
from pipeline.tables import TABLES, Column, Table
from resources.lake import Lake
from resources.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection

_HEAD = (
    "-- Tables and views of a csimpact library, for DuckDB: `csimpact sql --views > views.sql`.",
    "-- Tables without a file yet are empty here: print the script again after a refresh.",
)


def views_script(workspace: Workspace) -> str:
    """CREATE VIEW for every table and view, with comments that say what names mean."""
    import duckdb

    lines = [*_HEAD]
    with duckdb.connect(":memory:") as connection:
        for table in TABLES.values():
            select = _reading(workspace.lake, table) or _nothing(connection, table)
            lines += _statements(table.name, table.meaning, table.columns, select)
    for view in VIEWS.values():
        select = select_of(view, workspace)
        lines += _statements(view.name, view.meaning, view.columns, select)
    return "\n".join(lines) + "\n"


def _statements(name: str, meaning: str, columns: "Mapping[str, Column]", select: str) -> list[str]:
    told = {
        column: f"{c.meaning} [{c.unit}]" if c.unit else c.meaning for column, c in columns.items()
    }
    return [
        f"CREATE OR REPLACE VIEW {name} AS\n{select};",
        f"COMMENT ON VIEW {name} IS {quoted(meaning)};",
        *(f'COMMENT ON COLUMN {name}."{c}" IS {quoted(text)};' for c, text in told.items()),
    ]


def _reading(lake: Lake, table: Table) -> str | None:
    """A SELECT from the table's files, or None where it has none."""
    if not files_of(lake, table):
        return None
    # A bracket in the folder's name would be read as a choice of letters.
    root = re.sub(r"([*?\[])", r"[\1]", str(lake.root.absolute()))
    cell = "venue=*/year=*/" if table.partitioned else ""
    files = quoted(f"{root}/{table.name}/{cell}part.parquet")
    return reading(table, files)


def _nothing(connection: "DuckDBPyConnection", table: Table) -> str:
    """A SELECT of the table's columns and no rows."""
    connection.register(table.name, table.empty().to_arrow())
    types = connection.sql(f"DESCRIBE {table.name}").to_arrow_table().to_pylist()
    columns = ", ".join(f'NULL::{c["column_type"]} AS "{c["column_name"]}"' for c in types)
    return f"SELECT {columns} WHERE false"
