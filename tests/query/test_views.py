"""The named views: what they declare is what they give, here and in another DuckDB."""

import re
from pathlib import Path
from shutil import copytree

import duckdb
import polars as pl
import pytest

from pipeline.errors import DamagedError, InputError, StorageError
from pipeline.query import Library
from pipeline.query.views import VIEWS, described, listed, reached, views_page
from pipeline.settings import PROJECT, DataDir
from pipeline.tables import TABLES
from resources.lake import Lake


@pytest.fixture
def library(analyst_env: DataDir) -> Library:
    return Library(analyst_env)


@pytest.fixture
def own(analyst_env: DataDir, tmp_path: Path) -> DataDir:
    """A copy that a test may damage, its folder's name full of what patterns and SQL read."""
    copytree(analyst_env.root, tmp_path / "it's [a] *copy*", symlinks=True)
    return DataDir(tmp_path / "it's [a] *copy*")


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_gives_the_columns_and_types_it_declares(library: Library, name: str) -> None:
    """A declaration that drifts from its SELECT documents columns that are not there."""
    found = library.sql(f"SELECT * FROM {name}")
    declared = VIEWS[name].columns
    assert found.schema == pl.Schema({column: c.dtype for column, c in declared.items()})
    assert found.height > 0
    empty = [
        column for column, c in declared.items() if not c.nullable and found[column].has_nulls()
    ]
    assert empty == []


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_reads_what_it_says(name: str) -> None:
    """A table it does not name would not be made, nor checked for damage."""
    view = VIEWS[name]
    after = re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", view.select)
    assert {word for word in after if word in TABLES or word in VIEWS} == set(view.reads)
    order = list(VIEWS)
    assert all(order.index(r) < order.index(name) for r in view.reads if r in VIEWS)
    assert name not in TABLES


def test_what_a_view_needs_is_found_through_views() -> None:
    """`venue_years` reads `scores`, which reads tables that the query never names."""
    tables, views = reached(["venue_years"])
    assert set(tables) == {"papers", "tncsi_sp", "venue_coverage"}
    assert views == ["venues", "scores", "venue_years"]


def test_scores_has_every_paper_once_with_its_score(library: Library) -> None:
    """A join over two pool rules or two sources would count papers twice."""
    scores = library.sql("SELECT * FROM scores")
    lake = Lake(library._workspace.data.lake)
    papers = lake.read_all("papers")
    assert sorted(scores["paper_id"]) == sorted(papers["paper_id"])
    held = lake.read_all("tncsi_sp").select("paper_id", want="tncsi_sp")
    assert (
        scores.join(held, on="paper_id")
        .filter(pl.col("tncsi_sp").ne_missing(pl.col("want")))
        .is_empty()
    )
    assert set(scores["domain"]) == {"nlp", "vision", "ml"}


def test_scores_of_another_rule_stay_out(own: DataDir) -> None:
    """Rows of two rules side by side would be averaged by whoever asks."""
    lake = Lake(own.lake)
    path = lake.path("tncsi_sp", ("acl", 2021))
    rows = pl.read_parquet(path, glob=False)
    other = rows.with_columns(config_id=pl.lit("other"), tncsi_sp=pl.lit(0.123456))
    lake.write("tncsi_sp", ("acl", 2021), pl.concat([rows, other]))
    (own.lake / "_state" / "tncsi_sp" / "acl" / "2021.json").unlink()
    found = Library(own).sql("SELECT tncsi_sp FROM scores WHERE venue = 'acl' AND year = 2021")
    assert found.height == rows.height
    assert 0.123456 not in found["tncsi_sp"].to_list()


def test_a_paper_that_waits_for_its_score_is_there(own: DataDir) -> None:
    """A paper imported since the last refresh would be missing from every share."""
    (own.lake / "tncsi_sp" / "venue=acl" / "year=2021" / "part.parquet").unlink()
    (own.lake / "_state" / "tncsi_sp" / "acl" / "2021.json").unlink()
    found = Library(own).sql("SELECT status FROM scores WHERE venue = 'acl' AND year = 2021")
    assert set(found["status"]) == {"not_scored"}


def test_edges_are_pairs_of_held_papers(library: Library) -> None:
    """An edge of three sources is one citation; a paper outside the library has no domain."""
    edges = library.sql("SELECT * FROM citation_edges")
    lake = Lake(library._workspace.data.lake)
    held = set(lake.read_all("papers")["paper_id"])
    raw = lake.read_all("citations").filter("in_force", ~pl.col("is_self_loop"))
    want = {
        (a, b)
        for a, b in raw.select("citing_paper_id", "cited_paper_id").rows()
        if a in held and b in held and a != b
    }
    got = edges.select("citing_paper_id", "cited_paper_id").rows()
    assert len(got) == len(want)
    assert set(got) == want
    assert edges["sources"].list.len().max() > 1


def test_history_gains_add_up(library: Library) -> None:
    """A difference across papers or sources would look like a jump."""
    history = library.sql("SELECT * FROM count_history")
    key = ["paper_id", "citation_source"]
    sums = (
        history.sort("observed_on")
        .group_by(key)
        .agg(
            grown=pl.col("cited_by_count").last() - pl.col("cited_by_count").first(),
            gained=pl.col("gained").sum(),
            firsts=pl.col("gained").null_count(),
        )
    )
    assert sums.filter((pl.col("grown") != pl.col("gained")) | (pl.col("firsts") != 1)).is_empty()
    assert sums["gained"].sum() > 0


