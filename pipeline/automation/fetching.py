"""The job `fetch`, its nightly and weekly schedules, and what both they and sensors ask of it.

Belongs here: which venue-years are looked at, and what a run should fetch of those that moved. Not:
the hourly sensors and their memory (news.py), nor asking OpenAlex (resources/openalex_probe.py).

| who               | when (UTC)   | looks at                      | asks for           | cents    |
|-------------------|--------------|-------------------------------|--------------------|----------|
| new_works         | every hour   | this and the previous year of | crawl where works  | 6 a day  |
|                   |              | every venue with a source     | moved, poll where  |          |
|                   |              |                               | only counts did    |          |
| new_citations     | every hour   | 40 of the other venue-years   | the same           | 10 a day |
|                   |              | crawled once, in turn         |                    |          |
| nightly_works     | 01:10        | what new_works looks at       | the same           | 0.2      |
| nightly_citations | 02:10        | every venue-year crawled once | the same           | 4.5      |
| weekly_sweep      | Sunday 03:10 | both of these                 | crawl what moved,  | 4.5 and  |
|                   |              |                               | poll everything    | the poll |

Cents are those of looking at 12 venues and 451 venue-years; 100 a day are free, anew at midnight
UTC, and the night comes first. A crawl or poll costs one per 10,000 works. Polling everything every
night would cost no more than looking, up to 45,000 works, but start a run on nights without news;
so nights look first. That a title moved no look can tell: the weekly poll does, and it always runs.

Each venue-year is looked at by one of the two sensors: where papers still appear by `new_works`,
elsewhere by `new_citations`; one answer tells of works and of counts. Venue-years never crawled are
fetched only in their own year and the next, which is how 2 January opens a new one; older ones are
a person's decision (`csimpact crawl`).
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import dagster as dg

from assets.fetch import ALL, FETCH_OP, fetch_op
from pipeline.automation.jobs import in_order
from pipeline.automation.names import ASKED_BY, FETCH, WHY
from pipeline.automation.runs import schedule_status, under_way
from pipeline.corpus.openalex_probe import Probed
from pipeline.errors import CsimpactError
from pipeline.settings import openalex_chosen
from pipeline.tables import Cell, cell_name
from resources.openalex_deliveries import Deliveries
from resources.openalex_known import held_cells
from resources.openalex_probe import Look, hasty_client, probe
from resources.workspace import Workspace

NOT_CHOSEN = (
    "OpenAlex is not asked unattended: set OPENALEX_API_KEY to a key, which is free, or "
    "CSIMPACT_OPENALEX_URL to the address of another server of its kind"
)


def fetch_job() -> dg.JobDefinition:
    """The job that fetches works and counts of OpenAlex into the inbox."""
    return in_order(FETCH, [fetch_op()], "Fetch named venue-years of OpenAlex into the inbox.")


def fetch_schedules() -> list[dg.ScheduleDefinition]:
    """`nightly_works`, `nightly_citations`, `weekly_sweep`; running if automation is on."""
    common: dict[str, Any] = {
        "job_name": FETCH,
        "execution_timezone": "UTC",
        "default_status": schedule_status(),
    }

    @dg.schedule(cron_schedule="10 1 * * *", **common)
    def nightly_works(
        context: dg.ScheduleEvaluationContext, workspace: dg.ResourceParam[Workspace]
    ) -> dg.RunRequest | dg.SkipReason:
        """Crawl what is new of this year and the previous one."""
        return _night(context, workspace, young_cells(workspace), "nightly_works")

    @dg.schedule(cron_schedule="10 2 * * *", **common)
    def nightly_citations(
        context: dg.ScheduleEvaluationContext, workspace: dg.ResourceParam[Workspace]
    ) -> dg.RunRequest | dg.SkipReason:
        """Fetch the counts of every venue-year in which one moved."""
        return _night(context, workspace, crawled_cells(workspace), "nightly_citations")

    @dg.schedule(cron_schedule="10 3 * * 0", **common)
    def weekly_sweep(
        workspace: dg.ResourceParam[Workspace],
    ) -> dg.RunRequest | dg.SkipReason:
        """Ask for every work known, and crawl every venue-year in which anything moved."""
        return _sweep(workspace)

    return [nightly_works, nightly_citations, weekly_sweep]


def _night(
    context: dg.ScheduleEvaluationContext,
    workspace: Workspace,
    cells: Sequence[Cell],
    asked_by: str,
) -> dg.RunRequest | dg.SkipReason:
    if reason := why_not(context.instance):
        return dg.SkipReason(reason)
    look = look_at(workspace, cells)
    moved = [one for one in look.probed if one.moved]
    return request(moved, asked_by) if moved else dg.SkipReason(told(look))


def _sweep(workspace: Workspace) -> dg.RunRequest | dg.SkipReason:
    """Also while another fetch runs: it would be a week until the next sweep."""
    if not openalex_chosen():
        return dg.SkipReason(NOT_CHOSEN)
    crawled = crawled_cells(workspace)
    look = look_at(workspace, list(dict.fromkeys([*young_cells(workspace), *crawled])))
    moved = [one for one in look.probed if one.moved]
    if not (moved or crawled):
        return dg.SkipReason(f"no work of OpenAlex is known yet; {told(look)}")
    return request(moved, "weekly_sweep", crawl=[one.cell for one in moved], poll=[ALL])


def young_cells(workspace: Workspace) -> list[Cell]:
    """This and the previous year of every venue with a source, newest first."""
    this = workspace.today.year
    return [
        (venue.slug, year)
        for year in (this, this - 1)
        for venue in workspace.venues
        if venue.openalex_sources and venue.first_year <= year
    ]


def crawled_cells(workspace: Workspace) -> list[Cell]:
    """Every venue-year crawled once whose venue still has a source, newest first."""
    venues = workspace.venues
    cells = [
        (slug, year)
        for slug, year in Deliveries(workspace.data.inbox).crawls
        if slug in venues and venues[slug].openalex_sources
    ]
    return sorted(cells, key=lambda cell: (-cell[1], cell[0]))


def why_not(instance: dg.DagsterInstance) -> str | None:
    """Why nobody looks now; None: go ahead."""
    if not openalex_chosen():
        return NOT_CHOSEN
    return "a fetch is under way" if under_way(instance, [FETCH]) else None


def look_at(workspace: Workspace, cells: Sequence[Cell]) -> Look:
    """Probe venue-years, as far as the time of a tick goes; trouble of ours is told like theirs."""
    venues = workspace.venues
    wanted = [(venues[slug], year) for slug, year in cells]
    try:
        with hasty_client() as client:
            return probe(client, wanted, held_cells(workspace.data))
    except CsimpactError as trouble:
        return Look(troubles=[trouble])


def request(
    moved: Collection[Probed],
    asked_by: str,
    *,
    crawl: Collection[Cell] | None = None,
    poll: Collection[str] = (),
    run_key: str | None = None,
) -> dg.RunRequest:
    """A run that crawls where works moved, and asks for the counts where only these did.

    `crawl` and `poll` say otherwise.
    """
    if crawl is None:
        crawl = [one.cell for one in moved if one.works_moved]
        poll = [cell_name(one.cell) for one in moved if not one.works_moved]
    config = {"crawl": [cell_name(cell) for cell in crawl], "poll": list(poll)}
    return dg.RunRequest(
        run_key=run_key,
        run_config={"ops": {FETCH_OP: {"config": config}}},
        tags={ASKED_BY: asked_by, WHY: _why(moved)},
    )


def told(look: Look) -> str:
    """What a look without news has to say, in one line."""
    line = f"{len(look.probed)} venue-years looked at, nothing new"
    if look.troubles:
        line += f"; {len(look.troubles)} not: {look.troubles[0]}"
    return line


def _why(moved: Iterable[Probed]) -> str:
    kinds = [one.works_moved for one in moved]
    n_works = sum(kinds)
    return f"works moved in {n_works}, only counts in {len(kinds) - n_works} venue-years"
