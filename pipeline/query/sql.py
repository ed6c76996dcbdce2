"""SQL over the lake: DuckDB reads the Parquet files in place and can do nothing else.

Belongs here: the views, and what a query may not do. Not: what the tables mean
(pipeline/tables).

Three locks, since each alone has had holes: only one statement that reads is let through; DuckDB
may open files of the lake and nothing else; its configuration is frozen. The database itself is
in memory and forgotten afterwards.
"""

import re
from typing import TYPE_CHECKING

import polars as pl

from pipeline.errors import InputError
from pipeline.tables import TABLES, Table
from resources.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?:ANALYZE\s+)?(?=\S)", re.I)
READING = "one SELECT, WITH, DESCRIBE, SHOW or EXPLAIN"


def run_sql(lake: Lake, query: str) -> pl.DataFrame:
    """The answer to one reading statement; every table of the lake is a view of its name.

    Raises:
        InputError: it is not one statement, it does more than read, or DuckDB refuses it.
        DamagedError: a table it names is not what was written.
    """
    import duckdb  # a quarter of a second that no other answer needs

    with duckdb.connect(":memory:") as connection:
        named = [t for t in TABLES.values() if re.search(rf"\b{t.name}\b", query, re.I)]
        try:
            _check(connection, query)
            for table in named:
                lake.check(table.name)
            for table in TABLES.values():
                _create_view(connection, lake, table, may_fail=table not in named)
            _lock(connection, lake)
            return _frame(connection.sql(query).to_arrow_table())
        except (duckdb.Error, pl.exceptions.PolarsError) as problem:
            if isinstance(problem, (duckdb.IOException, duckdb.InvalidInputException)):
                for table in named:  # perhaps a file is wrong, not the query
                    lake.check(table.name, deep=True)
            raise InputError(f"SQL: {_one_line(problem)}") from problem


def _check(connection: "DuckDBPyConnection", query: str) -> None:
    from duckdb import StatementType

    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise InputError(f"SQL: expected {READING}, received {len(statements)} statements")
    kind = statements[0].type
    if kind == StatementType.EXPLAIN:
        # EXPLAIN ANALYZE runs what it explains: that, too, may only read.
        explained = _EXPLAIN.sub("", query, count=1)
        inner = connection.extract_statements(explained)
        kind = inner[0].type if len(inner) == 1 else kind
        if kind == StatementType.EXPLAIN:
            raise InputError("SQL: expected EXPLAIN or EXPLAIN ANALYZE before a SELECT")
    if kind != StatementType.SELECT:
        raise InputError(f"SQL: expected {READING}, received {kind.name}: nothing was changed")


def _create_view(
    connection: "DuckDBPyConnection", lake: Lake, table: Table, *, may_fail: bool
) -> None:
    """A view of the table's files; with `may_fail`, of no rows where they cannot be read."""
    import duckdb

    if table.partitioned:
        paths = [lake.path(table.name, cell) for cell in lake.cells(table.name)]
    else:
        paths = [path for path in [lake.path(table.name)] if path.exists()]
    if not paths:
        connection.register(table.name, table.empty().to_arrow())
        return
    # Venue and year are columns of the files already; folder names add nothing.
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    try:
        connection.execute(
            f"CREATE VIEW {table.name} AS "
            f"SELECT * FROM read_parquet([{files}], hive_partitioning = false)"
        )
    except duckdb.Error:
        if not may_fail:
            raise
        connection.register(table.name, table.empty().to_arrow())


def _lock(connection: "DuckDBPyConnection", lake: Lake) -> None:
    folder = "'" + str(lake.root).replace("'", "''") + "/'"
    for setting in (
        "temp_directory = ''",  # a query too large for memory fails instead of writing
        f"allowed_directories = [{folder}]",
        "enable_external_access = false",
        "python_enable_replacements = false",  # or FROM x reads variables of this process
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")


def _frame(answer: "pa.Table") -> pl.DataFrame:
    """The answer with columns of one name told apart, and whole decimals (sums) as integers."""
    names: list[str] = []
    for name in answer.column_names:
        repeats = sum(name == n for n in answer.column_names[: len(names)])
        names.append(f"{name}_{repeats}" if repeats else name)
    frame = pl.DataFrame(pl.from_arrow(answer.rename_columns(names)))
    sums = [
        n for n, dtype in frame.schema.items() if isinstance(dtype, pl.Decimal) and not dtype.scale
    ]
    return frame.with_columns(
        pl.col(n).cast(pl.Int64)
        for n in sums
        if frame[n].cast(pl.Int64, strict=False).null_count() == frame[n].null_count()
    )


def _one_line(problem: Exception) -> str:
    """DuckDB's message without the excerpt and the caret under it."""
    text = str(problem).split("\n\nLINE ")[0]
    return " ".join(text.split()) or type(problem).__name__
