"""SQL over the lake: DuckDB reads the Parquet files in place and can do nothing else.

Belongs here: making the tables and views that a query names, and what a query may not do. Not: what
tables mean (pipeline/tables), or which views there are (views.py).

Three locks, since each alone has had holes: only one statement that reads is let through; DuckDB
may open files of the lake and nothing else; its configuration is frozen. The database itself is
in memory and forgotten afterwards. A query pays for what it names: views of all tables would take
longer than most answers.
"""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

import polars as pl

from pipeline.errors import InputError, StorageError
from pipeline.query.near import near_names, nearest_said
from pipeline.query.views import VIEWS, described, listed, quoted, reached, select_of
from pipeline.tables import TABLES, Table
from resources.lake import Lake
from resources.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?:ANALYZE\s+)?(?=\S)", re.I)
_LISTING = re.compile(r"\b(?:SHOW|DESC|DESCRIBE)\b", re.I)
_CATALOGUE = re.compile(r"\b(?:information_schema|sqlite_master|(?:duckdb|pg|pragma)_\w+)\b", re.I)
_SHOW_TABLES = re.compile(r"\s*SHOW\s+TABLES\s*;?\s*", re.I)
_DESCRIBE = re.compile(r'\s*(?:DESC|DESCRIBE|SHOW)\s+"?(\w+)"?\s*;?\s*', re.I)
_UNKNOWN = re.compile(r"Table with name (\w+) does not exist")
READING = "one SELECT, WITH, DESCRIBE, SHOW or EXPLAIN"


def run_sql(workspace: Workspace, query: str) -> pl.DataFrame:
    """The answer to one reading statement over the lake's tables and the views of VIEWS.

    Args:
        workspace: whose files are read, whose pool rule and encoder the views show the scores of.
        query: DuckDB's SQL.

    Raises:
        InputError: it is not one statement, it does more than read, or DuckDB refuses it.
        DamagedError: a table it names, or that a view it names reads, is not what was written.
        StorageError: such a table was made by an older version and lacks columns.
    """
    import duckdb  # a quarter of a second that no other answer needs

    lake = workspace.lake
    named = [n for n in (*TABLES, *VIEWS) if re.search(rf"\b{n}\b", query, re.I)]
    tables, views = reached(named)
    # Only the catalogue tells of what nobody named: then all must be there, whole or not.
    lists = bool(_CATALOGUE.search(query) or (not named and _LISTING.search(query)))
    with duckdb.connect(":memory:") as connection:
        try:
            _check(connection, query)
            for table in tables:
                lake.check(table)
            made = reached([*TABLES, *VIEWS]) if lists else (tables, views)
            for table in made[0]:
                _create_table(connection, lake, TABLES[table], may_fail=table not in tables)
            for view in made[1]:
                select = select_of(VIEWS[view], workspace)
                _create_view(connection, view, select, may_fail=view not in views)
            _lock(connection, lake)
            return _with_meanings(query, _frame(connection.sql(query).to_arrow_table()))
        except (duckdb.Error, pl.exceptions.PolarsError) as problem:
            if isinstance(
                problem, (duckdb.BinderException, duckdb.IOException, duckdb.InvalidInputException)
            ):
                _blame_files(lake, tables)  # perhaps a file is wrong, not the query
            raise InputError(f"SQL: {_one_line(problem)}") from problem


def _check(connection: "DuckDBPyConnection", query: str) -> None:
    from duckdb import StatementType

    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise InputError(f"SQL: expected {READING}, received {len(statements)} statements")
    try:
        kind = statements[0].type
    except (
        ValueError
    ) as problem:  # a kind that DuckDB has not told Python of, such as UPDATE EXTENSIONS
        raise InputError(f"SQL: expected {READING}, received another statement") from problem
    if kind == StatementType.EXPLAIN:
        # EXPLAIN ANALYZE runs what it explains: that, too, may only read.
        explained = _EXPLAIN.sub("", query, count=1)
        inner = connection.extract_statements(explained)
        kind = inner[0].type if len(inner) == 1 else kind
        if kind == StatementType.EXPLAIN:
            raise InputError("SQL: expected EXPLAIN or EXPLAIN ANALYZE before a SELECT")
    if kind != StatementType.SELECT:
        raise InputError(f"SQL: expected {READING}, received {kind.name}: nothing was changed")


