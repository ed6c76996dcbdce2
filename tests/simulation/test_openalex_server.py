"""The simulated OpenAlex over a real socket: lists, single works, budgets, and every fault."""

import itertools
import json
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.simulation.literature import Literature, next_day, simulate_literature
from pipeline.simulation.openalex_answers import Catalogue
from pipeline.simulation.openalex_meter import Meter
from pipeline.simulation.openalex_query import (
    FILTERS,
    RefusedQueryError,
    decode_cursor,
    encode_cursor,
)
from pipeline.simulation.openalex_server import FAULTS, Faults, RunningServer, serve
from pipeline.simulation.openalex_shelf import Shelf
from pipeline.simulation.openalex_works import REPOSITORY_ID, source_id_of, works_of
from pipeline.venues import load_venues

PREFIX = "https://openalex.org/"
CVPR = source_id_of("cvpr")
YEARS = (2019, 2020, 2021)
CELL = f"locations.source.id:{CVPR},publication_year:2020"


@pytest.fixture(scope="module")
def literature() -> Literature:
    return simulate_literature(n_papers=900, seed=2, venues=("acl", "cvpr"), years=YEARS)


@pytest.fixture(scope="module")
def server(literature: Literature) -> Iterator[RunningServer]:
    """A server no test changes."""
    with serve(literature, budget_usd=1000) as running:
        yield running


def get(server: RunningServer, path: str = "/works", **params: str | int) -> httpx.Response:
    return httpx.get(server.url + path, params=params, timeout=5)


def ids(answer: httpx.Response) -> list[str]:
    return [work["id"] for work in answer.json()["results"]]


def truth(server: RunningServer) -> list[str]:
    return [work["id"] for work in server.works("cvpr", 2020)]


def pages(server: RunningServer, **params: str | int) -> Iterator[httpx.Response]:
    """Every page of a list, by cursor, as a trusting client asks for them."""
    cursor: str | None = "*"
    while cursor:
        page = get(server, cursor=cursor, **params)
        yield page
        cursor = page.json()["meta"]["next_cursor"]


def read(server: RunningServer, per_page: int = 20) -> list[str]:
    found = [ids(p) for p in pages(server, filter=CELL, select="id", per_page=per_page)]
    return list(itertools.chain(*found))


# Lists


@pytest.mark.parametrize("per_page", [1, 7, 50, 100])
def test_cursor_pages_together_are_the_truth(server: RunningServer, per_page: int) -> None:
    """A page that overlaps the next, or skips a work of equal count, would look like a fault."""
    assert read(server, per_page) == truth(server)
    assert len(truth(server)) > 60


def test_the_truth_is_the_literature(server: RunningServer, literature: Literature) -> None:
    """A server that forgets works would prove every crawler right."""
    for venue, year in itertools.product(("acl", "cvpr"), YEARS):
        cell = literature.papers.filter(venue=venue, year=year)
        assert {w["title"] for w in server.works(venue, year)} == set(cell["title"])
    assert get(server, per_page=1).json()["meta"]["count"] == literature.papers.height
    assert server.works("cvpr", 2018) == []


def test_works_arrive_whole_or_as_selected(server: RunningServer, literature: Literature) -> None:
    """Fields cut at the wrong byte would be JSON that reads well and says something else."""
    made = {work["id"]: work for work in works_of(literature)}
    for work in get(server, filter=CELL, per_page=100).json()["results"]:
        assert work == made[work["id"]]
    select = "updated_date,id,abstract_inverted_index,authorships,cited_by_count"
    for work in get(server, filter=CELL, select=select, per_page=100).json()["results"]:
        assert work == {k: v for k, v in made[work["id"]].items() if k in select.split(",")}
        assert next(iter(work)) == "id"
    assert get(server, select="relevance_score", per_page=2).json()["results"] == [{}, {}]


