"""Asset `openalex_works`: a crawl of venue-years, on demand.

Belongs here: running a crawl as a materialisation. Not: fetching (resources/crawl.py). It is no
stage: nothing stored tells whether OpenAlex has news, so it runs when somebody asks, and what it
delivers into the inbox is picked up by `dump_shards` like any other dump.
"""

from typing import Any

import dagster as dg

from assets.costs import note_costs
from assets.partitions import cells_of
from pipeline.errors import BudgetExhaustedError
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
        venues = workspace.venues
        cells = cells_of(context.partition_keys)
        wanted = [(venues[v], y) for v, y in cells if venues[v].openalex_sources]
        outcomes: list[Outcome] = []
        with workspace.lock("crawl", timeout_s=0), OpenAlex() as client:
            for outcome in crawl(client, workspace.data, wanted, workspace.today):
                outcomes.append(outcome)
                venue, year = outcome.cell
                context.log.info(f"{venue} {year}: {outcome.n_works:,} works, {outcome.status}")
        troubles = [one.trouble for one in outcomes if one.trouble]
        metadata = {
            "works": sum(one.n_works for one in outcomes),
            "calls": sum(one.tally.calls for one in outcomes),
            "cents": round(sum(one.tally.usd for one in outcomes) * 100, 3),
            "venue_years_with_news": sum(one.news for one in outcomes),
            "venue_years_without_source": len(cells) - len(wanted),
        }
        note_costs(context, workspace, "openalex_works", metadata)
        if troubles:
            # Retried at once, an exhausted budget would only be asked for again.
            spent = any(isinstance(trouble, BudgetExhaustedError) for trouble in troubles)
            raise dg.Failure(
                "; ".join(dict.fromkeys(map(str, troubles))),
                metadata=metadata,
                allow_retries=not spent,
            )
        return dg.MaterializeResult(metadata=metadata)

    return openalex_works
