"""The crawl against a simulated OpenAlex: nothing lost, nothing doubled, nothing wasted."""

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus.openalex_query import SELECT, crawl_cost
from pipeline.errors import BudgetExhaustedError, SourceError
from pipeline.settings import DataDir
from pipeline.simulation.literature import Literature, simulate_literature
from pipeline.simulation.openalex_server import FAULTS, Faults, RunningServer, serve
from pipeline.venues import load_venues
from resources.crawl import IncompleteError, Outcome, crawl
from resources.openalex import OpenAlex, Patience
from tests.openalex import Answer, Request, client, page, scripted, work

TODAY = date(2026, 11, 21)
PATIENT = Patience(attempts=8, first_wait_s=0.001, longest_wait_s=2.0, timeout_s=1.0)
CHANGING = {"moving_page", "merged_id"}  # under these the truth itself moves


@cache
def literature(n_papers: int = 450) -> Literature:
    """Several pages of two venue-years."""
    return simulate_literature(n_papers=n_papers, seed=5, venues=("acl", "cvpr"), years=(2019,))


@contextmanager
def openalex(faults: Faults | None = None, **options: Any) -> Iterator[RunningServer]:
    with serve(literature(), faults=faults, **options) as server:
        yield server


def crawled(
    url: str,
    data: DataDir,
    venues: Sequence[str] = ("acl", "cvpr"),
    today: date = TODAY,
    **how: Any,
) -> dict[str, Outcome]:
    """What became of 2019 of each venue, by a client of its own."""
    registry = load_venues()
    wanted = [(registry[slug], 2019) for slug in venues]
    with client(url, **{"patience": PATIENT, **how}) as asked:
        return {one.cell[0]: one for one in crawl(asked, data, wanted, today)}


@pytest.fixture(scope="module")
def shared_server() -> Iterator[RunningServer]:
    """One server for many tests: each begins with the works the last one left."""
    with openalex() as server:
        yield server


def befall(server: RunningServer, sequence: Sequence[str | None], **options: Any) -> None:
    """Let these faults befall the next calls, one after the other."""
    sound = [None] * len(server.calls)
    server.faults = Faults(sequence=[*sound, *sequence], burst_retry_after_s=0, **options)


