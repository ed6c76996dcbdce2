"""Works of the simulated literature: their shape, their ids, and that they say what is true."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyalex.api
import pytest

from pipeline.simulation.literature import Literature, next_day, simulate_literature
from pipeline.simulation.openalex_works import (
    REPOSITORY_ID,
    author_of,
    inverted_index,
    source_id_of,
    sources_of,
    work_json,
    works_of,
)
from pipeline.venues import load_venues


@pytest.fixture(scope="module")
def literature() -> Literature:
    return simulate_literature(n_papers=1500, seed=5)


@pytest.fixture(scope="module")
def works(literature: Literature) -> list[dict[str, Any]]:
    return works_of(literature)


def _skeleton(value: Any) -> Any:
    """Keys of objects, in their order, down to the lists and values."""
    return {k: _skeleton(v) for k, v in value.items()} if isinstance(value, dict) else None


def test_a_work_has_the_keys_of_a_real_one(real_lists: Path, works: list[dict[str, Any]]) -> None:
    """A crawler tested on a work that lacks a key, or has it elsewhere, fails on real ones."""
    with gzip.open(real_lists / "openalex" / "works_2026-03-01.jsonl.gz", "rt") as lines:
        real = json.loads(next(lines))
    ours = next(
        w for w in works if w["doi"] and w["abstract_inverted_index"] and len(w["locations"]) == 1
    )
    assert list(ours) == list(real)
    whole = set(real) - {"ids", "abstract_inverted_index", "apc_list"}
    assert {k: _skeleton(ours[k]) for k in whole} == {k: _skeleton(real[k]) for k in whole}
    for name in ("authorships", "topics", "keywords", "locations", "counts_by_year"):
        assert _skeleton(ours[name][0]) == _skeleton(real[name][0]), name
    for part in ("institutions", "affiliations"):
        assert list(ours["authorships"][0][part][0]) == list(real["authorships"][0][part][0])
    for name, value in real.items():
        if value is not None and ours[name] is not None:
            assert isinstance(ours[name], type(value)) or name == "fwci", name


def test_works_say_what_the_literature_knows(
    literature: Literature, works: list[dict[str, Any]]
) -> None:
    """The server's truth would not be the literature's."""
    homes = {slug: source_id_of(slug) for slug in literature.papers["venue"].unique()}
    pairs = zip(literature.papers.iter_rows(named=True), works, strict=True)
    for paper, work in pairs:
        assert work["id"] == f"https://openalex.org/W9{paper['sim_id'][4:].zfill(9)}"
        assert (work["title"], work["cited_by_count"]) == (paper["title"], paper["cited_by_count"])
        assert work["publication_date"] == str(paper["publication_date"])
        assert [a["author"]["display_name"] for a in work["authorships"]] == paper["authors"]
        if work["abstract_inverted_index"]:
            restored = pyalex.api.invert_abstract(work["abstract_inverted_index"])
            assert restored == paper["abstract"]
        places = [place["source"]["id"].rsplit("/")[-1] for place in work["locations"]]
        assert homes[paper["venue"]] in places
        assert set(places) <= {homes[paper["venue"]], REPOSITORY_ID}
        assert work["primary_location"] == work["locations"][0]
    cited = sum(len(w["referenced_works"]) for w in works)
    assert cited == literature.references.height
    assert {r for w in works for r in w["referenced_works"]} <= {w["id"] for w in works}


def test_quirks_have_their_shares(works: list[dict[str, Any]]) -> None:
    """A literature without gaps would hide what a reader does with them."""

    def share(holds: Callable[[dict[str, Any]], bool]) -> float:
        return sum(map(holds, works)) / len(works)

    assert share(lambda w: w["doi"] is not None) == pytest.approx(0.60, abs=0.05)
    assert share(lambda w: w["abstract_inverted_index"] is None) == pytest.approx(0.03, abs=0.02)
    assert share(lambda w: len(w["locations"]) == 2) == pytest.approx(0.25, abs=0.05)
    leads = "https://openalex.org/" + REPOSITORY_ID
    preprint_first = share(lambda w: w["primary_location"]["source"]["id"] == leads)
    assert preprint_first == pytest.approx(0.05, abs=0.025)
    assert 0 < share(lambda w: w["is_retracted"]) < 0.01


def test_yearly_counts_omit_zeros_and_add_up(works: list[dict[str, Any]]) -> None:
    """A reader that expects every year would read the gaps as unknown."""
    for work in works:
        years = [row["year"] for row in work["counts_by_year"]]
        counts = [row["cited_by_count"] for row in work["counts_by_year"]]
        assert years == sorted(years, reverse=True)
        assert len(years) <= 10
        assert all(counts)
        if work["publication_year"] > 2016:  # younger than ten years: nothing is cut off
            assert sum(counts) == work["cited_by_count"]
        else:
            assert sum(counts) <= work["cited_by_count"]


def test_the_next_day_moves_only_what_happened(
    literature: Literature, works: list[dict[str, Any]]
) -> None:
    """Ids, DOIs or locations that are drawn anew every day would make every work news."""
    tomorrow = works_of(next_day(literature, seed=1, n_new_papers=5, n_new_citations=20))
    moves = {"cited_by_count", "counts_by_year", "fwci", "updated_date"}
    moves |= {"citation_normalized_percentile", "cited_by_percentile_year"}
    assert len(tomorrow) == len(works) + 5
    for before, after in zip(works, tomorrow, strict=False):
        assert {k for k in before if before[k] != after[k]} <= moves


def test_ids_are_nobody_elses() -> None:
    """A simulated author or source under a real id would slander somebody."""
    author = author_of("Ana Simulada")
    assert author == author_of("Ana Simulada")
    assert str(author["id"]).startswith("A9")
    assert len(str(author["id"])) == 14
    named = [author_of(f"Person {n}") for n in range(20_000)]
    assert len({a["id"] for a in named}) == 20_000
    orcids = [a["orcid"] for a in named if a["orcid"]]
    assert len(set(orcids)) == len(orcids) > 10_000
    assert all(orcid[0] == "9" for orcid in orcids)
    venues = load_venues()
    sources = [sources_of(venue)[0] for venue in venues]
    assert len(set(sources)) == len(venues)
    assert source_id_of("acl") == venues["acl"].openalex_sources[0]


def test_orcids_have_right_check_digits() -> None:
    """A reader that checks them, as it should, would drop every one."""
    for n in range(200):
        orcid = author_of(f"Person {n}")["orcid"]
        if orcid:
            digits = orcid.replace("-", "")
            total = 0
            for digit in digits[:-1]:
                total = (total + int(digit)) * 2
            assert (total + (10 if digits[-1] == "X" else int(digits[-1]))) % 11 == 1


def test_a_bare_work_is_complete() -> None:
    """Plain values, most of them absent, must still make every key."""
    work = work_json(openalex_id="W1", title=None, publication_year=None)
    assert (work["ids"], work["doi"]) == ({"openalex": "https://openalex.org/W1"}, None)
    assert (work["primary_location"], work["publication_date"]) == (None, None)
    assert work_json(openalex_id="W1", title="T", publication_year=2018)["publication_date"] == (
        "2018-01-01"
    )
    assert inverted_index("to be or not to be") == {
        "to": [0, 4], "be": [1, 5], "or": [2], "not": [3],
    }  # fmt: skip
    assert inverted_index("") is None
    assert [
        row["year"]
        for row in work_json(
            openalex_id="W1",
            title="T",
            publication_year=2000,
            counts_by_year={2000 + n: n % 5 for n in range(20)},
        )["counts_by_year"]
    ] == [2019, 2018, 2017, 2016, 2014, 2013, 2012, 2011]