def test_the_order_is_openalexs(server: RunningServer) -> None:
    """By citations, then by id; sorting adds its field in front."""
    works = get(server, filter=CELL, per_page=100).json()["results"]
    keys = [(-w["cited_by_count"], w["id"]) for w in works]
    assert keys == sorted(keys)
    found = [
        w
        for p in pages(server, filter=CELL, sort="publication_date:desc", per_page=30)
        for w in p.json()["results"]
    ]
    dates = [w["publication_date"] for w in found]
    assert dates == sorted(dates, reverse=True)
    assert sorted(w["id"] for w in found) == sorted(truth(server))


def test_filters_select_and_values_are_alternatives(
    server: RunningServer, literature: Literature
) -> None:
    """A filter that is ignored returns everything, and a crawl still looks complete."""

    def count(text: str) -> int:
        n = get(server, filter=text, per_page=1).json()["meta"]["count"]
        assert isinstance(n, int)
        return n

    papers, acl = literature.papers, source_id_of("acl")
    n_cvpr = papers.filter(venue="cvpr").height
    assert count(f"locations.source.id:{CVPR}") == n_cvpr
    assert count(f"locations.source.id:{CVPR}|{acl}") == papers.height
    assert count(f"locations.source.id:{PREFIX}{CVPR}|S1|S2") == n_cvpr
    by_preprint = count(f"primary_location.source.id:{REPOSITORY_ID}")
    at_venues = count(f"primary_location.source.id:{CVPR}|{acl}")
    assert 0 < by_preprint == papers.height - at_venues
    assert count("publication_year:2019|2021") == papers.filter(papers["year"] != 2020).height
    assert count("publication_year:2020-2021") == papers.filter(papers["year"] > 2019).height
    assert count("publication_year:>2019") == papers.filter(papers["year"] > 2019).height
    assert count("cited_by_count:>30") == papers.filter(papers["cited_by_count"] > 30).height
    assert count("cited_by_count:0") == papers.filter(cited_by_count=0).height
    assert count(f"locations.source.id:{CVPR},publication_year:1999") == 0
    wanted = truth(server)
    values = [w.removeprefix(PREFIX) for w in wanted]
    bare = "|".join(values + [f"W{n}" for n in range(100 - len(values))])
    for name in ("openalex", "ids.openalex", "openalex_id"):
        answer = get(server, filter=f"{name}:{bare}", select="id", per_page=100)
        assert sorted(ids(answer)) == sorted(wanted)
    assert ids(get(server, filter=f"openalex:{bare},publication_year:2019")) == []
    doi = next(w["doi"] for w in server.works("cvpr", 2020) if w["doi"])
    assert count(f"doi:{doi}") == count(f"doi:{doi.removeprefix('https://doi.org/').upper()}") == 1


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ({"filter": "venue:x"}, "Invalid query parameters error.", "venue is not a valid field. V"),
        ({"filter": "nonsense"}, "Invalid query parameters error.", "Invalid query parameter in"),
        ({"select": "id,venue"}, "Invalid query parameters error.", "venue is not a valid select"),
        ({"sort": "title"}, "Invalid query parameters error.", "title is not a valid field"),
        ({"search": "x"}, "Invalid query parameters error.", "search is not a valid parameter"),
        ({"per_page": "101"}, "Pagination error.", "between 1 and 100"),
        ({"per-page": "0"}, "Pagination error.", "between 1 and 100"),
        ({"page": "0"}, "Pagination error.", "greater than 0"),
        ({"page": "two"}, "Invalid query parameters error.", "must be a number"),
        ({"page": "101", "per_page": "100"}, "Pagination error.", "10,000"),
        ({"page": "2", "cursor": "*"}, "Pagination error.", "page parameter with cursor"),
        ({"cursor": "nonsense"}, "Pagination error.", "Invalid cursor value"),
        ({"cursor": "none"}, "Pagination error.", "Cursor is null"),
        ({"filter": "openalex:A12"}, "Invalid query parameters error.", "not a valid OpenAlex ID"),
        ({"filter": "publication_year:x"}, "Invalid query parameters error.", "must be a number"),
        (
            {"filter": "openalex:" + "|".join(f"W{n}" for n in range(101))},
            "Invalid query parameters error.",
            "Maximum number of values exceeded for openalex",
        ),
    ],
)
def test_bad_queries_are_refused_in_openalexs_words(
    server: RunningServer, params: dict[str, str], error: str, words: str
) -> None:
    """A server that forgives teaches a client habits that OpenAlex refuses."""
    answer = httpx.get(f"{server.url}/works", params=params)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error", "message"]
    assert answer.json()["error"] == error
    assert words in answer.json()["message"]


