"""What is asked of OpenAlex, and what it costs."""

import gzip
import json
from pathlib import Path

import pytest

from pipeline.corpus.openalex_query import (
    DIGEST_FIELDS,
    FREE_USD_A_DAY,
    LIST_CALL_USD,
    POLL_SELECT,
    SELECT,
    Work,
    batches,
    content_digest,
    crawl_cost,
    poll_plan,
    probe_query,
    venue_year_query,
    works_query,
)
from pipeline.errors import InputError
from pipeline.venues import load_venues


def test_a_venue_year_is_all_its_sources_and_one_year() -> None:
    """One conference lies in several sources: with the first alone half of it is missing."""
    query = venue_year_query(load_venues()["acl"], 2018)
    assert query.path == "/works"
    assert query.params == {
        "filter": "locations.source.id:S4306420508|S4363608652,publication_year:2018",
        "sort": "publication_date:desc",
        "select": ",".join(SELECT),
    }


def test_a_probe_counts_the_works_that_a_crawl_lists() -> None:
    """Of another filter, the histogram would differ from what was crawled for ever."""
    acl = load_venues()["acl"]
    probe = probe_query(acl, 2018)
    assert probe.params == {
        "filter": venue_year_query(acl, 2018).params["filter"],
        "group-by": "cited_by_count",
    }


def test_queries_do_not_change_each_other() -> None:
    """pyalex builders change in place: the second query would hold the first one's filters."""
    acl, cvpr = load_venues()["acl"], load_venues()["cvpr"]
    first = venue_year_query(acl, 2018)
    others = [venue_year_query(cvpr, 2018), venue_year_query(acl, 2019)]
    assert venue_year_query(acl, 2018) == first
    assert len({q.digest for q in (first, *others)}) == 3


def test_a_venue_without_sources_is_one_clear_line() -> None:
    """An empty filter would ask for a whole year of everything."""
    with pytest.raises(InputError, match="naacl: no OpenAlex source is registered"):
        venue_year_query(load_venues()["naacl"], 2018)


def test_works_by_id() -> None:
    """More than a hundred ids are refused by OpenAlex; what is no id must not reach a filter."""
    query = works_query(["W11", "https://openalex.org/W12"], POLL_SELECT)
    assert query.params == {"filter": "openalex:W11|W12", "select": ",".join(POLL_SELECT)}
    for ids in (["A11"], ["W11,W12"], [f"W{n}" for n in range(100, 201)]):
        with pytest.raises(InputError, match="at most 100 OpenAlex work ids"):
            works_query(ids, POLL_SELECT)


def test_what_a_crawl_costs() -> None:
    """Ten cents per thousand calls of a hundred works, and a call to learn there are none."""
    assert [crawl_cost(n).calls for n in (0, 1, 100, 101, 5_000)] == [1, 1, 1, 2, 50]
    assert crawl_cost(100_000).cents == pytest.approx(10.0)


def test_450_000_works_are_polled_within_the_free_budget() -> None:
    """A plan that needs a paid key is no plan.

    450,000 ids / 100 a call = 4,500 calls x $0.0001 = $0.45. If 1% of the works changed their
    content, 45 calls more fetch them: $0.4545. If every single one did, as on the day OpenAlex
    renames its types, another 4,500 calls: $0.90, still below the free dollar.
    """
    assert LIST_CALL_USD == 0.0001
    quiet, usual, worst = (poll_plan(450_000, share_moved=share) for share in (0, 0.01, 1))
    assert (quiet.calls, usual.calls, worst.calls) == (4_500, 4_545, 9_000)
    assert quiet.cents == pytest.approx(45.0)
    assert usual.cents == pytest.approx(45.45)
    assert worst.cents == pytest.approx(90.0)
    assert worst.cents <= 100 * FREE_USD_A_DAY


def test_batches_hold_every_id_once() -> None:
    """The last batch, the short one, is the one that gets lost."""
    ids = [f"W{n}" for n in range(250)]
    assert [len(batch) for batch in batches(ids)] == [100, 100, 50]
    assert [i for batch in batches(ids) for i in batch] == ids
    assert list(batches([])) == []


def test_a_crawled_and_a_polled_work_have_one_digest() -> None:
    """Fields that only one of them has would make every work look changed, every night."""
    assert set(DIGEST_FIELDS) < set(SELECT)
    assert set(POLL_SELECT) < set(SELECT)
    work = {name: f"{name} of a work" for name in SELECT}
    polled = {name: work[name] for name in POLL_SELECT}
    assert content_digest(work) == content_digest(polled)
    assert content_digest(polled | {"cited_by_count": 7}) == content_digest(polled)
    for name in DIGEST_FIELDS:
        assert content_digest(polled | {name: "other"}) != content_digest(polled)


def test_the_digest_sees_what_really_moves(real_lists: Path) -> None:
    """A probe blind to what OpenAlex does change: three days apart it saw not one of 98."""

    def works(name: str) -> dict[str, Work]:
        lines = gzip.decompress((real_lists / "openalex" / name).read_bytes()).splitlines()
        return {work["id"]: work for work in map(json.loads, lines)}

    before = works("works_2026-02-26_rows_that_changed.jsonl.gz")
    after = works("works_2026-03-01.jsonl.gz")
    moved = {
        name: {i for i in before if before[i].get(name) != after[i].get(name)} for name in SELECT
    }
    assert {n: len(ids) for n, ids in moved.items() if ids} == {
        "abstract_inverted_index": 98, "authorships": 2, "cited_by_count": 105,
        "primary_location": 2, "locations": 26,
    }  # fmt: skip
    seen = {i for i in before if content_digest(before[i]) != content_digest(after[i])}
    assert seen == moved["abstract_inverted_index"]
    assert set().union(*moved.values()) - seen - moved["cited_by_count"] <= (
        moved["authorships"] | moved["locations"] | moved["primary_location"]
    )
    assert all(set(SELECT) <= work.keys() for work in after.values())
