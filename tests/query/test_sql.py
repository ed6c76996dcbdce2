"""What SQL may do, and what it must not."""

from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import InputError
from pipeline.query import Library
from pipeline.query.views import VIEWS
from pipeline.settings import DataDir
from pipeline.tables import TABLES


@pytest.fixture
def library(library_env: DataDir) -> Library:
    return Library(library_env)


def test_every_table_is_there_with_its_columns(library: Library) -> None:
    """A view left out, or one with the folder's venue beside the file's, misleads silently."""
    assert library.sql("SHOW TABLES")["name"].to_list() == sorted({*TABLES, *VIEWS})
    for name, table in TABLES.items():
        described = library.sql(f"DESCRIBE {name}")
        assert described["column_name"].to_list() == table.schema.names()


def test_sums_are_integers_and_repeated_names_are_told_apart(library: Library) -> None:
    """DuckDB sums to 128 bits, which JSON would print as text, and allows one name twice."""
    found = library.sql("SELECT sum(cited_by_count) AS n, 1 AS a, 2 AS a FROM citation_counts")
    assert found.columns == ["n", "a", "a_1"]
    assert found.schema["n"] == pl.Int64
    assert found.row(0)[1:] == (1, 2)


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO papers VALUES (1)",
        "COPY papers TO '{folder}/out.csv'",
        "COPY (SELECT 1) TO '{lake}/out.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/out.csv'",
        "EXPLAIN ANALYZE /**/ COPY (SELECT 1) TO '{lake}/out.csv'",
        "EXPLAIN /* */ ANALYZE COPY (SELECT 1) TO '{lake}/out.csv'",
        "-- EXPLAIN\nEXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/out.csv'",
        "EXPLAIN EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/out.csv'",
        "EXPORT DATABASE '{folder}'",
        "ATTACH '{folder}/other.duckdb'",
        "PRAGMA version",
        "SET memory_limit = '1GB'",
        "CREATE TABLE mine AS SELECT 1",
        "DROP VIEW papers",
        "CALL pragma_version()",
        "INSTALL httpfs",
        "SELECT 1; DROP VIEW papers",
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM read_text('{lake}/../../secret.csv')",
        "SELECT * FROM glob('{folder}/*')",
        "WITH x AS (DELETE FROM papers RETURNING 1) SELECT * FROM x",
        "COPY scores TO '{folder}/out.parquet'",
        "COPY (FROM venue_years) TO '{lake}/papers/venue=acl/year=2020/part.parquet'",
        "/* SELECT */ COPY scores TO '{folder}/out.csv'",
        "SELECT 1; -- one\nCOPY scores TO '{folder}/out.csv'",
        "CREATE OR REPLACE VIEW scores AS SELECT 1",
        "DROP VIEW scores",
        "ALTER VIEW scores RENAME TO mine",
        "COMMENT ON VIEW scores IS 'mine'",
        "UPDATE scores SET tncsi_sp = 1",
        "DELETE FROM scores",
        "TRUNCATE papers",
        "WITH x AS (INSERT INTO scores SELECT * FROM scores RETURNING 1) FROM x",
        "WITH x AS (UPDATE papers SET year = 1 RETURNING 1) FROM x",
        "EXPLAIN ANALYZE DELETE FROM papers",
        "ATTACH ':memory:' AS other",
        "DETACH memory",
        "USE memory",
        "LOAD httpfs",
        "FORCE INSTALL httpfs",
        "UPDATE EXTENSIONS",
        "IMPORT DATABASE '{folder}'",
        "SET enable_external_access = true",
        "RESET enable_external_access",
        "PRAGMA enable_profiling",
        "PRAGMA database_list",
        "CREATE SECRET s (TYPE s3)",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "BEGIN",
        "CHECKPOINT",
        "VACUUM",
        "CREATE MACRO m() AS 1",
        "SELECT * FROM enable_logging('all', storage = 'file', storage_path = '{folder}/log')",
        "SELECT * FROM enable_profiling(save_location = '{lake}/profile.json')",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{folder}/out.csv''')",
        "SELECT * FROM '/etc/passwd'",
        "FROM '/etc/passwd'",
        "SELECT * FROM scores, read_csv('/etc/passwd')",
        "SELECT * FROM read_csv(['/etc/passwd'], header = false)",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM read_json('{folder}/secret.csv')",
        "SELECT * FROM read_parquet('{folder}/secret.csv')",
        "SELECT * FROM read_parquet('https://example.invalid/a.parquet')",
        "SELECT * FROM parquet_metadata('{folder}/secret.csv')",
        "SELECT * FROM read_duckdb('{folder}/other.duckdb', table_name = 't')",
        "SELECT * FROM sniff_csv('{folder}/secret.csv')",
        "SELECT * FROM '{lake}/../../../../../../../../etc/passwd'",
        "SELECT getenv('HOME')",
        "",
        "-- nothing",
        "SELEC 1",
        "SELECT no_such_column FROM papers",
    ],
)
def test_what_does_not_only_read_the_lake_is_refused_in_one_line(
    library: Library, library_env: DataDir, tmp_path: Path, query: str
) -> None:
    """SQL from a notebook or an agent must not write, nor read other files of the machine."""
    (tmp_path / "secret.csv").write_text("a\n1\n")
    before = sorted(library_env.lake.rglob("*"))
    with pytest.raises(InputError, match=r"^SQL: ") as caught:
        library.sql(query.format(folder=tmp_path, lake=library_env.lake))
    assert "\n" not in str(caught.value)
    assert sorted(library_env.lake.rglob("*")) == before
    assert [p.name for p in tmp_path.iterdir()] == ["secret.csv"]


def test_explain_is_let_through(library: Library) -> None:
    """Refusing every EXPLAIN would be safe, and of no use."""
    for query in ("EXPLAIN SELECT * FROM papers", "explain analyze SELECT count(*) FROM papers"):
        assert library.sql(query).height == 1


def test_variables_of_this_process_are_no_tables(library: Library) -> None:
    """DuckDB reads Python variables by name unless told not to."""
    secret = pl.DataFrame({"a": [1]})
    with pytest.raises(InputError, match="no table or view secret"):
        library.sql("SELECT * FROM secret")
    assert secret.height == 1