def test_envelope_and_headers_are_as_recorded(server: RunningServer, real_lists: Path) -> None:
    """A client that reads a key of the envelope or a header would find it here and not there."""
    archive = real_lists / "openalex_api_recorded" / "openalexPro.tar.gz"
    with tarfile.open(archive) as recorded:
        folder = "tests/fixtures/vcr/"
        name = "pro_fetch_search_biodiversity_AND_finance.yml"
        member = recorded.extractfile(folder + name)
        assert member is not None
        text = member.read().decode()
    body = text[text.index('{"meta"') :]
    meta = body[: body.index("}")].replace("\n", " ")
    answer = get(server, filter=CELL, cursor="*", per_page=2)
    for key in answer.json()["meta"]:
        assert f'"{key}"' in meta, key
    assert list(answer.json()) == ["meta", "results", "group_by"]
    headers = {
        line.strip().partition(":")[0] for line in text.splitlines() if " x-ratelimit-" in line
    }
    assert headers == {name for name in answer.headers if name.startswith("x-ratelimit-")}
    cursor = meta.partition('"next_cursor": "')[2].partition('"')[0]
    assert decode_cursor(cursor, width=3)[-1] == "https://openalex.org/W2789473385"


def test_cursors_carry_values_and_outlive_the_server(literature: Literature) -> None:
    """A cursor that is a session would make every checkpoint worthless after a restart."""
    with serve(literature) as first:
        page = get(first, filter=CELL, cursor="*", per_page=50)
    with serve(literature) as second:
        cursor = page.json()["meta"]["next_cursor"]
        following = get(second, filter=CELL, cursor=cursor, per_page=100)
        assert ids(page) + ids(following) == truth(second)
        # As recorded: there is a cursor even behind the last row, and behind it an empty page.
        last = get(second, filter="doi:10.5555/none", cursor="*").json()
        assert (last["results"], last["meta"]["next_cursor"]) == ([], None)


@given(st.lists(st.one_of(st.integers(-(10**12), 10**12), st.just("-Infinity")), min_size=1))
def test_cursors_come_back(values: list[int | str]) -> None:
    """A value that its encoding changes moves the place where the next page begins."""
    assert decode_cursor(encode_cursor(tuple(values)), width=len(values)) == tuple(values)
    with pytest.raises(RefusedQueryError):
        decode_cursor(encode_cursor(tuple(values)), width=len(values) + 1)


VALUES = st.one_of(st.integers(), st.text(max_size=8), st.lists(st.integers(), max_size=2))
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "filter": st.one_of(
            st.text(max_size=30),
            st.builds("{}:{}".format, st.sampled_from(FILTERS), st.text("W10|>-x,:/", max_size=9)),
        ),
        "cursor": st.one_of(
            st.just("*"), st.text(max_size=20), st.lists(VALUES, max_size=5).map(encode_cursor)
        ),
        "select": st.one_of(st.just("id"), st.text(max_size=9)),
        "sort": st.sampled_from(("publication_date:desc", "cited_by_count", "x", ",")),
        "per_page": st.sampled_from(("1", "100", "-1", "x", "")),
        "page": st.sampled_from(("1", "2", "0", "99999999999999999999", "x")),
    },
)