def read(path: Path | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Header and works of a delivered file."""
    assert path is not None
    header, *works = map(json.loads, gzip.decompress(path.read_bytes()).splitlines())
    return header, works


def truth(server: RunningServer, venue: str) -> list[dict[str, Any]]:
    """The works as the server has them, as far as they are selected, sorted by id."""
    works = [{k: v for k, v in w.items() if k in SELECT} for w in server.works(venue, 2019)]
    return sorted(works, key=lambda w: str(w["id"]))


def folders(data: DataDir) -> list[Path]:
    """Checkpoints left behind."""
    return [path for path in data.crawl.rglob("*") if path.is_file()]


def test_a_crawl_delivers_the_truth_without_a_wasted_call(data_dir: DataDir) -> None:
    """An empty page asked for behind the last one doubles the price of small venue-years."""
    with openalex() as server:
        outcomes = crawled(server.url, data_dir)
        needed = sum(crawl_cost(len(server.works(v, 2019))).calls for v in outcomes)
        assert len(server.calls) == needed >= 5
        for venue, one in outcomes.items():
            header, works = read(one.delivered)
            assert works == truth(server, venue)
            assert header == {
                "csimpact": "openalex_crawl", "venue": venue, "year": 2019,
                "observed_on": "2026-11-21", "complete": True, "n_works": len(works),
            }  # fmt: skip
            assert one.delivered == (
                data_dir.inbox / "openalex" / "2026-11-21" / f"{venue}-2019.jsonl.gz"
            )
            assert (one.status, one.news, one.n_works) == ("complete", True, len(works))
            assert one.tally.usd == pytest.approx(one.tally.calls * 0.0001)
    assert folders(data_dir) == []


def test_a_second_crawl_delivers_only_what_moved(data_dir: DataDir) -> None:
    """Every night a copy of everything, and a refresh that takes all of it for news."""
    with openalex() as server:
        first = crawled(server.url, data_dir)
        again = crawled(server.url, data_dir, today=TODAY + timedelta(days=1))
        assert [one.news for one in again.values()] == [False, False]
        moved = truth(server, "acl")[3]["id"]
        server.set_count(moved, 4711)
        third = crawled(server.url, data_dir, today=TODAY + timedelta(days=2))
        assert {venue: one.news for venue, one in third.items()} == {"acl": True, "cvpr": False}
        _, before = read(first["acl"].delivered)
        _, after = read(third["acl"].delivered)
        assert [new["id"] for old, new in zip(before, after, strict=True) if old != new] == [moved]


def test_equal_works_give_equal_bytes(tmp_path: Path) -> None:
    """A clock or an order in the file would make a copy look like another crawl."""
    with openalex() as server:
        one, two = (DataDir(tmp_path / name) for name in "ab")
        files = [crawled(server.url, d)["acl"].delivered for d in (one, two)]
        contents = {file.read_bytes() for file in files if file}
        assert (len(files), len(contents)) == (2, 1)


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - CHANGING - {"429_exhausted"}))
def test_each_fault_alone_costs_nothing_but_time(
    fault: str, data_dir: DataDir, shared_server: RunningServer
) -> None:
    """A fault on the first, a middle and a late page: the same works as without."""
    begun = len(shared_server.calls)
    last = None if fault == "expired_cursor" else fault  # one venue-year bears one of these
    befall(shared_server, [fault, None, fault, None, None, last], hold_s=2)
    outcomes = crawled(shared_server.url, data_dir)
    assert {call.fault for call in shared_server.calls[begun:]} == {None, fault}
    for venue, one in outcomes.items():
        assert one.status == "complete", one.trouble
        assert read(one.delivered)[1] == truth(shared_server, venue)
    assert folders(data_dir) == []


def test_an_exhausted_budget_stops_and_the_next_run_goes_on(data_dir: DataDir) -> None:
    """Hours of sleep, or a crawl that begins anew every day and never ends."""
    with openalex(Faults(at={"429_exhausted": (3,)})) as server:
        first = crawled(server.url, data_dir, workers=1)
        assert {one.status for one in first.values()} == {"waits for budget"}
        assert "again after" in str(first["acl"].trouble)
        assert len(server.calls) == 3  # the others do not even ask
        second = crawled(server.url, data_dir, today=TODAY + timedelta(days=1))
        needed = sum(crawl_cost(one.n_works).calls for one in second.values())
        assert len(server.calls) == needed + 1
        for venue, one in second.items():
            assert read(one.delivered)[1] == truth(server, venue)
        assert read(second["acl"].delivered)[0]["observed_on"] == "2026-11-21"


def test_a_budget_that_ends_is_seen_before_the_refusal(data_dir: DataDir) -> None:
    """The call that the budget cannot pay is refused by us, for nothing."""
    with openalex(budget_usd=0.0002) as server:
        outcomes = crawled(server.url, data_dir, workers=1)
        assert [call.status for call in server.calls] == [200, 200]
        assert all(isinstance(o.trouble, BudgetExhaustedError) for o in outcomes.values())


@pytest.mark.parametrize("fault", sorted(CHANGING))
@pytest.mark.parametrize("seed", range(6))
def test_works_that_move_while_they_are_read(
    fault: str, seed: int, data_dir: DataDir, shared_server: RunningServer
) -> None:
    """A work that slips past the cursor, and is taken for gone because nobody counted."""
    befall(shared_server, [None, fault], seed=seed)
    n_before = len(truth(shared_server, "acl"))
    one = crawled(shared_server.url, data_dir, ["acl"])["acl"]
    header, works = read(one.delivered)
    now = truth(shared_server, "acl")
    assert header["complete"] is True
    assert [w["id"] for w in works] == [w["id"] for w in now]
    assert fault != "merged_id" or len(now) == n_before - 1
    later = crawled(shared_server.url, data_dir, ["acl"], TODAY + timedelta(days=1))["acl"]
    assert later.news == (works != now)
    if later.news:  # a count that moved after its page was read
        assert read(later.delivered)[1] == now


def test_works_that_never_rest_are_delivered_as_a_part(data_dir: DataDir) -> None:
    """`complete` said of a list that missed works would have them deleted."""
    with openalex(Faults(rates={"merged_id": 1.0})) as server:
        one = crawled(server.url, data_dir, ["acl"])["acl"]
        header, works = read(one.delivered)
        assert header["complete"] is False
        assert isinstance(one.trouble, IncompleteError)
        assert {w["id"] for w in truth(server, "acl")} <= {w["id"] for w in works}
        assert len({w["id"] for w in works}) == len(works)


SEQUENCES = st.lists(
    st.sampled_from([None, *sorted(FAULTS.keys() - {"timeout"})]), min_size=1, max_size=14
)


def crawl_through(
    server: RunningServer, sequence: list[str | None], seed: int, data: DataDir
) -> None:
    """Crawl under the faults, again every day until all is well, and compare with the truth."""
    befall(server, sequence, seed=seed)
    for day in range(len(sequence) + 1):
        outcomes = crawled(
            server.url, data, today=TODAY + timedelta(days=day), workers=1 + seed % 3
        )
        troubles = [one.trouble for one in outcomes.values() if one.trouble]
        assert all(isinstance(trouble, SourceError) for trouble in troubles)
        if not troubles:
            break
    server.faults = Faults()
    outcomes = crawled(server.url, data, today=TODAY + timedelta(days=30))
    assert {one.status for one in outcomes.values()} == {"complete"}
    for venue in outcomes:
        header, works = read(max((data.inbox / "openalex").glob(f"*/{venue}-2019.jsonl.gz")))
        assert header["complete"] is True
        assert works == truth(server, venue)


@settings(max_examples=10)
@given(sequence=SEQUENCES, seed=st.integers(0, 999))
def test_any_sequence_of_faults_ends_with_the_truth(
    shared_server: RunningServer,
    tmp_path_factory: pytest.TempPathFactory,
    sequence: list[str | None],
    seed: int,
) -> None:
    """Two faults that are harmless apart, and lose a page together."""
    crawl_through(shared_server, sequence, seed, DataDir(tmp_path_factory.mktemp("crawl")))


@pytest.mark.slow
@settings(max_examples=300)
@given(sequence=SEQUENCES, seed=st.integers(0, 999))
def test_many_sequences_of_faults_end_with_the_truth(
    tmp_path_factory: pytest.TempPathFactory, sequence: list[str | None], seed: int
) -> None:
    """What ten sequences do not meet."""
    with openalex() as server:
        crawl_through(server, sequence, seed, DataDir(tmp_path_factory.mktemp("crawl")))


# ── What the simulation does not do ───────────────────────────────────────────────────


def test_a_count_that_promises_too_much_is_no_complete_crawl(data_dir: DataDir) -> None:
    """A server that says 5 and holds 3: 2 works are not there, or not shown."""
    works = [work(n) for n in (11, 12, 13)]

    def answer(request: Request) -> Answer:
        first = request.params["cursor"] == "*"
        return page(works if first else [], count=5, cursor="end" if first else None)

    with scripted(answer) as server:
        one = crawled(server.url, data_dir, ["acl"])["acl"]
    header, delivered = read(one.delivered)
    assert (header["complete"], delivered) == (False, works)
    assert len(server.requests) == 4  # two walks
    assert one.status == "incomplete"
    assert "5 works" in str(one.trouble)
    with scripted(answer) as server:
        again = crawled(server.url, data_dir, ["acl"])["acl"]
    assert (again.news, again.status) == (False, "incomplete")


def test_pages_in_a_circle_come_to_an_end(data_dir: DataDir) -> None:
    """Two cursors that lead to each other were followed for ever."""
    pages = {"*": ([work(11)], "a"), "a": ([work(12)], "b"), "b": ([work(11)], "a")}

    def answer(request: Request) -> Answer:
        works, cursor = pages[request.params["cursor"]]
        return page(works, count=9, cursor=cursor)

    with scripted(answer) as server:
        one = crawled(server.url, data_dir, ["acl"])["acl"]
    assert one.status == "incomplete"
    assert read(one.delivered)[1] == [work(11), work(12)]
    assert len(server.requests) < 30


def test_a_cursor_that_leads_to_itself_is_one_line(data_dir: DataDir) -> None:
    """The same page a thousand times."""
    with scripted(lambda _: page([work(11)], count=3, cursor="*")) as server:
        one = crawled(server.url, data_dir, ["acl"])["acl"]
    assert one.status == "failed"
    assert "a page it had given before" in str(one.trouble)
    assert len(server.requests) == PATIENT.attempts


def test_a_venue_year_without_works_is_an_answer(data_dir: DataDir) -> None:
    """No works is news the first time, and costs one call."""
    with scripted(lambda _: page([])) as server:
        one = crawled(server.url, data_dir, ["acl"])["acl"]
    assert read(one.delivered)[1] == []
    assert (one.status, len(server.requests)) == ("complete", 1)


def test_a_work_told_twice_is_kept_in_its_latest_form(data_dir: DataDir) -> None:
    """A count that moved a work to the next page: two rows of one work."""
    pages = {"*": ([work(11), work(12)], "a"), "a": ([work(12, cited_by_count=99), work(13)], None)}

    def answer(request: Request) -> Answer:
        works, cursor = pages[request.params["cursor"]]
        return page(works, count=3, cursor=cursor)

    with scripted(answer) as server:
        one = crawled(server.url, data_dir, ["acl"])["acl"]
    assert read(one.delivered)[1] == [work(11), work(12, cited_by_count=99), work(13)]


@pytest.mark.parametrize("damage", ["state", "lines", "torn", "old", "query"])
def test_a_checkpoint_that_cannot_be_trusted_is_not(damage: str, data_dir: DataDir) -> None:
    """Half a state file, lines shorter than it says, or pages of another query or week."""
    with openalex(Faults(at={"429_exhausted": (3,)})) as server:
        crawled(server.url, data_dir, ["acl"])
        folder = data_dir.crawl / "acl" / "2019"
        state, lines = folder / "state.json", folder / "works.jsonl"
        assert len(lines.read_bytes().splitlines()) == 200
        if damage == "state":
            state.write_bytes(state.read_bytes()[:40])
        elif damage == "lines":
            lines.write_bytes(lines.read_bytes()[:-1])
        elif damage == "torn":  # a crash between the lines and the state: fetched again
            lines.write_bytes(lines.read_bytes() + b'{"id": "https://openalex.org/W')
        elif damage == "query":
            state.write_text(json.dumps(json.loads(state.read_text()) | {"key": {"query": "x"}}))
        today = TODAY + timedelta(days=9 * (damage == "old"))
        calls = len(server.calls)
        one = crawled(server.url, data_dir, ["acl"], today)["acl"]
        assert read(one.delivered)[1] == truth(server, "acl")
        needed = crawl_cost(one.n_works).calls
        assert len(server.calls) - calls == (needed - 2 if damage == "torn" else needed)


def test_a_crash_between_delivery_and_forgetting_delivers_once(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same works twice, under two dates."""
    with openalex() as server:
        with monkeypatch.context() as patch:
            patch.setattr("resources.crawl_checkpoint.Checkpoint.remove", lambda self: None)
            crawled(server.url, data_dir, ["acl"])
        assert folders(data_dir)
        calls = len(server.calls)
        again = crawled(server.url, data_dir, ["acl"], TODAY + timedelta(days=1))["acl"]
        assert (again.status, again.news, len(server.calls)) == ("complete", False, calls)
    assert folders(data_dir) == []
    assert len(list((data_dir.inbox / "openalex").rglob("*.gz"))) == 1


def test_a_full_disk_is_one_line_and_the_page_is_fetched_again(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state that counts lines nobody wrote."""
    with openalex() as server:
        with monkeypatch.context() as patch:

            def full(_: int) -> None:
                raise OSError(28, "No space left on device")

            patch.setattr("os.fsync", full)
            one = crawled(server.url, data_dir, ["acl"])["acl"]
            assert "No space left" in str(one.trouble)
        one = crawled(server.url, data_dir, ["acl"])["acl"]
        assert read(one.delivered)[1] == truth(server, "acl")


def test_leaving_a_crawl_early_stops_it(data_dir: DataDir) -> None:
    """Ctrl-C that waits for the other fifty pages."""
    registry = load_venues()
    with openalex(latency_s=0.02) as server:
        asked: OpenAlex = client(server.url, workers=1)
        with asked:
            outcomes = crawl(asked, data_dir, [(registry[v], 2019) for v in ("acl", "cvpr")], TODAY)
            first = next(outcomes)
            outcomes.close()  # type: ignore[attr-defined]  # a generator
        assert len(server.calls) <= crawl_cost(first.n_works).calls + 2
