"""What `Library` answers, over a small library built by the real stages."""

import numpy as np
import polars as pl
import pytest

from pipeline.errors import InputError, NotFoundError, StorageError
from pipeline.query import Library
from pipeline.query.records import PAPER_COLUMNS, POOL_COLUMNS
from pipeline.settings import DataDir
from resources.lake import Lake

TITLE = "Graph Networks number 36"


@pytest.fixture
def library(library_env: DataDir) -> Library:
    return Library(library_env)


def test_search_finds_a_paper_by_its_own_words(library: Library) -> None:
    """Scores of other rows than the titles they stand beside look plausible and are wrong."""
    found = library.search(f"{TITLE}\nAbout {TITLE}.", k=3)
    assert found.columns == [*PAPER_COLUMNS, "score"]
    assert found["title"][0] == TITLE
    assert found["score"][0] == pytest.approx(1, abs=0.01)
    assert found["score"].is_sorted(descending=True)
    assert found["cited_by_count"][0] == 108
    assert found["status"][0] == "ok"


def test_search_filters_by_any_name_of_a_venue_and_by_year(library: Library) -> None:
    """A filter applied after the nearest k were chosen returns too few, or none."""
    found = library.search("robot grasping", k=50, venue="CVPR", year=2023)
    assert found.height == 5
    assert set(found["venue"]) == {"cvpr"}
    assert set(found["year"]) == {2023}
    assert library.search("robot grasping", k=500).height == 70