@pytest.fixture(scope="module")
def catalogue(server: RunningServer) -> Catalogue:
    return Catalogue(Shelf(server.works("acl", 2019)[:20]))


@settings(max_examples=500)
@given(PARAMETERS)
def test_no_query_breaks_the_server(catalogue: Catalogue, params: dict[str, str]) -> None:
    """A bug here would look to a crawler like one more 500 to be patient with."""
    answer = catalogue.answer("/works", params)
    assert answer.status in (200, 400)
    assert list(json.loads(answer.body)) in (["error", "message"], ["meta", "results", "group_by"])


def test_pages_by_number(server: RunningServer) -> None:
    """Numbered pages end where there is nothing more, and carry no cursor."""
    found = [ids(get(server, filter=CELL, page=n, per_page=60)) for n in range(1, 9)]
    assert list(itertools.chain(*found)) == truth(server)
    meta = get(server, filter=CELL, page=2, per_page=60).json()["meta"]
    assert meta["page"] == 2
    assert "next_cursor" not in meta


# Single objects


def test_single_works_by_id_and_doi(server: RunningServer) -> None:
    """They cost nothing, so a client may ask for what a list no longer shows."""
    work = next(w for w in server.works("cvpr", 2020) if w["doi"])
    number, doi = work["id"].removeprefix(PREFIX), work["doi"].removeprefix("https://doi.org/")
    for name in (number, number.lower(), work["id"], f"doi:{doi}", work["doi"]):
        answer = get(server, f"/works/{name}", select="id,doi")
        assert answer.json() == {"id": work["id"], "doi": work["doi"]}
        assert answer.headers["x-ratelimit-cost-usd"] == "0"
    assert get(server, f"/works/{number}").json() == work
    for name in ("W1", "doi:10.1/none"):
        assert get(server, f"/works/{name}").status_code == 404
    assert "<h1>Not Found" in get(server, "/works/W1").text
    assert get(server, "/works/nonsense").status_code == 400
    assert get(server, "/authors").status_code == 404


def test_merged_deleted_and_changed_works(literature: Literature) -> None:
    """What becomes of an id must be told apart: elsewhere, nowhere, or here with another count."""
    with serve(literature) as server:
        old, new, gone, moved = (w.removeprefix(PREFIX) for w in truth(server)[:4])
        counts = {w["id"]: w["cited_by_count"] for w in server.works("cvpr", 2020)}
        server.merge(old, new)
        server.delete(gone)
        server.set_count(moved, 100_000)
        answer = get(server, f"/works/{old}")
        assert (answer.status_code, answer.headers["location"]) == (301, f"/works/{new}")
        followed = httpx.get(f"{server.url}/works/{old}", follow_redirects=True)
        assert followed.json()["cited_by_count"] == counts[PREFIX + old] + counts[PREFIX + new]
        assert get(server, f"/works/{gone}").status_code == 404
        found = get(server, filter=f"openalex:{old}|{new}|{gone}|{moved}", select="id")
        assert [w.removeprefix(PREFIX) for w in ids(found)] == [moved, new]
        work = get(server, f"/works/{moved}").json()
        assert work["cited_by_count"] == 100_000
        assert sum(row["cited_by_count"] for row in work["counts_by_year"]) == 100_000
        server.replace(next_day(literature, seed=1))
        assert get(server, f"/works/{old}").status_code == 301
        assert get(server, f"/works/{gone}").status_code == 404
        assert get(server, per_page=1).json()["meta"]["count"] == literature.papers.height + 30 - 2


