"""Filters of search: exact in memory and by the index, and clear where nothing is left."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.errors import InputError, NotFoundError
from pipeline.query import Library
from pipeline.query.authors import Authors, normalise_name
from pipeline.settings import DataDir
from pipeline.tables import AUTHORSHIPS
from resources.lake import Lake

QUERY = "learning to parse images"
ALL = 10_000


@pytest.fixture
def library(analyst_env: DataDir) -> Library:
    return Library(analyst_env)


def prolific(library: Library) -> str:
    query = "SELECT author_name FROM paper_authors GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    return str(library.sql(query).item())


def expected(library: Library, k: int, **filters: object) -> list[str]:
    """Ids of the `k` nearest by filtering a search for everything with SQL's help."""
    where = {
        "venue": "venue = '{}'",
        "domain": "domain = '{}'",
        "author": "paper_id IN (SELECT paper_id FROM authorships WHERE author_name = '{}')",
        "min_score": "tncsi_sp >= {}",
    }
    parts = [where[name].format(value) for name, value in filters.items() if name in where]
    year = filters.get("year")
    if year is not None:
        first, last = year if isinstance(year, tuple) else (year, year)
        parts.append(f"year BETWEEN {first} AND {last}")
    ids = library.sql(f"SELECT paper_id FROM scores WHERE {' AND '.join(parts) or 'true'}")
    ranked = library.search(QUERY, ALL).filter(pl.col("paper_id").is_in(ids["paper_id"].implode()))
    return ranked["paper_id"].head(k).to_list()


CASES: list[dict[str, object]] = [
    {},
    {"venue": "acl"},
    {"year": 2021},
    {"year": (2020, 2021)},
    {"domain": "nlp"},
    {"min_score": 0.6},
    {"author": "prolific"},
    {"domain": "nlp", "year": (2021, 2022), "min_score": 0.3},
    {"venue": "acl", "min_score": 0.0},
]


@pytest.mark.parametrize("filters", CASES, ids=str)
@pytest.mark.parametrize("way", ["memory", "exact", "widening"])
def test_filters_lose_no_neighbour(
    library: Library, monkeypatch: pytest.MonkeyPatch, way: str, filters: dict[str, object]
) -> None:
    """A filter applied after the nearest k were chosen returns too few, and not the nearest."""
    if "author" in filters:
        filters = filters | {"author": prolific(library)}
    want = expected(library, 5, **filters)
    if way != "memory":
        monkeypatch.setattr("pipeline.query.holdings.MAX_IN_MEMORY", 0)
        monkeypatch.setattr("pipeline.query.vectors.EXACT_AMONG", ALL if way == "exact" else 0)
    found = Library(library._workspace.data).search(QUERY, 5, **filters)  # type: ignore[arg-type]
    assert found["paper_id"].to_list() == want
    assert want


def test_similar_and_top_filter_alike(library: Library) -> None:
    """One command that filters otherwise than the next makes both doubtful."""
    author, best = prolific(library), library.top(k=1)["paper_id"][0]
    near = library.similar(best, 500, domain="vision", year=(2020, 2021), min_score=0.2)
    assert set(near["venue"]) == {"cvpr"}
    assert set(near["year"]) == {2020, 2021}
    assert near["tncsi_sp"].min() >= 0.2
    assert best not in near["paper_id"].to_list()
    top = library.top(k=ALL, author=author, min_score=0.1)
    ids = library.search(QUERY, ALL, author=author, min_score=0.1)["paper_id"]
    assert set(top["paper_id"]) == set(ids)
    assert set(library.top(k=ALL, domain="VISION")["venue"]) == {"cvpr"}


def test_positional_venue_and_year_keep_their_place(library: Library) -> None:
    """Notebooks of others call search(text, k, venue, year)."""
    found = library.search(QUERY, 3, "acl", 2021)
    assert set(found.select("venue", "year").rows()) == {("acl", 2021)}


