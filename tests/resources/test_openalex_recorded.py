"""Exchanges recorded from the real OpenAlex, replayed through the client over a socket."""

import gzip
import json
import tarfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pipeline.corpus.openalex_query import Query
from pipeline.errors import CsimpactError, InputError, SourceError
from pipeline.settings import DataDir
from pipeline.venues import load_venues
from resources.crawl import crawl
from resources.openalex import FIRST_CURSOR, CursorExpiredError, Tally
from tests.openalex import Answer, Request, client, scripted

Exchange = tuple[str, dict[str, str], Answer]
"""Path, parameters, and what was answered."""


@pytest.fixture(scope="module")
def recorded(real_lists: Path) -> Path:
    return real_lists / "openalex_api_recorded"


@pytest.fixture(scope="module")
def exchanges(recorded: Path) -> list[Exchange]:
    """Every exchange of the cassettes, headers included."""
    yaml = pytest.importorskip("yaml")
    found = []
    for name, data in members(recorded / "openalexPro.tar.gz", ".yml"):
        for turn in yaml.load(data, yaml.CSafeLoader)["http_interactions"]:
            url = urlsplit(turn["request"]["uri"])
            headers = {k: str(v) for k, v in turn["response"]["headers"].items()}
            kept = {k: v for k, v in headers.items() if k.startswith("x-ratelimit")}
            body = turn["response"]["body"]["string"].encode()
            answer = Answer(body, turn["response"]["status"], kept)
            found.append((url.path, dict(parse_qsl(url.query)) | {"from": name}, answer))
    assert len(found) >= 20
    return found


def members(archive: Path, suffix: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as files:
        for member in sorted(files.getmembers(), key=lambda m: m.name):
            file = files.extractfile(member) if member.name.endswith(suffix) else None
            if file:
                yield member.name, file.read()


def replayed(exchange: Exchange) -> Any:
    """What the client makes of the answer: a page, a work, or an error."""
    path, params, answer = exchange
    with scripted(lambda _: answer) as server, client(server.url) as openalex:
        try:
            if path.startswith("/works/"):
                return openalex.work(path.rpartition("/")[2], ("id",), Tally())
            cursor = params.get("cursor", FIRST_CURSOR)
            return openalex.page(Query(path, {"filter": params.get("filter", "")}), cursor, Tally())
        except CsimpactError as trouble:
            return trouble


def test_every_recorded_exchange_is_understood(exchanges: list[Exchange]) -> None:
    """A client that knows only its own simulation."""
    seen = set()
    for exchange in exchanges:
        path, params, answer = exchange
        document, got = json.loads(answer.body), replayed(exchange)
        if answer.status == 401:
            seen.add("refused key")
            assert isinstance(got, InputError)
        elif answer.status == 400:
            seen.add("refused query")
            assert isinstance(got, SourceError)
            assert not isinstance(got, CursorExpiredError)
            assert document["message"][:60] in str(got)
        elif path.startswith("/works/"):
            seen.add("work")
            assert got == document
        elif "results" in document and params.get("select") != "ids":
            seen.add("page")
            assert (got.works, got.count) == (document["results"], document["meta"]["count"])
            assert got.next_cursor == document["meta"].get("next_cursor")
        else:  # groups, works without ids, the state of the budget: nothing we ask for
            assert isinstance(got, SourceError)
    assert seen == {"refused key", "refused query", "work", "page"}


def test_the_recorded_headers_tell_the_budget(exchanges: list[Exchange]) -> None:
    """Headers under other names than expected read as a budget without end."""
    left = set()
    for exchange in exchanges:
        answer = exchange[2]
        with scripted(lambda _, answer=answer: answer) as server, client(server.url) as openalex:  # type: ignore[misc]
            openalex._budget.learn({k.lower(): v for k, v in answer.headers.items()})
            told = answer.headers.get("x-ratelimit-remaining-usd")
            assert openalex._budget.left_usd == (float(told) if told else None)
            assert (openalex._budget.resume_at is None) == (told is None)
            left.add(openalex._budget.left_usd)
    assert {0.9655, 199.929, None} <= left


def test_recorded_lists_are_crawled_with_a_call_per_page(recorded: Path, data_dir: DataDir) -> None:
    """The real last page has a cursor, and behind it lies an empty page: a call for nothing."""
    pages: dict[str, list[Any]] = {}
    for name, data in members(recorded / "openalexPro.tar.gz", ".json"):
        pages.setdefault(name.rsplit("results_page", 1)[0], []).append(json.loads(data))
    assert len(pages) == 5
    year = 2019
    for first, second in pages.values():
        assert first["meta"]["next_cursor"]
        assert second["results"] == []
        answers = {FIRST_CURSOR: first, first["meta"]["next_cursor"]: second}

        def answer(request: Request, answers: dict[str, Any] = answers) -> Answer:
            return Answer(answers[request.params["cursor"]])

        year += 1
        with scripted(answer) as server, client(server.url) as openalex:
            wanted = [(load_venues()["acl"], year)]
            (outcome,) = crawl(openalex, data_dir, wanted, date(2026, 11, 21))
        assert outcome.status == "complete"
        assert outcome.delivered
        _, *works = map(json.loads, gzip.decompress(outcome.delivered.read_bytes()).splitlines())
        assert works == sorted(first["results"], key=lambda w: str(w["id"]))
        assert len(server.requests) == 1


def test_recorded_pages_of_another_client_are_understood(recorded: Path) -> None:
    """Lists without a cursor, as a poll asks for them."""
    found = [
        (name, json.loads(data))
        for name, data in members(recorded / "academic-explorer.tar.gz", ".json")
        if "/works/queries/" in name
    ]
    assert len(found) >= 6
    for name, document in found:
        got = replayed(("/works", {}, Answer(document)))
        assert got.works == document["results"], name
        assert got.next_cursor is None