def test_sources_have_the_keys_of_real_ones(server: RunningServer, real_lists: Path) -> None:
    """Registered ids are checked against this endpoint before the first crawl."""
    with tarfile.open(real_lists / "openalex_api_recorded" / "academic-explorer.tar.gz") as files:
        recorded = files.extractfile("apps/web/public/data/openalex/sources/S4306400194.json")
        assert recorded is not None
        real = json.load(recorded)
    source = get(server, f"/sources/{CVPR}").json()
    assert list(source) == list(real)
    assert source["display_name"] == load_venues()["cvpr"].name
    papers = get(server, filter=f"locations.source.id:{CVPR}", per_page=1)
    assert source["works_count"] == papers.json()["meta"]["count"]
    listed = get(server, "/sources", filter=f"openalex:{CVPR}|S1", select="id")
    assert listed.json()["results"] == [{"id": PREFIX + CVPR}]
    everything = get(server, "/sources", per_page=3).json()
    assert everything["meta"]["count"] > 50
    assert [s["works_count"] > 0 for s in everything["results"]] == [True, True, True]
    assert get(server, "/sources/S1").status_code == 404


# Keys, budget and rate


def test_without_the_key_there_is_a_tenth_and_no_cursor(literature: Literature) -> None:
    """A crawler must see before it starts that it lacks the key, not after 100 calls."""
    with serve(literature, api_key="secret-key", budget_usd=0.005) as server:
        refused = get(server, cursor="*")
        assert (refused.status_code, refused.json()["error"]) == (403, "Forbidden")
        wrong = get(server, api_key="wrong")
        assert wrong.status_code == 401
        assert wrong.json() == {
            "error": "Invalid or missing API key",
            "message": "API key not found",
        }
        answer = get(server)
        assert answer.headers["x-ratelimit-limit"] == "5"
        assert answer.headers["x-ratelimit-limit-usd"] == "0.0005"
        assert get(server, cursor="*", api_key="secret-key").headers["x-ratelimit-limit"] == "50"
        bearer = httpx.get(server.url + "/works", headers={"Authorization": "Bearer secret-key"})
        assert bearer.headers["x-ratelimit-remaining"] == "48"
        assert "secret-key" not in repr(server.calls) + repr(server.meter) + repr(vars(server))


def test_an_exhausted_budget_asks_for_hours(literature: Literature) -> None:
    """Lists are charged, even refused ones, single works never; the end is told in full."""
    with serve(literature, budget_usd=0.0003) as server:
        spent = [get(server, per_page=1), get(server, filter="x:1"), get(server, per_page=1)]
        assert [a.status_code for a in spent] == [200, 400, 200]
        assert [a.headers["x-ratelimit-remaining"] for a in spent] == ["2", "1", "0"]
        assert spent[0].headers["x-ratelimit-remaining-usd"] == "0.0002"
        assert spent[0].json()["meta"]["cost_usd"] == 0.0001
        answer = get(server, per_page=1)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 10 * 3600
        assert answer.headers["retry-after"] == answer.headers["x-ratelimit-reset"]
        body = answer.json()
        assert body["error"] == "Rate limit exceeded"
        assert body["message"].startswith("Insufficient budget. This request costs $0.0001")
        assert body["retryAfter"] == int(answer.headers["retry-after"])
        assert get(server, f"/works/{truth(server)[0].removeprefix(PREFIX)}").status_code == 200


def test_the_rate_is_a_bucket_of_one_second() -> None:
    """Requests above the rate are refused, and never so many that the rate is not reached."""
    clock = [0.0]
    meter = Meter(api_key=None, budget_usd=1, rate_per_s=10, now=lambda: clock[0])
    assert [meter.admit() for _ in range(12)] == [True] * 10 + [False] * 2
    clock[0] = 0.25
    assert [meter.admit() for _ in range(3)] == [True, True, False]
    clock[0] = 60.0
    assert sum(meter.admit() for _ in range(30)) == 10
    assert all(Meter(api_key=None, budget_usd=1, rate_per_s=None).admit() for _ in range(1000))


def test_too_many_requests_are_told_to_wait_a_second(literature: Literature) -> None:
    """A burst costs nothing but patience."""
    with serve(literature, rate_per_s=1) as server, httpx.Client() as client:
        answers = [client.get(f"{server.url}/works?per_page=1") for _ in range(4)]
        refused = [a for a in answers if a.status_code == 429]
        assert refused
        assert refused[0].headers["retry-after"] == "1"
        assert "1 requests per second" in refused[0].json()["message"]
        sound = sum(a.status_code == 200 for a in answers)
        assert int(refused[0].headers["x-ratelimit-remaining"]) == 10_000 - sound


