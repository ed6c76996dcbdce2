"""Asset `openalex_works`: a crawl of venue-years, on demand.

Belongs here: running a crawl as a materialisation. Not: fetching (resources/crawl.py). It is no
stage: nothing stored tells whether OpenAlex has news, so it runs when somebody asks, and what it
delivers into the inbox is picked up by `dump_shards` like any other dump.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import dagster as dg

from assets.costs import note_costs
from assets.partitions import cells_of
from pipeline.errors import BudgetExhaustedError, CsimpactError
from pipeline.tables import Cell
from resources.crawl import Outcome, crawl
from resources.openalex import OpenAlex
from resources.workspace import Workspace

POOL = "openalex"  # one crawl at a time: they share one budget


def crawl_asset(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """`openalex_works`, one partition per venue-year; a run may take many."""

    @dg.asset(
        partitions_def=partitions,
        group_name="corpus",
        kinds={"httpx", "json"},
        owners=["team:csimpact"],
        pool=POOL,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description="Works of OpenAlex by venue-year, as delivered into the inbox. The key is read "
        "from OPENALEX_API_KEY. A crawl that stops, by a crash or for lack of budget, goes on "
        "where it was when the partition is materialised again.",
    )
    def openalex_works(
        context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
    ) -> dg.MaterializeResult[Any]:
        cells = cells_of(context.partition_keys)
        with workspace.lock("crawl", timeout_s=0), OpenAlex() as client:
            outcomes = crawl_cells(client, workspace, cells, context.log.info)
        metadata = crawl_figures(outcomes) | {
            "venue_years_without_source": len(cells) - len(outcomes)
        }
        note_costs(context, workspace, "openalex_works", metadata)
        raise_troubles([one.trouble for one in outcomes if one.trouble], metadata)
        return dg.MaterializeResult(metadata=metadata)

    return openalex_works


def crawl_cells(
    client: OpenAlex,
    workspace: Workspace,
    cells: Sequence[Cell],
    log: Callable[[str], None],
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """What became of the venue-years that have a source; the caller holds the lock `crawl`."""
    venues = workspace.venues
    wanted = [(venues[v], y) for v, y in cells if venues[v].openalex_sources]
    outcomes: list[Outcome] = []
    for outcome in crawl(client, workspace.data, wanted, workspace.today):
        outcomes.append(outcome)
        venue, year = outcome.cell
        log(f"{venue} {year}: {outcome.n_works:,} works, {outcome.status}")
        on_outcome(outcome)
    return outcomes


def crawl_figures(outcomes: Collection[Outcome]) -> dict[str, Any]:
    """What crawls brought and cost, as metadata."""
    return {
        "works": sum(one.n_works for one in outcomes),
        "calls": sum(one.tally.calls for one in outcomes),
        "cents": round(sum(one.tally.usd for one in outcomes) * 100, 3),
        "venue_years_with_news": sum(one.news for one in outcomes),
    }


def raise_troubles(troubles: Sequence[CsimpactError], metadata: dict[str, Any]) -> None:
    """Fail in one line if there was any trouble."""
    if troubles:
        # Retried at once, an exhausted budget would only be asked for again.
        spent = any(isinstance(trouble, BudgetExhaustedError) for trouble in troubles)
        raise dg.Failure(
            "; ".join(dict.fromkeys(map(str, troubles))),
            metadata=metadata,
            allow_retries=not spent,
        )
