"""A state folder, a simulated OpenAlex and ticks over them, for the tests of what asks for news.

Belongs here: helpers that several test files share. Not: tests.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import dagster as dg
import pytest

from assets.fetch import FETCH_OP
from assets.openalex import crawl_asset
from assets.partitions import cell_partitions
from pipeline.automation.fetching import fetch_job, fetch_schedules
from pipeline.automation.news import news_sensors
from pipeline.settings import DataDir
from pipeline.simulation.literature import Literature, simulate_literature
from pipeline.simulation.openalex_server import Faults, RunningServer, serve
from pipeline.tables import Cell
from pipeline.venues import load_venues
from resources import openalex_probe
from resources.openalex import Patience
from resources.workspace import Workspace

TODAY = date(2026, 3, 1)
KEY = "a-key-that-nobody-may-read"
IMPATIENT = Patience(attempts=2, first_wait_s=0.002, longest_wait_s=2.0, timeout_s=1.0)
Config = dict[str, list[str]]


@cache
def literature(n_papers: int = 240, first_year: int = 2024) -> Literature:
    """Papers of two venues with a source, up to the year of TODAY."""
    years = range(first_year, TODAY.year + 1)
    return simulate_literature(n_papers=n_papers, seed=5, venues=("acl", "cvpr"), years=years)


@dataclass
class Tick:
    """What a tick came to: what it asks for, or why it does not."""

    config: Config | None = None
    run_key: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass
class Nights:
    """One installation: ticks of its sensors keep their cursors, runs happen when told to."""

    server: RunningServer
    data: DataDir
    instance: dg.DagsterInstance
    today: date = TODAY
    now: float = 1e9
    cursors: dict[str, str | None] = field(default_factory=dict)

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.data, today=self.today)

    def sensor(self, name: str, *, hours: float = 1.0) -> Tick:
        """A tick, some hours after the last one."""
        self.now += 3600 * hours
        sensor = next(s for s in news_sensors(clock=lambda: self.now) if s.name == name)
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(name),
            sensor_name=name,
            resources={"workspace": self.workspace},
        ) as context:
            said = sensor.evaluate_tick(context)
            self.cursors[name] = context.cursor if said.cursor is None else said.cursor
        return _tick(said.run_requests or (), said.skip_message)

    def schedule(self, name: str) -> Tick:
        """A tick of a schedule, which wants an instance that lies on disk."""
        schedule = next(s for s in fetch_schedules() if s.name == name)
        with dg.build_schedule_context(
            instance=self.instance, resources={"workspace": self.workspace}
        ) as context:
            said = schedule.evaluate_tick(context)
        return _tick(said.run_requests or (), said.skip_message)

    def run(self, config: Config | None) -> dg.ExecuteInProcessResult:
        """The run that a tick asked for."""
        assert config is not None, "the tick asked for nothing"
        definitions = dg.Definitions(
            assets=[crawl_asset(cell_partitions(load_venues(), self.today))],
            jobs=[fetch_job()],
            sensors=news_sensors(),
            schedules=fetch_schedules(),
            resources={"workspace": self.workspace},
        )
        return definitions.resolve_job_def("fetch").execute_in_process(
            run_config={"ops": {FETCH_OP: {"config": config}}},
            instance=self.instance,
            raise_on_error=False,
        )

    def fetch(self, cells: Iterable[Cell]) -> None:
        """Crawl these, so that there is something to have news of."""
        names = [f"{venue}|{year}" for venue, year in cells]
        assert self.run({"crawl": names, "poll": []}).success
        self.server.calls.clear()

    def probes(self) -> list[str]:
        """What was asked for by groups, in the words of the filter."""
        return [c.params["filter"] for c in self.server.calls if "group-by" in c.params]


def grow(night: Nights, cell: Cell, number: int = 1) -> str:
    """A new work of a venue-year appears, like another of the venue; its id."""
    venue, year = cell
    like = next(w for y in (year, year - 1) for w in night.server.works(venue, y))
    new = f"https://openalex.org/W{8_000_000_000 + number}"
    changes = {"id": new, "doi": None, "ids": {"openalex": new}, "publication_year": year}
    night.server._catalogue.shelf.put(like | changes)
    return new


def _tick(requests: Sequence[dg.RunRequest], reason: str | None) -> Tick:
    if not requests:
        return Tick(reason=reason or "")
    (request,) = requests
    ops: dict[str, Any] = dict(request.run_config)["ops"]
    return Tick(ops[FETCH_OP]["config"], request.run_key, dict(request.tags))


@contextmanager
def nights(
    data: DataDir,
    patch: pytest.MonkeyPatch,
    *,
    faults: Faults | None = None,
    budget_usd: float = 1.0,
    papers: Literature | None = None,
    instance: dg.DagsterInstance | None = None,
) -> Iterator[Nights]:
    """An installation beside a server that wants a key."""
    patch.setattr(openalex_probe, "HASTY", IMPATIENT)
    patch.setenv("OPENALEX_API_KEY", KEY)
    with (
        serve(papers or literature(), faults=faults, api_key=KEY, budget_usd=budget_usd) as server,
        instance or dg.DagsterInstance.ephemeral() as used,
    ):
        patch.setenv("CSIMPACT_OPENALEX_URL", server.url)
        yield Nights(server, data, used)


def everything_told(night: Nights) -> str:
    """Every cursor, run and event of an installation as text."""
    runs = night.instance.get_runs()
    told = [json.dumps(night.cursors)]
    for run in runs:
        told += [str(run.run_config), str(run.tags)]
        told += [str(entry) for entry in night.instance.all_logs(run.run_id)]
    return "\n".join(told)
