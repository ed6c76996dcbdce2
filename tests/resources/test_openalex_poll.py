"""The nightly poll: every change found, nothing unchanged delivered, no call too many."""

import gzip
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.corpus.openalex_query import SELECT, content_digest
from pipeline.errors import BudgetExhaustedError, SourceError
from pipeline.settings import DataDir
from pipeline.simulation.literature import Literature, simulate_literature
from pipeline.simulation.openalex_server import Faults, RunningServer, serve
from pipeline.venues import load_venues
from resources.crawl import crawl
from resources.openalex_deliveries import Deliveries
from resources.openalex_known import tracked_works
from resources.openalex_poll import PollOutcome, poll
from tests.openalex import Answer, Request, client, page, scripted, work

NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)


@cache
def literature() -> Literature:
    return simulate_literature(n_papers=330, seed=5, venues=("acl", "cvpr"), years=(2019,))


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with serve(literature()) as running:
        yield running


@pytest.fixture
def tracked(server: RunningServer, data_dir: DataDir) -> pl.DataFrame:
    """What a crawl of the evening before delivered."""
    wanted = [(load_venues()[slug], 2019) for slug in ("acl", "cvpr")]
    with client(server.url) as asked:
        outcomes = list(crawl(asked, data_dir, wanted, date(2026, 11, 21)))
    assert [one.status for one in outcomes] == ["complete", "complete"]
    server.calls.clear()
    return tracked_works(data_dir)


def polled(url: str, data: DataDir, tracked: pl.DataFrame, now: datetime = NOW) -> PollOutcome:
    with client(url, workers=4) as asked:
        return poll(asked, data, tracked, now)


