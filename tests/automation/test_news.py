"""Sensors of news: what moved is asked for once, what failed again, and nothing too often."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import pytest

from pipeline.automation import fetching, news
from pipeline.automation.names import ASKED_BY, FETCH
from pipeline.automation.news import MAX_PROBES, Rounds, news_sensors, read_rounds, write_rounds
from pipeline.automation.requests import Asked
from pipeline.settings import DataDir
from pipeline.simulation.openalex_server import Faults
from pipeline.tables import Cell, cell_name
from pipeline.venues import load_venues
from resources import openalex_known
from resources.openalex_deliveries import Deliveries, write_crawl
from tests.automation.openalex_nights import KEY, Nights, everything_told, grow, literature, nights

NEW = ("acl", 2026), ("cvpr", 2026)
OLD = ("acl", 2024), ("cvpr", 2024)
BEFORE = ("acl", 2025), ("cvpr", 2025)


@pytest.fixture
def night(data_dir: DataDir, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    """Everything was crawled the evening before."""
    with nights(data_dir, monkeypatch) as running:
        running.fetch([*NEW, *BEFORE, *OLD])
        yield running


def some_work(night: Nights, venue: str, year: int) -> dict[str, Any]:
    return night.server.works(venue, year)[0]


def test_an_hour_without_news_asks_each_venue_year_once_and_for_nothing(night: Nights) -> None:
    """A run every hour for nothing; a venue-year paid for by both sensors."""
    assert "nothing new" in night.sensor("new_works").reason
    assert "nothing new" in night.sensor("new_citations").reason
    asked = night.probes()
    young = sum(v.first_year <= 2026 for v in load_venues() if v.openalex_sources) * 2
    assert len(asked) == len(set(asked)) == young + len(OLD)
    assert len(night.server.calls) == len(asked)


def test_a_new_work_is_crawled_and_then_is_none(night: Nights) -> None:
    """A paper that appears and is never fetched, or fetched every hour."""
    new = grow(night, ("cvpr", 2026))
    tick = night.sensor("new_works")
    assert tick.config == {"crawl": ["cvpr|2026"], "poll": []}
    assert tick.tags[ASKED_BY] == "new_works"
    night.server.calls.clear()
    assert night.run(tick.config).success
    assert {c.params["filter"].partition(",")[2] for c in night.server.calls} == {
        "publication_year:2026"
    }
    assert new in Deliveries(night.data.inbox).known(("cvpr", 2026))
    assert night.sensor("new_works").config is None


def test_a_count_that_moves_and_moves_back_is_polled_both_times(night: Nights) -> None:
    """Dagster drops run keys it has seen: the way back would be lost."""
    work = some_work(night, "acl", 2024)
    keys = []
    for count in (4711, work["cited_by_count"], 4711):
        night.server.set_count(work["id"], count)
        tick = night.sensor("new_citations")
        assert tick.config == {"crawl": [], "poll": ["acl|2024"]}
        keys.append(tick.run_key)
        assert night.run(tick.config).success
        known = Deliveries(night.data.inbox).known(("acl", 2024))
        assert known[work["id"]]["cited_by_count"] == count
        assert night.sensor("new_citations").config is None
    assert len(set(keys)) == 3


def test_a_deleted_work_is_crawled(night: Nights) -> None:
    """A retracted entry that stays for ever because nothing new came."""
    gone = some_work(night, "acl", 2024)["id"]
    night.server.delete(gone)
    tick = night.sensor("new_citations")
    assert tick.config == {"crawl": ["acl|2024"], "poll": []}
    assert night.run(tick.config).success
    assert gone not in Deliveries(night.data.inbox).known(("acl", 2024))
    assert night.sensor("new_citations").config is None


def test_a_merge_is_settled_by_the_crawl(night: Nights) -> None:
    """Two works become one: held as two, the venue-year would have news every hour."""
    first, second = night.server.works("acl", 2024)[:2]
    night.server.merge(first["id"], second["id"])
    tick = night.sensor("new_citations")
    assert night.run(tick.config).success
    assert night.sensor("new_citations").config is None


def test_what_a_fetch_did_not_settle_is_asked_for_ever_more_rarely(night: Nights) -> None:
    """A run every hour for ever where OpenAlex contradicts itself; silence where a run failed."""
    night.server.set_count(some_work(night, "acl", 2024)["id"], 4711)
    asked = [night.sensor("new_citations") for _ in range(24)]
    configs = [tick.config for tick in asked if tick.config]
    assert configs[0] == {"crawl": [], "poll": ["acl|2024"]}
    assert configs[1] == {"crawl": ["acl|2024"], "poll": []}  # a poll did not settle it
    assert 6 <= len(configs) <= 12
    assert len({tick.run_key for tick in asked if tick.run_key}) == len(configs)
    assert "asked for already" in next(t.reason for t in asked if not t.config)


def test_nobody_looks_while_a_fetch_runs(night: Nights) -> None:
    """The same news asked for again while the first run for it is under way."""
    grow(night, ("cvpr", 2026))
    night.instance.create_run_for_job(
        fetching.fetch_job(), status=dg.DagsterRunStatus.STARTED, run_config={}
    )
    assert "under way" in night.sensor("new_works").reason
    assert night.server.calls == []


def test_a_budget_that_ends_in_the_middle_keeps_what_came_and_asks_for_the_rest(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a crawl thrown away, or the other half forgotten."""
    cells = [*NEW, *BEFORE]
    with nights(data_dir, monkeypatch, budget_usd=0.0028, papers=literature(1200)) as night:
        tick = night.sensor("new_works")
        assert tick.config
        assert sorted(tick.config["crawl"]) == sorted(f"{v}|{y}" for v, y in cells)
        failed = night.run(tick.config)
        (line,) = [
            e.step_failure_data.user_failure_data.description
            for e in failed.all_events
            if e.is_step_failure
        ]
        assert line.startswith("OpenAlex's budget of the day is spent")
        assert "\n" not in line
        assert "budget" in night.sensor("new_works").reason  # and the cursor is as it was
    with nights(data_dir, monkeypatch, papers=literature(1200)) as tomorrow:
        tomorrow.cursors = night.cursors
        tomorrow.now = night.now
        delivered = set(Deliveries(data_dir.inbox).crawls)
        tick = tomorrow.sensor("new_works", hours=20)
        assert tick.config
        assert set(tick.config["crawl"]) == {
            f"{v}|{y}" for v, y in cells if (v, y) not in delivered
        }
        assert tomorrow.run(tick.config).success
        assert set(Deliveries(data_dir.inbox).crawls) == set(cells)
        assert tomorrow.sensor("new_works").config is None


