"""The client of OpenAlex: what it believes, what it asks again, what it never tells."""

import gzip
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import orjson
import pytest

from pipeline.corpus.openalex_query import Query
from pipeline.errors import BudgetExhaustedError, CsimpactError, InputError, SourceError
from resources.openalex import CursorExpiredError, Tally
from resources.openalex_answers import Gone, Page
from tests.openalex import Answer, Request, client, page, scripted, work

QUERY = Query("/works", {"filter": "locations.source.id:S1|S2", "select": "id"})
KEY = "sEcReT-kEy-0123456789"
SOUND = page([work(11)])


def ask(answer: Callable[[Request], Answer], cursor: str = "*") -> tuple[Page, Tally]:
    """The first page of a server that answers so, and what it took."""
    tally = Tally()
    with scripted(answer) as server, client(server.url) as openalex:
        return openalex.page(QUERY, cursor, tally), tally


def then_sound(*faults: Answer) -> Callable[[Request], Answer]:
    """The faults one after the other, then a sound page."""
    turn = count()
    return lambda _: faults[n] if (n := next(turn)) < len(faults) else SOUND


@pytest.mark.parametrize(
    "fault",
    [
        *(Answer(b"no", status) for status in (403, 408, 429, 500, 502, 503, 504)),
        Answer(b"<html>one moment</html>", headers={"content-type": "text/html"}),
        Answer(b'{"meta": {"count": 1, "next_cursor": null}, "resu'),
        Answer(b""),
        Answer([work(11)]),
        Answer({"meta": {"count": 1}, "results": None}),
        Answer({"meta": {"count": None}, "results": []}),
        Answer({"meta": {"count": -1}, "results": []}),
        Answer({"meta": {"count": 1, "next_cursor": 7}, "results": []}),
        Answer({"meta": {"count": 1}, "results": ["W11"]}),
        Answer({"meta": {"count": 1}, "results": [{"id": None}]}),
        Answer({"meta": {"count": 1}, "results": [{"id": "https://openalex.org/A1"}]}),
        Answer(b"not gzip at all", headers={"content-encoding": "gzip"}),
        Answer(gzip.compress(b"x" * 9999)[:40], headers={"content-encoding": "gzip"}),
        Answer(b'{"meta":', headers={"content-length": "400"}),
    ],
)
def test_a_passing_fault_is_asked_again(fault: Answer) -> None:
    """A crawl of an hour that ends with the first hiccup, or takes an error page for an answer."""
    got, tally = ask(then_sound(fault, fault))
    assert got == Page([work(11)], 1, None)
    assert tally.calls == 3


@pytest.mark.parametrize("body", [b"<html>", b"{", b"[]", b'{"meta": {}, "results": []}'])
def test_a_lasting_fault_is_one_line(body: bytes) -> None:
    """Retrying for ever, or a traceback of the JSON library."""
    with pytest.raises(SourceError, match="no sound answer 4 times") as told:
        ask(lambda _: Answer(body))
    assert "\n" not in str(told.value)


def test_a_server_that_says_nothing_or_is_not_there_is_one_line() -> None:
    """A crawl that hangs all night on one connection."""
    with pytest.raises(SourceError, match="ReadTimeout"):
        ask(lambda _: time.sleep(1.3) or SOUND)  # type: ignore[func-returns-value]
    with client("http://127.0.0.1:9") as openalex, pytest.raises(SourceError, match="ConnectError"):
        openalex.page(QUERY, "*", Tally())


@pytest.mark.parametrize("url", ["api.openalex.org", "ftp://x", "http://"])
def test_an_address_that_is_none_is_told_before_anything_is_asked(url: str) -> None:
    """Six attempts at an address that cannot be asked."""
    with pytest.raises(InputError, match="CSIMPACT_OPENALEX_URL"):
        client(url)