def read(path: Path | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    assert path is not None
    header, *rows = map(json.loads, gzip.decompress(path.read_bytes()).splitlines())
    return header, rows


def retitled(ids: list[str]) -> Literature:
    """The literature with other titles of some works."""
    numbers = [f"sim-{int(i.rpartition('W')[2]) - 9_000_000_000:07d}" for i in ids]
    title = pl.when(pl.col("sim_id").is_in(numbers)).then(pl.lit("Another title"))
    papers = literature().papers.with_columns(title=title.otherwise("title"))
    return replace(literature(), papers=papers)


def test_a_night_on_which_nothing_moved_costs_a_call_per_hundred(
    server: RunningServer, data_dir: DataDir, tracked: pl.DataFrame
) -> None:
    """A digest that differs between a crawled and a polled work makes everything news."""
    found = polled(server.url, data_dir, tracked)
    assert found.delivered is None
    assert tracked.height == 330
    assert len(server.calls) == found.tally.calls == 4
    assert not [p for p in data_dir.crawl.rglob("*") if p.is_file()]


def test_every_change_is_a_row_of_its_form(
    server: RunningServer, data_dir: DataDir, tracked: pl.DataFrame
) -> None:
    """Counts alone, content, a merge and a deletion: each row says what it does."""
    works = {w["id"]: w for v in ("acl", "cvpr") for w in server.works(v, 2019)}
    ids = sorted(works)
    server.replace(retitled(ids[5:8]))
    server.set_count(ids[0], 4711)
    server.set_count(ids[6], 12)
    server.delete(ids[1])
    server.merge(ids[2], ids[3])
    merged = works[ids[2]]["cited_by_count"] + works[ids[3]]["cited_by_count"]
    found = polled(server.url, data_dir, tracked)
    assert (found.n_counts, found.n_content, found.n_merged, found.n_deleted) == (
        1 + (merged != works[ids[3]]["cited_by_count"]), 3, 1, 1
    )  # fmt: skip
    assert found.delivered == data_dir.inbox / "openalex" / "2026-11-22" / "poll-030405.jsonl.gz"
    header, rows = read(found.delivered)
    assert header == {"csimpact": "openalex_poll", "observed_on": "2026-11-22"}
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    by_id = {row["id"]: row for row in rows}
    assert by_id[ids[0]] == {"id": ids[0], "cited_by_count": 4711, "counts_only": True}
    assert by_id[ids[1]] == {"id": ids[1], "deleted": True}
    assert by_id[ids[2]] == {"id": ids[2], "merged_into": ids[3]}
    now = {w["id"]: w for v in ("acl", "cvpr") for w in server.works(v, 2019)}
    for i in ids[5:8]:
        assert by_id[i] == {k: v for k, v in now[i].items() if k in SELECT}
    assert by_id[ids[6]]["cited_by_count"] == 12
    singles = [call for call in server.calls if call.path != "/works"]
    assert (len(server.calls), len(singles)) == (4 + 2 + 1, 2)  # ids, those gone, those in full
    # What is known now is what the server has: the next night is quiet.
    later = polled(server.url, data_dir, tracked_works(data_dir))
    assert later.delivered is None
    assert later.n_polled == 328


def test_a_poll_that_ran_out_of_budget_goes_on_where_it_stopped(
    server: RunningServer, data_dir: DataDir, tracked: pl.DataFrame
) -> None:
    """A nightly poll that never gets past the first half of its works."""
    ids = sorted(w["id"] for w in server.works("acl", 2019))
    server.set_count(ids[0], 4711)
    done = len(server.calls)
    server.faults = Faults(at={"429_exhausted": range(done + 100)})
    with pytest.raises(BudgetExhaustedError):
        polled(server.url, data_dir, tracked)
    server.faults = Faults()
    first = len(server.calls)
    with client(server.url, workers=1) as asked:
        asked_for: list[int] = []

        def two_batches(n_done: int, n_works: int) -> None:
            asked_for.append(n_done)
            if len(asked_for) == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            poll(asked, data_dir, tracked, NOW, two_batches)
    later = polled(server.url, data_dir, tracked, NOW + timedelta(days=1))
    assert asked_for == [100, 200]
    assert len(server.calls) - first <= 4 + 1  # at most the call that was under way is lost
    header, rows = read(later.delivered)
    assert header["observed_on"] == "2026-11-22"
    assert rows == [{"id": ids[0], "cited_by_count": 4711, "counts_only": True}]


def test_faults_of_all_kinds_change_nothing(
    server: RunningServer, data_dir: DataDir, tracked: pl.DataFrame
) -> None:
    """An error page in place of a hundred works, taken for a hundred deletions."""
    ids = sorted(w["id"] for w in server.works("acl", 2019))
    server.delete(ids[0])
    names = ("500", "html", "truncated", "dropped", "403", "502", "504", "429_burst")
    begun = 2 * tracked.height
    server.faults = Faults(rates=dict.fromkeys(names, 0.05), seed=begun, burst_retry_after_s=0)
    for _ in range(5):
        with suppress(SourceError):  # an unlucky batch; the next run goes on
            found = polled(server.url, data_dir, tracked)
            break
    assert read(found.delivered)[1] == [{"id": ids[0], "deleted": True}]


def _tracked(numbers: range) -> pl.DataFrame:
    rows = [(f"W{n}", "acl", 2019, n, content_digest(work(n))) for n in numbers]
    return pl.DataFrame(
        rows, orient="row", schema=["openalex_id", "venue", "year", "cited_by_count", "digest"]
    )


def test_a_source_that_forgets_everything_is_not_believed(data_dir: DataDir) -> None:
    """A night of outage that deletes the library; what else moved is still delivered."""

    def answer(request: Request) -> Answer:
        if request.path != "/works":
            return Answer(b"<html>404", 404)
        return page([work(11, cited_by_count=99)] if "W11|" in request.params["filter"] else [])

    with scripted(answer) as server:
        found = polled(server.url, data_dir, _tracked(range(11, 161)))
    assert "149 of 150 works are gone" in str(found.trouble)
    assert found.n_deleted == 0
    assert [row["id"] for row in read(found.delivered)[1]] == ["https://openalex.org/W11"]


def test_a_work_the_list_left_out_but_that_is_there_is_compared(data_dir: DataDir) -> None:
    """A gap in a list is no deletion."""

    def answer(request: Request) -> Answer:
        if request.path == "/works/W12":
            return Answer(work(12, cited_by_count=7))
        return page([work(11)])

    with scripted(answer) as server:
        found = polled(server.url, data_dir, _tracked(range(11, 13)))
    assert read(found.delivered)[1] == [
        {"id": "https://openalex.org/W12", "cited_by_count": 7, "counts_only": True}
    ]
    assert found.tally.usd == pytest.approx(0.0001)


def test_nothing_tracked_is_nothing_asked(data_dir: DataDir) -> None:
    """An empty filter would ask for all of OpenAlex."""
    with scripted(lambda _: page([])) as server:
        found = polled(server.url, data_dir, _tracked(range(0)))
    assert (found.delivered, server.requests) == (None, [])


def test_a_crawl_after_a_poll_compares_with_both(
    server: RunningServer, data_dir: DataDir, tracked: pl.DataFrame
) -> None:
    """A count that went up at night and came back by day equals the old crawl, not what we know."""
    one = server.works("acl", 2019)[0]
    server.set_count(one["id"], one["cited_by_count"] + 5)
    assert polled(server.url, data_dir, tracked).n_counts == 1
    venue = load_venues()["acl"]
    for count, news in ((one["cited_by_count"] + 5, False), (one["cited_by_count"], True)):
        server.set_count(one["id"], count)
        with client(server.url) as asked:
            (outcome,) = crawl(asked, data_dir, [(venue, 2019)], date(2026, 11, 23))
        assert outcome.news == news


def test_a_damaged_delivery_counts_as_absent(
    server: RunningServer, data_dir: DataDir, tracked: pl.DataFrame
) -> None:
    """A half-copied file would stop every crawl and poll with a traceback."""
    path = Deliveries(data_dir.inbox).crawls["acl", 2019]
    path.write_bytes(path.read_bytes()[:200])
    left = Deliveries(data_dir.inbox)
    assert left.known(("acl", 2019)) == {}
    assert not left.hold(("acl", 2019), {}, complete=True)
    assert set(tracked_works(data_dir)["venue"]) == {"cvpr"}