@pytest.mark.parametrize("fault", ["500", "429_burst", "429_exhausted", "html", "truncated"])
def test_a_server_in_trouble_fails_no_tick_and_moves_no_cursor(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """A traceback every hour, or venue-years passed over because nobody answered."""
    faults = Faults(rates={fault: 1.0}, burst_retry_after_s=0)
    with nights(data_dir, monkeypatch, faults=faults) as night:
        night.cursors["new_works"] = before = write_rounds(Rounds("cvpr|2026", 7))
        tick = night.sensor("new_works")
        assert tick.config is None
        assert "not: OpenAlex" in tick.reason
        assert "\n" not in tick.reason
        assert night.cursors["new_works"] == before


def test_one_answer_that_never_comes_holds_nobody_up(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A venue-year that OpenAlex cannot answer would stop the round for ever."""
    monkeypatch.setattr(news, "MAX_PROBES", 2)
    with nights(data_dir, monkeypatch, faults=Faults(at={"500": {1, 3}})) as night:
        monkeypatch.setattr("resources.openalex_probe.WORKERS", 1)
        reached = set()
        for _ in range(13):
            night.sensor("new_works")
            reached.add(read_rounds(night.cursors["new_works"]).next)
        assert len(reached) > 6


def test_a_tick_is_bounded_and_the_next_one_goes_on(
    night: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 venue-years in one tick: Dagster ends it after 60 s, and it begins with the first."""
    cells = [
        (venue.slug, year)
        for venue in load_venues()
        if venue.openalex_sources
        for year in range(max(venue.first_year, 1990), 2025)
    ][:300]
    assert len(cells) == 300
    for cell in cells:
        write_crawl(night.data.inbox, cell, {}, observed_on=date(2026, 2, 28), complete=True)
    for number in (1, 2):
        night.sensor("new_citations")
        assert len(set(night.probes())) == number * MAX_PROBES


def test_a_round_ends_where_it_began() -> None:
    """Venue-years after a gap, or those at the seam, would never have their turn."""
    cells = [("cvpr", year) for year in range(2024, 1924, -1)]
    seen: list[Cell] = []
    rounds = Rounds()
    for _ in range(5):
        turn = rounds.turn(cells)
        seen += turn
        rounds = Rounds(news._following(cells, turn[-1]))
    assert len(seen) == 5 * MAX_PROBES
    assert seen[:100] == cells == seen[100:]
    assert Rounds("gone|1900").turn(cells) == cells[:MAX_PROBES]


def test_time_that_is_up_ends_a_look_and_the_next_one_goes_on(
    night: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow server: what was not reached would be passed over."""
    monkeypatch.setattr("resources.openalex_probe.WORKERS", 1)
    ticks = iter([0.0, *[1.0] * 9, *[99.0] * 200])
    monkeypatch.setattr("resources.openalex_probe.monotonic", lambda: next(ticks))
    cells = fetching.young_cells(night.workspace)
    night.sensor("new_works")
    assert len(night.probes()) == 9
    assert read_rounds(night.cursors["new_works"]).next == cell_name(cells[9])


def test_trouble_of_our_own_fails_no_tick(night: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracking table that cannot be written, an address that is none: a traceback an hour."""
    with monkeypatch.context() as patch:
        patch.setenv("CSIMPACT_OPENALEX_URL", "localhost:80")
        assert "expected an address such as" in night.sensor("new_works").reason
    write_crawl(night.data.inbox, NEW[0], {}, observed_on=date(2026, 3, 2), complete=True)
    with night.workspace.lock("openalex-known"):
        monkeypatch.setattr(openalex_known, "PATIENCE_S", 0.01)
        assert "openalex-known is running" in night.sensor("new_works").reason
    assert night.sensor("new_works").config == {"crawl": ["acl|2026"], "poll": []}


def test_without_a_key_nobody_asks(night: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls to a paid service that nobody chose; or silence about why nothing happens."""
    monkeypatch.delenv("OPENALEX_API_KEY")
    monkeypatch.delenv("CSIMPACT_OPENALEX_URL")
    for name in ("new_works", "new_citations"):
        assert "set OPENALEX_API_KEY" in night.sensor(name).reason
    assert night.server.calls == []


def test_the_key_is_told_nowhere(night: Nights) -> None:
    """A key in a cursor or an event is read by everybody who sees the UI."""
    grow(night, ("cvpr", 2026))
    night.server.set_count(some_work(night, "acl", 2024)["id"], 4711)
    for name in ("new_works", "new_citations"):
        tick = night.sensor(name)
        assert KEY not in f"{tick}"
        assert night.run(tick.config).success
    assert "cvpr" in everything_told(night)
    assert KEY not in everything_told(night)


def test_the_second_of_january_opens_the_new_year(night: Nights) -> None:
    """A new year whose papers nobody asks for until somebody restarts the server."""
    night.today = date(2027, 1, 2)
    night.sensor("new_works")
    assert any(f.endswith("publication_year:2027") for f in night.probes())
    grow(night, ("cvpr", 2027))
    tick = night.sensor("new_works")
    assert tick.config == {"crawl": ["cvpr|2027"], "poll": []}
    night.today = date(2026, 3, 1)  # the code was loaded, and its partitions made, a year ago
    assert night.run(tick.config).success
    materialised = night.instance.fetch_materializations(dg.AssetKey("openalex_works"), limit=1)
    assert materialised.records[0].partition_key == "cvpr|2027"


def test_years_nobody_chose_are_left_alone(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decades of papers fetched because a sensor was switched on."""
    with nights(data_dir, monkeypatch) as night:
        assert "no venue-year" in night.sensor("new_citations").reason
        tick = night.sensor("new_works")
        assert tick.config
        assert {name.partition("|")[2] for name in tick.config["crawl"]} == {"2026", "2025"}


def test_sensors_are_off_unless_switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's machine that fetches by itself; a server that never does."""
    for value, status in (
        ("", dg.DefaultSensorStatus.STOPPED),
        ("on", dg.DefaultSensorStatus.RUNNING),
    ):
        monkeypatch.setenv("CSIMPACT_AUTOMATION", value)
        assert {s.default_status for s in news_sensors()} == {status}
        assert {s.job_name for s in news_sensors()} == {FETCH}
    monkeypatch.setenv("CSIMPACT_TICK_SECONDS", "1")
    assert {s.minimum_interval_seconds for s in news_sensors()} == {120}
    monkeypatch.setenv("CSIMPACT_PROBE_SECONDS", "3")
    assert {s.minimum_interval_seconds for s in news_sensors()} == {3}


def test_a_quiet_hour_reads_no_file_and_writes_none(
    night: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gigabyte of JSON parsed every hour to learn that nothing moved."""
    night.sensor("new_works")
    before = {p: p.stat().st_mtime_ns for p in night.data.root.rglob("*") if p.is_file()}

    def read(*_: object) -> Any:
        raise AssertionError("a delivered file was read again")

    monkeypatch.setattr(openalex_known, "read_rows", read)
    assert "nothing new" in night.sensor("new_works").reason
    assert "nothing new" in night.sensor("new_citations").reason
    assert {p: p.stat().st_mtime_ns for p in night.data.root.rglob("*") if p.is_file()} == before


def test_a_foreign_cursor_is_no_rounds() -> None:
    """A cursor of an older version would fail every tick."""
    asked = Rounds("cvpr|2026", 3, {"cvpr|2026": Asked("x", 1, 2, 5.0)})
    assert read_rounds(write_rounds(asked)) == asked
    for cursor in (None, "", "17", "[1]", '{"asked": {"a": 1}}', '{"generation": "x"}', "no json"):
        assert read_rounds(cursor) == Rounds()
    assert json.loads(write_rounds(Rounds())) == {"next": "", "generation": 0, "asked": {}}