def test_pool_members_are_the_pool(library: Library) -> None:
    """Rows that are not those `impact --explain` lists would explain another score."""
    paper_id = library.top(k=1)["paper_id"][0]
    found = library.sql(f"SELECT * FROM pool_members WHERE paper_id = '{paper_id}'")
    pool = library.pool(paper_id)
    assert sorted(found["member_id"]) == sorted(pool["paper_id"])
    counts = dict(pool.select("paper_id", "cited_by_count").rows())
    assert dict(found.select("member_id", "cited_by_count").rows()) == counts


def test_venue_years_add_up(library: Library) -> None:
    """Shares of sums that count a paper once per source would pass 1."""
    rows = library.sql("SELECT * FROM venue_years")
    scores = library.sql("SELECT venue, year, tncsi_sp FROM scores")
    assert rows["n_papers"].sum() == scores.height
    assert rows["n_scored"].sum() == scores["tncsi_sp"].count()
    one = rows.row(0, named=True)
    mine = scores.filter(venue=one["venue"], year=one["year"])["tncsi_sp"]
    assert one["tncsi_sp_median"] == pytest.approx(mine.median())
    assert one["found_share"] == pytest.approx(one["n_papers"] / one["n_expected"])


@pytest.mark.parametrize("name", VIEWS)
def test_views_live_on_an_empty_library(data_dir: DataDir, name: str) -> None:
    """The first question to a new library must not end in DuckDB's complaint about no files."""
    found = Library(data_dir).sql(f"SELECT * FROM {name}")
    assert found.columns == list(VIEWS[name].columns)
    assert found.height == (len(Library(data_dir)._workspace.venues) if name == "venues" else 0)


def test_damage_is_named_through_a_view(own: DataDir) -> None:
    """`venue_years` over half-written scores would be a wrong figure, not an error."""
    path = own.lake / "tncsi_sp" / "venue=acl" / "year=2021" / "part.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    library = Library(own)
    for query in ("SELECT count(*) FROM venue_years", 'SELECT 1 FROM "SCORES"', "DESCRIBE scores"):
        with pytest.raises(DamagedError, match="tncsi_sp"):
            library.sql(query)
    assert library.sql("SELECT count(*) FROM paper_authors").item() > 0
    assert library.sql("SHOW TABLES").height == len(TABLES) + len(VIEWS)


def test_tables_of_an_older_version_say_so(own: DataDir) -> None:
    """A missing column would read as a typo in the query."""
    path = own.lake / "tncsi_sp" / "venue=acl" / "year=2020" / "part.parquet"
    rows = pl.read_parquet(path, glob=False).drop("pool_ks", "robust_low")
    rows.write_parquet(path)
    (own.lake / "_state" / "tncsi_sp" / "acl" / "2020.json").unlink()
    with pytest.raises(StorageError, match=r"lacks robust_low, pool_ks: run `csimpact refresh`"):
        Library(own).sql("SELECT avg(pool_ks) FROM scores")


def test_the_script_gives_the_same_rows_in_another_duckdb(own: DataDir) -> None:
    """A script that differs from what `csimpact sql` asks would be a second truth."""
    library = Library(own)
    with duckdb.connect(":memory:") as connection:
        connection.execute(library.sql_script())
        for name in (*TABLES, *VIEWS):
            got = pl.DataFrame(pl.from_arrow(connection.sql(f"FROM {name}").to_arrow_table()))
            want = library.sql(f"FROM {name}")
            assert got.columns == want.columns, name
            assert sorted(map(str, got.rows())) == sorted(map(str, want.rows())), name
        asked = "SELECT comment FROM duckdb_columns() WHERE table_name = 'scores'"
        comments = [text for (text,) in connection.sql(asked).fetchall()]
    assert len(comments) == len(VIEWS["scores"].columns)
    assert all(comments)


def test_the_script_of_an_empty_library_runs(data_dir: DataDir) -> None:
    """Patterns that match no file stop a script in the middle."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(Library(data_dir).sql_script())
        assert connection.sql("SELECT count(*) FROM venue_years").fetchall() == [(0,)]


def test_names_and_columns_are_told_with_their_meaning(library: Library) -> None:
    """Names without meanings send people to the source."""
    shown = library.sql("show tables;")
    assert shown.columns == ["name", "kind", "meaning"]
    assert sorted(shown["name"]) == sorted(listed()["name"])
    assert shown["meaning"].null_count() == 0
    told = library.sql("DESCRIBE Scores")
    assert told.columns == ["column_name", "column_type", "unit", "meaning"]
    assert told["column_name"].to_list() == list(VIEWS["scores"].columns)
    assert described("papers")["meaning"].null_count() == 0
    # What is no name of ours stays as DuckDB answers.
    assert "null" in library.sql("DESCRIBE SELECT 1 AS a").columns
    catalogue = library.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal")
    assert {"scores", "papers"} <= set(catalogue["view_name"])


def test_a_query_makes_what_it_names_and_nothing_else(library: Library) -> None:
    """Thirty views cost more than most answers; and what nobody named was not checked."""
    with pytest.raises(InputError, match="authorships does not exist"):
        library.sql("SELECT * FROM query_table('author' || 'ships'), papers")


def test_the_page_of_views_is_current() -> None:
    """A page that lags tells of columns that are not there."""
    page = (PROJECT / "docs" / "views.md").read_text()
    assert page == views_page(), "run `python -m pipeline.query > docs/views.md`"
