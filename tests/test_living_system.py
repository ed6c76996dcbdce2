"""The whole system running by itself: Dagster's real processes, a dump dropped, news over HTTP."""

import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from shutil import copytree

import dagster as dg
import pytest

from pipeline.automation.names import FETCH, KIND, REFRESH
from pipeline.automation.waiting import runs_since, wait_for_runs
from pipeline.overview import overview
from pipeline.refresh import refresh
from pipeline.settings import DataDir
from pipeline.simulation.literature import Literature, next_day, simulate_literature
from pipeline.simulation.openalex_running import RunningServer
from pipeline.simulation.openalex_server import serve
from resources.crawl import crawl
from resources.dagster_processes import running
from resources.openalex import OpenAlex
from resources.workspace import Workspace, open_workspace
from tests.library import (
    assert_same_tables,
    draw_overview,
    keep_topics,
    paper,
    raw_tables,
    tiny_encoder,
    without_history,
)

VENUES = ["cvpr", "iclr"]
SEED = 3
MATERIALISED = dg.DagsterEventType.ASSET_MATERIALIZATION
LATEST_S = 240.0  # two cores, and others at work beside
CORPUS = {"dump_shards", "identities", "papers", "citation_counts", "citations", "venue_coverage"}
SEARCHED = {"paper_embeddings", "paper_index", "topic_pools"}
CLOSING = {"tncsi_sp", "night_report"}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    """A state folder with the tiny encoder, which every process takes for its own."""
    folder = DataDir(tmp_path / "data")
    folder.models.mkdir(parents=True)
    (folder.models / "tiny").symlink_to(tiny_encoder(), target_is_directory=True)
    monkeypatch.setenv("CSIMPACT_DATA", str(folder.root))
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    return folder


@pytest.fixture
def literature() -> Literature:
    """Papers of the two years before this one: those OpenAlex is asked about by name."""
    year = date.today().year
    return simulate_literature(n_papers=60, seed=SEED, venues=VENUES, years=range(year - 2, year))


@pytest.fixture
def server(
    data: DataDir, literature: Literature, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningServer]:
    """OpenAlex on loopback, crawled once and refreshed."""
    with serve(literature) as served:
        monkeypatch.setenv("CSIMPACT_OPENALEX_URL", served.url)
        workspace = open_workspace(data)
        cells = literature.papers.select("venue", "year").unique().sort("venue", "year").rows()
        with OpenAlex() as client:
            wanted = [(workspace.venues[v], y) for v, y in cells]
            assert not [o.trouble for o in crawl(client, data, wanted, date.today()) if o.trouble]
        refresh(workspace)
        yield served


@pytest.mark.timeout(900)
def test_news_flows_through_by_itself(
    data: DataDir, literature: Literature, server: RunningServer
) -> None:
    """Sensors that ask for nothing, for too much, or twice; a night that ends unlike a rebuild."""
    switches = {
        "CSIMPACT_AUTOMATION": "on",
        "CSIMPACT_TICK_SECONDS": "1",
        "CSIMPACT_PROBE_SECONDS": "3",
    }
    with (
        running(data, webserver=True, env=switches) as processes,
        processes.instance() as instance,
    ):
        overview(open_workspace(data))  # of which no sensor may make news
        _a_quiet_time_starts_nothing(instance, seconds=15)
        _a_dump_is_taken_once_it_is_wholly_there(instance, data)
        day_after = next_day(literature, seed=SEED, n_new_papers=4, n_new_citations=5)
        _new_works_are_fetched_and_refreshed(instance, data, day_after, server)
        later = next_day(day_after, seed=SEED, n_new_papers=0, n_new_citations=9)
        _moved_counts_wake_no_encoder(instance, data, later, server)
    _as_a_rebuild(data)


def _a_quiet_time_starts_nothing(instance: dg.DagsterInstance, seconds: float) -> None:
    begun = time.time()
    time.sleep(seconds)
    assert [r.job_name for r in runs_since(instance, begun)] == []


def _a_dump_is_taken_once_it_is_wholly_there(instance: dg.DagsterInstance, data: DataDir) -> None:
    begun, year = time.time(), date.today().year - 1
    whole = json.dumps([paper(n, cites=n) for n in range(12)])
    dropped = data.inbox / "dropped" / f"cvpr{year}.json"
    dropped.parent.mkdir(parents=True)
    dropped.write_text(whole[:-400])
    time.sleep(4)
    assert runs_since(instance, begun) == []
    with dropped.open("a") as file:
        file.write(whole[-400:])
    made = _made(instance, data, {REFRESH}, begun)
    assert made == (CORPUS - {"citations"}) | SEARCHED | CLOSING  # lists tell of no references
    titles = open_workspace(data).lake.read("papers", ("cvpr", year))["title"].to_list()
    assert {paper(n)["title"] for n in range(12)} <= set(titles)


def _new_works_are_fetched_and_refreshed(
    instance: dg.DagsterInstance, data: DataDir, day_after: Literature, server: RunningServer
) -> None:
    begun, before = time.time(), open_workspace(data).lake.read_all("papers").height
    server.replace(day_after)
    made = _made(instance, data, {FETCH, REFRESH}, begun)
    assert made == CORPUS | SEARCHED | CLOSING | {"openalex_works"}
    assert open_workspace(data).lake.read_all("papers").height == before + 4


def _moved_counts_wake_no_encoder(
    instance: dg.DagsterInstance, data: DataDir, later: Literature, server: RunningServer
) -> None:
    begun = time.time()
    before = open_workspace(data).lake.read_all("citation_counts")["cited_by_count"].sum()
    server.replace(later)
    made = _made(instance, data, {FETCH, REFRESH}, begun)
    assert made <= {"openalex_works", "dump_shards", "citation_counts", *CLOSING}
    assert made >= {"citation_counts", "tncsi_sp"}
    after = open_workspace(data).lake.read_all("citation_counts")["cited_by_count"].sum()
    assert after == before + 9


def _made(instance: dg.DagsterInstance, data: DataDir, kinds: set[str], begun: float) -> set[str]:
    """The assets made by the runs it took, all of `kinds`."""
    runs = wait_for_runs(instance, data, kinds, since=begun, timeout_s=LATEST_S)
    assert {run.tags[KIND] for run in runs} == kinds
    assert all(run.is_success for run in runs)
    made: set[str] = set()
    for run in runs:
        for entry in instance.all_logs(
            run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        ):
            event = entry.dagster_event
            assert event
            assert event.asset_key
            made.add(event.asset_key.to_user_string())
    return made


def _as_a_rebuild(data: DataDir) -> None:
    """Nothing lost, doubled, or left as it was; nor in the overview made of it.

    Given the clusters: they are found anew only when the library grew by a tenth.
    """
    other = DataDir(data.root.parent / "again")
    for name in ("inbox", "sources", "ledger", "models"):
        copytree(data.root / name, other.root / name, symlinks=True)
    copytree(data.lake / "paper_embeddings", other.lake / "paper_embeddings")
    refresh(Workspace(other))
    draw_overview(Workspace(data))
    keep_topics(Workspace(data), Workspace(other))
    draw_overview(Workspace(other))
    mine, rebuilt = (without_history(raw_tables(Workspace(folder))) for folder in (data, other))
    del mine["citations"], rebuilt["citations"]  # when each was first and last seen
    assert mine["impact_aggregates"].height
    assert_same_tables(mine, rebuilt)