def test_latency_delays_every_answer_but_not_each_other(literature: Literature) -> None:
    """A server that sleeps one by one would hide what concurrency gains."""
    with serve(literature, latency_s=0.3) as server:
        answers: list[httpx.Response] = []
        threads = [
            threading.Thread(target=lambda: answers.append(get(server, per_page=1)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 8
        assert all(answer.elapsed.total_seconds() > 0.29 for answer in answers)
        assert max(answer.elapsed.total_seconds() for answer in answers) < 2.0


# Faults


@pytest.mark.parametrize("name", ["429_burst", "429_exhausted", "403", "500", "502", "504"])
def test_refusals(literature: Literature, name: str) -> None:
    """One request is refused, the next is not; only what was worked on is charged."""
    with serve(literature, faults=Faults(at={name: {2}})) as server:
        statuses = [get(server, per_page=1).status_code for _ in range(3)]
        assert statuses == [200, int(name[:3]), 200]
        assert [call.fault for call in server.calls] == [None, name, None]
        assert [call.status for call in server.calls] == statuses
        spent = 10_000 - int(get(server, per_page=1).headers["x-ratelimit-remaining"])
        assert spent == (4 if name[0] == "5" else 3)


def test_how_long_to_wait_tells_a_burst_from_exhaustion(literature: Literature) -> None:
    """The two are one status; only the header tells which one may be waited for."""
    faults = Faults(sequence=("429_burst", "429_exhausted"))
    with serve(literature, faults=faults) as server:
        burst, exhausted = get(server), get(server)
        assert burst.headers["retry-after"] == "1"
        assert int(exhausted.headers["retry-after"]) > 10 * 3600
        assert exhausted.headers["x-ratelimit-remaining"] == "0"


def test_silence_lasts_longer_than_the_client_waits(literature: Literature) -> None:
    """And the server must still close at once."""
    with serve(literature, faults=Faults(sequence=("timeout",))) as server:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{server.url}/works", timeout=0.3)
        assert get(server, per_page=1).status_code == 200
        assert [(c.fault, c.status) for c in server.calls] == [("timeout", None), (None, 200)]


def test_broken_bodies(literature: Literature) -> None:
    """Each looks sound until its body is read."""
    faults = Faults(sequence=("dropped", "truncated", "html"))
    with serve(literature, faults=faults) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            get(server)
        cut = get(server)
        assert (cut.status_code, cut.headers["content-type"]) == (200, "application/json")
        assert int(cut.headers["content-length"]) == len(cut.content)
        with pytest.raises(json.JSONDecodeError):
            cut.json()
        page = get(server)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert get(server).json()["results"]


def test_a_repeated_page_comes_with_its_old_cursor(literature: Literature) -> None:
    """A trusting client doubles a page; asking the same cursor again mends it."""
    with serve(literature, faults=Faults(at={"repeated_page": {1, 3}})) as server:
        first, second = itertools.islice(pages(server, filter=CELL, per_page=20), 2)
        cursor = second.json()["meta"]["next_cursor"]
        repeated = get(server, filter=CELL, per_page=20, cursor=cursor)
        assert repeated.content == second.content != first.content
        mended = get(server, filter=CELL, per_page=20, cursor=cursor)
        assert ids(mended) == truth(server)[40:60]
        # There is nothing to repeat before the first page.
        assert [c.fault for c in server.calls] == [None, None, "repeated_page", None]


def test_an_expired_cursor_is_refused_once(literature: Literature) -> None:
    """The first page has no cursor that could expire."""
    with serve(literature, faults=Faults(at={"expired_cursor": {1, 2}})) as server:
        cursor = get(server, cursor="*").json()["meta"]["next_cursor"]
        refused = get(server, cursor=cursor)
        assert (refused.status_code, refused.json()["error"]) == (400, "Pagination error.")
        assert get(server, cursor=cursor).status_code == 200
        assert [c.fault for c in server.calls] == [None, "expired_cursor", None]


def test_works_move_between_pages(literature: Literature) -> None:
    """Over some seeds a work comes, goes and changes its count, always in the list being read."""
    kinds = set()
    for seed in range(8):
        faults = Faults(at={"moving_page": {3}}, seed=seed)
        with serve(literature, faults=faults, budget_usd=10) as server:
            before = {w["id"]: w["cited_by_count"] for w in server.works("cvpr", 2020)}
            read(server)
            after = {w["id"]: w["cited_by_count"] for w in server.works("cvpr", 2020)}
            assert server.calls[2].fault == "moving_page"
            if before.keys() == after.keys():
                kinds.add("moved")
                assert sum(before[i] != after[i] for i in before) == 1
            else:
                kinds.add("came" if len(after) > len(before) else "went")
                assert len(before.keys() ^ after.keys()) == 1
    assert kinds == {"moved", "came", "went"}


def test_a_rising_count_escapes_a_trusting_client(literature: Literature) -> None:
    """Were it not so, no crawler would need to compare what it has with the count it was told."""
    with serve(literature) as server:
        walk = pages(server, filter=CELL, select="id", per_page=50)
        found = ids(next(walk))
        server.set_count(truth(server)[-1].removeprefix(PREFIX), 100_000)
        found += itertools.chain(*map(ids, walk))
        assert set(truth(server)) - set(found) == {truth(server)[0]}


def test_a_work_is_merged_away_mid_crawl(literature: Literature) -> None:
    """The one that goes leaves an address that leads to the one that stays."""
    with serve(literature, faults=Faults(at={"merged_id": {2}}, seed=3)) as server:
        before = set(truth(server))
        read(server)
        (gone,) = before - set(truth(server))
        answer = get(server, f"/works/{gone.removeprefix(PREFIX)}")
        assert answer.status_code == 301
        assert PREFIX + answer.headers["location"].removeprefix("/works/") in truth(server)


def test_faults_are_drawn_by_number_and_seed() -> None:
    """Faults that depend on anything else could not be repeated when a test fails."""
    faults = Faults(rates={"500": 0.2, "html": 0.1}, seed=4)
    drawn = [faults.of_request(n) for n in range(1, 5001)]
    assert drawn == [Faults(rates=faults.rates, seed=4).of_request(n) for n in range(1, 5001)]
    assert drawn != [Faults(rates=faults.rates, seed=5).of_request(n) for n in range(1, 5001)]
    assert drawn.count("500") / 5000 == pytest.approx(0.2, abs=0.03)
    assert drawn.count("html") / 5000 == pytest.approx(0.1, abs=0.03)
    told = Faults(sequence=("403", None), at={"html": {1, 2, 3}}, rates={"500": 1.0})
    assert [told.of_request(n) for n in (1, 2, 3, 4)] == ["403", None, "html", "500"]


@pytest.mark.parametrize(
    "arguments",
    [{"sequence": ("nope",)}, {"at": {"nope": {1}}}, {"rates": {"500": 0.7, "403": 0.7}}],
)
def test_impossible_faults_are_refused(arguments: dict[str, Any]) -> None:
    """A misspelt fault would be a test that tests nothing."""
    with pytest.raises(InputError):
        Faults(**arguments)
    assert len(FAULTS) == 14


def test_an_occupied_port_is_one_clear_line(server: RunningServer, literature: Literature) -> None:
    """Two servers on one port would answer in turns."""
    port = int(server.url.rsplit(":", 1)[1])
    with (
        pytest.raises(InputError, match=f"port {port}: expected a free port"),
        serve(literature, port=port),
    ):
        pass