def files_of(lake: Lake, table: Table) -> "list[Path]":
    """Every file of a table, in the order of its cells."""
    if table.partitioned:
        return [lake.path(table.name, cell) for cell in lake.cells(table.name)]
    return [path for path in [lake.path(table.name)] if path.exists()]


def _create_table(
    connection: "DuckDBPyConnection", lake: Lake, table: Table, *, may_fail: bool
) -> None:
    """The table's files by its name; with `may_fail`, no rows where they cannot be read."""
    if not (paths := files_of(lake, table)):
        connection.register(table.name, table.empty().to_arrow())
        return
    files = ", ".join(quoted(str(path)) for path in paths)
    _create_view(connection, table.name, reading(table, f"[{files}]"), may_fail=may_fail)


def reading(table: Table, files: str) -> str:
    """A SELECT of a table's rows; `files` as SQL names them."""
    # Venue and year are columns of the files already: their folders' names only spare the opening
    # of files that a query leaves out, a fifth of the time of one venue-year.
    typed = "hive_partitioning = true, hive_types = {'venue': VARCHAR, 'year': INTEGER}"
    folders = typed if table.partitioned else "hive_partitioning = false"
    return f"SELECT * FROM read_parquet({files}, {folders})"


def _create_view(
    connection: "DuckDBPyConnection", name: str, select: str, *, may_fail: bool
) -> None:
    import duckdb

    try:
        connection.execute(f"CREATE VIEW {name} AS {select}")
    except duckdb.Error:
        if not may_fail:
            raise
        columns = (VIEWS[name] if name in VIEWS else TABLES[name]).columns
        empty = pl.DataFrame(schema={column: c.dtype for column, c in columns.items()})
        connection.register(name, empty.to_arrow())


def _blame_files(lake: Lake, tables: Collection[str]) -> None:
    """Raise if a file of `tables` is not what was written, or is of an older version."""
    for name in tables:
        lake.check(name, deep=True)
        declared = TABLES[name].schema.names()
        for path in files_of(lake, TABLES[name]):
            held = pl.scan_parquet(path, glob=False).collect_schema()
            if lacking := [column for column in declared if column not in held]:
                place = path.parent.relative_to(lake.root)
                raise StorageError(
                    f"{place} was made by an older version and lacks {', '.join(lacking)}: "
                    "run `csimpact refresh`"
                )


def _lock(connection: "DuckDBPyConnection", lake: Lake) -> None:
    for setting in (
        "temp_directory = ''",  # a query too large for memory fails instead of writing
        f"allowed_directories = [{quoted(f'{lake.root}/')}]",
        "enable_external_access = false",
        "python_enable_replacements = false",  # or FROM x reads variables of this process
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")


def _with_meanings(query: str, answer: pl.DataFrame) -> pl.DataFrame:
    """SHOW TABLES and DESCRIBE with what names mean, in place of columns that are always empty."""
    if _SHOW_TABLES.fullmatch(query):
        return answer.select("name").join(listed(), on="name", maintain_order="left")
    asked = _DESCRIBE.fullmatch(query)
    if not asked or (name := asked[1].lower()) not in {*TABLES, *VIEWS}:
        return answer
    types = answer.select("column_name", "column_type")
    return types.join(described(name), on="column_name", how="left", maintain_order="left")


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
    """DuckDB's message without the excerpt and the caret under it; near names are ours."""
    text = str(problem).split("\n\nLINE ")[0]
    known, unknown = [*VIEWS, *TABLES], _UNKNOWN.search(text)
    if unknown and unknown[1] not in known:  # DuckDB knows only what the query named
        near = nearest_said(near_names(unknown[1], known))
        return f"no table or view {unknown[1]}{near}; `csimpact sql --list` tells all"
    return " ".join(text.split()) or type(problem).__name__