def test_what_no_patience_mends_is_told_at_once() -> None:
    """Asking six times whether a wrong key is right after all."""
    refusals: dict[int, tuple[type[CsimpactError], str]] = {
        400: (SourceError, "refuses the query: 400 S1 is no source"),
        401: (InputError, "OPENALEX_API_KEY"),
        404: (SourceError, "CSIMPACT_OPENALEX_URL"),
        301: (SourceError, "CSIMPACT_OPENALEX_URL"),
    }
    for status, (kind, words) in refusals.items():
        asked = []

        def answer(request: Request, status: int = status, asked: list[Request] = asked) -> Answer:
            asked.append(request)
            return Answer({"error": "Invalid", "message": "S1 is no source"}, status)

        with pytest.raises(kind) as told:
            ask(answer)
        assert words in str(told.value)
        assert len(asked) == 1
    with pytest.raises(CursorExpiredError):
        ask(lambda _: Answer(b"", 400), cursor="abc")


def test_a_short_retry_after_is_kept_by_every_worker() -> None:
    """Sixteen workers that each need their own 429 to learn that the server has had enough."""
    moments: list[float] = []
    first = count()

    def answer(_: Request) -> Answer:
        moments.append(time.monotonic())
        return SOUND if next(first) else Answer(b"", 429, {"retry-after": "0.4"})

    with scripted(answer) as server, client(server.url) as openalex, ThreadPoolExecutor(2) as pool:
        one = pool.submit(openalex.page, QUERY, "*", Tally())
        time.sleep(0.1)
        two = pool.submit(openalex.page, QUERY, "*", Tally())
        assert one.result() == two.result()
    assert min(moments[1:]) - moments[0] >= 0.38


def test_a_long_retry_after_stops_everybody_and_says_when_to_come_back() -> None:
    """A night asleep inside a call."""
    spent = Answer(b"", 429, {"retry-after": "36000", "x-ratelimit-remaining-usd": "0"})
    with scripted(lambda _: spent) as server, client(server.url) as openalex:
        started = time.monotonic()
        for _ in range(3):
            with pytest.raises(BudgetExhaustedError, match=r"again after \d{4}-\d\d-\d\d"):
                openalex.page(QUERY, "*", Tally())
        assert time.monotonic() - started < 1
        assert len(server.requests) == 1
    with pytest.raises(SourceError, match="10 minutes"):
        ask(lambda _: Answer(b"", 503, {"retry-after": "600"}))


def test_a_call_that_cannot_be_paid_is_not_made() -> None:
    """Calls whose only answer is a refusal; and singletons, which are free, must still go."""

    left = iter(["0.00015", "0.00005", "0"])

    def answer(request: Request) -> Answer:
        headers = {"x-ratelimit-remaining-usd": next(left), "x-ratelimit-reset": "3600"}
        return Answer(work(11) if request.path.endswith("W11") else SOUND.body, headers=headers)

    with scripted(answer) as server, client(server.url) as openalex:
        openalex.page(QUERY, "*", Tally())
        openalex.page(QUERY, "*", Tally())
        with pytest.raises(BudgetExhaustedError, match=r"is left; the next call costs \$0\.0001"):
            openalex.page(QUERY, "*", Tally())
        assert openalex.work("W11", ("id",), Tally()) == work(11)
        assert len(server.requests) == 3


def test_prepaid_credit_counts_as_budget() -> None:
    """A user who paid is told to wait until midnight."""
    headers = {"x-ratelimit-remaining-usd": "0", "x-ratelimit-prepaid-remaining-usd": "5"}
    paid = Answer(SOUND.body, headers=headers)
    with scripted(lambda _: paid) as server, client(server.url) as openalex:
        for _ in range(3):
            openalex.page(QUERY, "*", Tally())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(work(11)), work(11)),
        (Answer(b"<html>404", 404), Gone()),
        (Answer(b"", 410), Gone()),
        (Answer(b"", 301, {"location": "/works/W12?select=id&api_key=x"}), Gone("W12")),
        (Answer(b"", 302, {"location": "https://api.openalex.org/works/w22"}), Gone("W22")),
        (Answer(work(12)), Gone("W12")),
    ],
)
def test_what_became_of_a_work(answer: Answer, expected: object) -> None:
    """A merged work taken for a deleted one loses its paper."""
    with scripted(lambda _: answer) as server, client(server.url) as openalex:
        assert openalex.work("W11", ("id", "title"), Tally()) == expected
        assert server.requests[0].path == "/works/W11"
        assert server.requests[0].params["select"] == "id,title"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"", 301, {"location": "/works/W11"}),
        Answer(b"", 301),
        Answer({"id": "https://openalex.org/A1"}),
        Answer(b"<html>", 200),
    ],
)
def test_a_work_that_leads_nowhere_is_no_deletion(answer: Answer) -> None:
    """A redirect to itself followed for ever, or an author taken for the work."""
    with scripted(lambda _: answer) as server, client(server.url) as openalex:  # noqa: SIM117
        with pytest.raises(SourceError):
            openalex.work("W11", ("id",), Tally())


