"""The fetch job and its schedules: what a night asks for, and what a run leaves behind."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipeline.automation.fetching import crawled_cells, fetch_schedules
from pipeline.automation.names import ASKED_BY, WHY
from pipeline.settings import DataDir
from resources.openalex_deliveries import Deliveries
from resources.openalex_known import tracked_works
from tests.automation.openalex_nights import Nights, grow, nights
from tests.library import tiny_workspace

CELLS = ("acl", 2026), ("cvpr", 2026), ("acl", 2024), ("cvpr", 2024)
ALL_NAMES = ("nightly_works", "nightly_citations", "weekly_sweep")


@pytest.fixture
def night(data_dir: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    """Everything was crawled the evening before."""
    instance = dg.DagsterInstance.local_temp(str(tmp_path))
    with nights(data_dir, monkeypatch, instance=instance) as running:
        yield running


def failure(result: dg.ExecuteInProcessResult) -> str:
    (line,) = [
        e.step_failure_data.user_failure_data.description or ""
        for e in result.all_events
        if e.is_step_failure and e.step_failure_data.user_failure_data
    ]
    return line


def test_a_week_of_nights(night: Nights) -> None:
    """A night that fetches what did not move, or misses what did."""
    night.fetch([*CELLS, ("acl", 2025), ("cvpr", 2025)])
    assert crawled_cells(night.workspace)[:2] == [("acl", 2026), ("cvpr", 2026)]
    for name in ("nightly_works", "nightly_citations"):
        assert "nothing new" in night.schedule(name).reason
    # The sweep always asks for every work: no look can tell that a title moved.
    assert night.schedule("weekly_sweep").config == {"crawl": [], "poll": ["all"]}

    grow(night, ("cvpr", 2026))
    night.server.set_count(night.server.works("acl", 2024)[0]["id"], 4711)
    works = night.schedule("nightly_works")
    assert works.config == {"crawl": ["cvpr|2026"], "poll": []}
    assert works.tags[ASKED_BY] == "nightly_works"
    assert works.tags[WHY] == "works moved in 1, only counts in 0 venue-years"
    assert night.run(works.config).success
    counts = night.schedule("nightly_citations")
    assert counts.config == {"crawl": [], "poll": ["acl|2024"]}
    sweep = night.schedule("weekly_sweep")
    assert sweep.config == {"crawl": ["acl|2024"], "poll": ["all"]}
    assert night.run(sweep.config).success
    for name in ("nightly_works", "nightly_citations"):
        assert "nothing new" in night.schedule(name).reason
    assert all(schedule.execution_timezone == "UTC" for schedule in fetch_schedules())
    assert len({schedule.cron_schedule for schedule in fetch_schedules()}) == 3


def test_nobody_looks_at_night_without_a_key_or_while_a_fetch_runs(
    night: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls to a paid service that nobody chose; news asked for twice."""
    night.fetch([("cvpr", 2024)])
    run = night.instance.get_runs()[0]
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.automation.fetching.under_way", lambda instance, jobs: run.job_name)
        for name in ("nightly_works", "nightly_citations"):
            assert night.schedule(name).reason == "a fetch is under way"
    monkeypatch.delenv("OPENALEX_API_KEY")
    monkeypatch.delenv("CSIMPACT_OPENALEX_URL")
    for name in ALL_NAMES:
        assert "set OPENALEX_API_KEY" in night.schedule(name).reason
    assert night.server.calls == []


def test_a_run_tells_of_every_venue_year_and_of_the_poll(night: Nights) -> None:
    """Costs that nobody can see; a poll of works that the same run just crawled."""
    night.fetch(CELLS)
    night.server.set_count(night.server.works("acl", 2024)[0]["id"], 4711)
    assert night.run({"crawl": ["cvpr|2024"], "poll": ["all"]}).success
    works = dg.AssetKey("openalex_works")
    crawled = night.instance.fetch_materializations(works, limit=1).records[0]
    told = {k: v.value for k, v in crawled.asset_materialization.metadata.items()}
    assert crawled.partition_key == "cvpr|2024"
    n_works = len(night.server.works("cvpr", 2024))
    assert told == {
        "news": False,
        "works": n_works,
        "status": "complete",
        "calls": 1,
        "cents": 0.01,
    }
    (polled,) = night.instance.fetch_observations(works, limit=5).records
    assert polled.asset_observation
    figures = {k: v.value for k, v in polled.asset_observation.metadata.items()}
    tracked = tracked_works(night.data)
    assert figures["polled"] == tracked.height - n_works
    assert (figures["counts_moved"], figures["content_moved"]) == (1, 0)


def test_a_run_of_nonsense_fails_in_one_line_and_changes_nothing(night: Nights) -> None:
    """A typing error in the launchpad that ends in a traceback."""
    for name, line in (("cvpr", "expected one such as cvpr|2026"), ("xyz|2024", "received 'xyz'")):
        said = failure(night.run({"crawl": [name], "poll": []}))
        assert line in said
        assert "\n" not in said
    assert Deliveries(night.data.inbox).crawls == {}


def test_a_fetch_beside_a_crawl_of_the_command_line_gives_way(night: Nights) -> None:
    """Two crawls on one checkpoint."""
    with night.workspace.lock("crawl"):
        said = failure(night.run({"crawl": ["cvpr|2024"], "poll": []}))
    assert "another crawl is running" in said


def test_news_twice_on_one_day_reach_the_library_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second crawl of a day replaces the first one's file: taken for known, it is lost."""
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    workspace, cell = tiny_workspace(tmp_path), ("cvpr", 2026)
    with nights(workspace.data, monkeypatch) as night:
        night.fetch([cell])
        seen = [workspace.world().records[cell]]
        for number in (1, 2):
            new = grow(night, cell, number)
            assert night.run({"crawl": ["cvpr|2026"], "poll": []}).success
            seen.append(workspace.world().records[cell])
            records = workspace.source_store().records(cell)
            assert new.rpartition("/")[2] in set(records["source_id"])
    assert len(set(seen)) == 3


def test_a_new_days_poll_and_crawl_are_of_one_clock(night: Nights) -> None:
    """A poll dated before the crawl it corrects would be ignored, and asked for every hour."""
    night.fetch([("acl", 2024)])
    night.server.set_count(night.server.works("acl", 2024)[0]["id"], 4711)
    assert night.run({"crawl": [], "poll": ["acl|2024"]}).success
    (poll,) = Deliveries(night.data.inbox).polls
    assert poll.parent.name == night.today.isoformat()