def test_index_and_memory_agree(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the size held in memory nobody would notice that the other way answers otherwise."""
    exact = library.search("speech synthesis", k=5, venue="cvpr")
    near = library.similar(TITLE, k=5)
    monkeypatch.setattr("pipeline.query.holdings.MAX_IN_MEMORY", 0)
    other = Library(library._workspace.data)
    indexed = other.search("speech synthesis", k=5, venue="cvpr")
    assert indexed["paper_id"].to_list() == exact["paper_id"].to_list()
    assert indexed["score"].to_list() == pytest.approx(exact["score"].to_list(), abs=1e-5)
    assert other.similar(TITLE, k=5)["paper_id"].to_list() == near["paper_id"].to_list()


@pytest.mark.parametrize("text", ["", " \n"])
def test_search_for_nothing_is_refused(library: Library, text: str) -> None:
    """An empty text has a vector, hence neighbours, which mean nothing."""
    with pytest.raises(InputError, match="received none"):
        library.search(text)


def test_similar_leaves_the_paper_out_and_keeps_k(library: Library) -> None:
    """The nearest paper to a paper is itself."""
    found = library.similar(TITLE, k=4)
    assert found.height == 4
    assert TITLE not in found["title"].to_list()
    assert found["title"].str.starts_with("Graph Networks").all()


def test_a_paper_goes_by_id_prefix_and_title(library: Library) -> None:
    """People paste ids cut short and titles in another case."""
    paper_id = library.impact(TITLE)["paper_id"][0]
    for name in (paper_id, paper_id.upper(), paper_id[:7], TITLE.upper() + "!"):
        assert library.impact(name)["paper_id"].to_list() == [paper_id]


def test_a_title_of_two_papers_lists_both(library: Library) -> None:
    """Silently taking the first answers for the wrong paper."""
    with pytest.raises(InputError, match="names 2 papers, give an id") as caught:
        library.impact("The same title")
    assert "cvpr 2023" in str(caught.value)
    assert "iclr 2022" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_paper_names_near_ones(library: Library) -> None:
    """A typo should cost a look, not a search."""
    with pytest.raises(NotFoundError, match="Graph Networks number 36"):
        library.impact("Graf Networks number 36")
    paper_id = library.impact(TITLE)["paper_id"][0]
    typo = paper_id[:-1] + ("a" if paper_id[-1] != "a" else "b")
    with pytest.raises(NotFoundError, match=paper_id):
        library.impact(typo)
    for mistyped in (paper_id[:5] + "0" + paper_id[6:], paper_id + paper_id[-1]):  # never in an id
        with pytest.raises(NotFoundError, match=paper_id):
            library.impact(mistyped)
    with pytest.raises(NotFoundError, match="none is near"):
        library.impact("zzzz qqqq")


def test_impact_follows_from_the_pool(library: Library) -> None:
    """A pool that is not the one the score was counted from explains nothing."""
    paper, pool = library.impact(TITLE).row(0, named=True), library.pool(TITLE)
    counts = pool["cited_by_count"].drop_nulls().to_numpy()
    assert pool.columns == list(POOL_COLUMNS)
    assert paper["n_pool"] == counts.size
    assert paper["paper_id"] not in pool["paper_id"].to_list()
    assert set(pool["year"]) == {2022}
    excess = (paper["cited_by_count"] - counts.min()) / (counts.mean() - counts.min())
    assert paper["excess_ratio"] == pytest.approx(excess)
    assert paper["tncsi_sp"] == pytest.approx(1 - np.exp(-excess))


def test_pool_similarities_descend_to_the_stored_radius(
    library: Library, library_env: DataDir
) -> None:
    """Similarities of other vectors than the pool was chosen by would contradict the pool."""
    similarity = library.pool(TITLE)["similarity"]
    pools = Lake(library_env.lake).read("topic_pools", ("cvpr", 2022))
    radius = pools.filter(pl.col("paper_id") == library.impact(TITLE)["paper_id"][0])["pool_radius"]
    assert similarity.is_sorted(descending=True)
    assert similarity[-1] == radius[0]


def test_a_paper_without_score_keeps_its_status(library: Library) -> None:
    """Null without a reason reads as a mistake of ours."""
    assert library.impact("A paper nobody counted")["status"][0] == "no_citation_count"
    assert library.impact("Later graph networks")["status"][0] == "pool_too_small"
    assert library.impact("A paper nobody counted")["tncsi_sp"][0] is None


def test_top_sorts_by_excess_ratio_and_has_scored_papers_only(library: Library) -> None:
    """The score saturates at 1, so that sorting by it orders the best by chance."""
    best = library.top(k=70)
    assert best["excess_ratio"].is_sorted(descending=True)
    assert best["excess_ratio"].null_count() == 0
    assert best["cited_by_count"][0] == 500
    assert set(library.top(venue="cvpr", year=2022)["venue"]) == {"cvpr"}
    with pytest.raises(NotFoundError, match=r"no papers of cvpr 2010; years held: 2022 to 2023"):
        library.top(venue="cvpr", year=2010)
    with pytest.raises(InputError, match="1 or more"):
        library.top(k=0)


def test_every_record_is_accounted_for(library: Library) -> None:
    """A record in no column of the accounts was lost without trace."""
    totals, partitions = library.status()
    parts = ("papers", "excluded", "duplicates", "quarantined")
    assert totals["records"] == sum(totals[part] for part in parts) == 72
    assert (totals["excluded"], totals["quarantined"]) == (1, 1)
    assert totals["with_citation_count"] == 69
    assert partitions.select("venue", "year").rows() == [
        ("cvpr", 2022), ("cvpr", 2023), ("iclr", 2022),
    ]  # fmt: skip
    assert partitions["records"].sum() == 72
    assert partitions["n_scored"].to_list() == [40, 0, 24]
    assert partitions["stale"].to_list() == [[], [], []]


def test_status_says_what_is_stale_and_why(
    library: Library, library_env: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "Stale" without a reason sends people reading code."""
    state = library_env.lake / "_state" / "tncsi_sp" / "cvpr" / "2023.json"
    content = state.read_bytes()
    state.unlink()
    try:
        totals, partitions = Library(library_env).status()
    finally:
        state.write_bytes(content)
    assert partitions["stale"].to_list() == [[], ["tncsi_sp: not made yet"], []]
    assert totals["stale"] == 1


def test_an_empty_folder_answers_with_nothing(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first command a newcomer tries must not end in a traceback."""
    monkeypatch.delenv("CSIMPACT_ENCODER", raising=False)
    library = Library(data_dir)
    totals, partitions = library.status()
    assert set(totals.values()) == {0}
    assert partitions.height == 0
    assert library.top().columns == list(PAPER_COLUMNS)
    assert library.sql("SELECT count(*) AS n FROM tncsi_sp")["n"].to_list() == [0]
    with pytest.raises(StorageError, match="nothing can be searched yet"):
        library.search("anything")
    with pytest.raises(NotFoundError, match="none is near"):
        library.similar("anything")
    with pytest.raises(NotFoundError, match="years held: none"):
        library.top(venue="cvpr")


def test_a_missing_folder_is_named(tmp_path: DataDir) -> None:
    """A typo in --data would otherwise show an empty library."""
    with pytest.raises(NotFoundError, match="expected a data folder at"):
        Library(DataDir(tmp_path / "nowhere"))  # type: ignore[operator]