def test_the_key_is_sent_and_told_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A key in a log file, an error report or Dagster's metadata is a key for everyone."""
    monkeypatch.setenv("OPENALEX_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "httpx")  # which whoever posts incidents has silenced
    turn = count()
    echo = {"error": f"bad key {KEY}", "message": f"what is {KEY}?"}
    answers = [
        Answer(b"", 500), Answer(b"", 429, {"retry-after": "0"}), Answer(b"<html>"),
        SOUND, Answer(echo, 400), Answer(echo, 401), Answer(echo, 403), Answer(echo, 403),
        Answer(echo, 403), Answer(echo, 403),
        Answer(b"", 301, {"location": f"/works/W12?api_key={KEY}"}),
        Answer(b"", 429, {"retry-after": "36000"}),
    ]  # fmt: skip
    told: list[str] = []
    tally = Tally()
    with scripted(lambda _: answers[next(turn)]) as server, client(server.url) as openalex:
        told += [repr(openalex), str(openalex.page(QUERY, "*", tally))]
        for _ in range(3):
            with pytest.raises(CsimpactError) as problem:
                openalex.page(QUERY, "*", tally)
            told += [str(problem.value), repr(problem.value), *_chain(problem.value)]
        told.append(str(openalex.work("W11", ("id",), tally)))
        with pytest.raises(BudgetExhaustedError) as problem:
            openalex.page(QUERY, "*", tally)
        told += [str(problem.value), str(tally)]
        assert {r.params.get("api_key") for r in server.requests} == {KEY}
        assert len(server.requests) == len(answers)
    assert "HTTP Request: GET" in caplog.text  # httpx did log, so that its silence proves nothing
    assert KEY not in caplog.text + "".join(told)
    assert not any(KEY in str(record.__dict__) for record in caplog.records)


def _chain(problem: BaseException) -> list[str]:
    """The exceptions behind one, and the requests they carry."""
    told = []
    seen: BaseException | None = problem
    while seen := (seen.__cause__ or seen.__context__):
        told += [repr(seen), str(seen.__dict__)]
        if "_request" in seen.__dict__:
            told.append(str(seen.__dict__["_request"].url))
    return told


def test_no_key_sends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """`api_key=` with nothing behind it is refused where no key at all is welcome."""
    monkeypatch.setenv("OPENALEX_API_KEY", "  ")
    with scripted(lambda _: SOUND) as server, client(server.url) as openalex:
        openalex.page(QUERY, "*", Tally())
    assert "api_key" not in server.requests[0].target


def test_a_count_asks_for_one_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run that fetches a hundred works of each venue-year to tell how many there are."""
    with scripted(lambda _: page([work(11)], count=4321)) as server, client(server.url) as openalex:
        assert openalex.count(QUERY, tally := Tally()) == 4321
    assert (tally.calls, round(tally.usd, 6)) == (1, 0.0001)
    assert server.requests[0].params["per_page"] == "1"
    assert server.requests[0].params["select"] == "id"


def test_the_rate_is_kept_by_all_workers_together() -> None:
    """Sixteen workers at the allowed rate each."""
    with scripted(lambda _: SOUND) as server, client(server.url, rate_per_s=50.0) as openalex:
        started = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(lambda _: openalex.page(QUERY, "*", Tally()), range(21)):
                pass
        assert time.monotonic() - started >= 20 / 50


def test_json_is_read_as_it_stands() -> None:
    """Titles beyond ASCII, in whatever escapes they come."""
    body = (
        '{"meta":{"count":1,"next_cursor":null},"results":[{"id":"https://openalex.org/W11",'
        '"title":"\\u00dcber \\ud835\\udd18 \u4e2d"}]}'
    )
    got, _ = ask(lambda _: Answer(body.encode()))
    assert got.works[0]["title"] == "Über 𝔘 中"
    assert orjson.loads(orjson.dumps(got.works[0])) == got.works[0]