def test_papers_without_score_are_counted_when_a_score_is_asked(library: Library) -> None:
    """Left out without a word, they would seem to have low scores."""
    low = library.search(QUERY, ALL, min_score=0)
    everything = library.search(QUERY, ALL)
    assert library.unscored() == everything.height - low.height > 0
    assert low["tncsi_sp"].null_count() == 0
    assert library.unscored(year=2021) <= library.unscored()


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"venue": "cvrp"}, "nearest: cvpr"),
        ({"domain": "visoin"}, "nearest: vision"),
        ({"domain": "speech"}, "no papers of domain speech; years held: none"),
        ({"venue": "acl", "domain": "vision"}, "no papers of acl domain vision"),
        ({"year": (1990, 1995)}, "no papers of 1990-1995; years held: 20"),
        ({"author": "Zzyzx Qqq"}, "no paper has an author “Zzyzx Qqq”; none is near"),
        ({"min_score": 1.0, "venue": "acl"}, "the highest is 0."),
    ],
    ids=str,
)
def test_filters_that_leave_nothing_say_which(
    library: Library, filters: dict[str, object], said: str
) -> None:
    """An empty table would leave people guessing which of five filters was wrong."""
    for ask in (library.search, library.similar):
        with pytest.raises(NotFoundError) as caught:
            ask(QUERY if ask == library.search else library.top(k=1)["paper_id"][0], **filters)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_author_without_papers_there_says_where_they_are(library: Library) -> None:
    """ "Nothing" of a name that exists sends people looking for a typo."""
    query = """SELECT author_name, min(venue) FROM paper_authors GROUP BY 1
               HAVING count(DISTINCT venue) = 1 ORDER BY 1 LIMIT 1"""
    author, venue = library.sql(query).row(0)
    other = "cvpr" if venue != "cvpr" else "acl"
    with pytest.raises(NotFoundError, match=rf"is by {author}; theirs are of {venue} 202"):
        library.search(QUERY, venue=other, author=author)


@pytest.mark.parametrize("least", [-0.1, 1.1, float("nan")])
def test_a_least_score_out_of_bounds_is_refused(library: Library, least: float) -> None:
    """NaN compares false with everything: no paper would be found, without a reason."""
    with pytest.raises(InputError, match="from 0 to 1"):
        library.search(QUERY, min_score=least)
    with pytest.raises(InputError, match="first year before the last"):
        library.search(QUERY, year=(2022, 2020))


@pytest.fixture
def authors(tmp_path: Path) -> Authors:
    names = ["José Álvarez", "JOSE ALVAREZ", "Álvarez, José", "Ann O'Neil", "Łukasz Kaiser", "张伟"]
    rows = [
        {"paper_id": f"p{n}", "venue": "acl", "year": 2020, "source": "openalex"}
        | {"author_position": 0, "author_name": name, "is_of_record": False}
        for n, name in enumerate(names)
    ]
    lake = Lake(tmp_path)
    lake.write("authorships", ("acl", 2020), pl.DataFrame(rows, schema=AUTHORSHIPS.schema))
    return Authors(lake)


@pytest.mark.parametrize(
    ("asked", "papers"),
    [
        ("jose alvarez", {"p0", "p1", "p2"}),
        ("Jose\u0301 A\u0301lvarez", {"p0", "p1", "p2"}),
        ("Alvarez, Jose", {"p0", "p1", "p2"}),
        ("ann o’neil", {"p3"}),
        ("lukasz KAISER", {"p4"}),
        ("张伟", {"p5"}),
    ],
)
def test_names_match_as_people_type_them(authors: Authors, asked: str, papers: set[str]) -> None:
    """Half of the world's names have letters that a keyboard lacks."""
    assert set(authors.papers_of(asked)) == papers


def test_near_names_are_told(authors: Authors) -> None:
    """A surname alone, or a typo, should cost a look and not a search."""
    with pytest.raises(NotFoundError, match="nearest: Łukasz Kaiser"):
        authors.papers_of("kaiser")
    with pytest.raises(NotFoundError, match="Ann O'Neil"):
        authors.papers_of("Anne ONeil")
    with pytest.raises(InputError, match="expected the name of an author"):
        authors.papers_of(" ?! ")


def test_generations_and_titles_do_not_turn_a_name_around() -> None:
    """ "King, Martin, Jr" has two commas: nobody knows which part is which."""
    assert normalise_name("King, Martin, Jr") == "king martin jr"
    assert normalise_name("Lovelace, Ada") == "ada lovelace"


def test_rows_of_the_catalogue_are_found_by_cell_and_id(library: Library) -> None:
    """Numbers of venue-years that are off by one would filter by the neighbouring year."""
    records = library._held.records
    catalogue = records.catalogue
    for cell in (("acl", 2021), ("cvpr", 2020)):
        want = (catalogue["venue"] == cell[0]) & (catalogue["year"] == cell[1])
        np.testing.assert_array_equal(records.within([cell]), want.to_numpy())
    ids = catalogue["paper_id"][[3, 5]].to_list()
    assert np.flatnonzero(records.among([*ids, "pnobody"])).tolist() == [3, 5]
