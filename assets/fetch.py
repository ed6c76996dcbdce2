"""The op of the `fetch` job: crawl some venue-years of OpenAlex, ask for the counts of others.

Belongs here: one run's configuration, events and figures. Not: which venue-years have news
(pipeline/automation), nor fetching itself (resources/crawl.py, resources/openalex_poll.py).

What was delivered stays delivered, whatever happens to the rest: a run that fails has lost
nothing, and whoever looks next finds less to fetch.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from assets.costs import note_costs
from assets.materialise import clear_errors
from assets.openalex import POOL, crawl_cells, crawl_figures, raise_troubles
from assets.partitions import key_of
from pipeline.errors import CsimpactError
from pipeline.tables import Cell, cell_named
from resources.crawl import Outcome
from resources.openalex import OpenAlex
from resources.openalex_known import tracked_works
from resources.openalex_poll import PollOutcome, poll
from resources.workspace import Workspace

WORKS = "openalex_works"
FETCH_OP = "fetch_openalex"
ALL = "all"


class FetchConfig(dg.Config):
    """What to fetch; venue-years are written like `cvpr|2026`."""

    crawl: list[str] = Field(default_factory=list, description="venue-years to crawl")
    poll: list[str] = Field(
        default_factory=list,
        description="venue-years whose known works to ask for; `all`: every work known",
    )


def fetch_op() -> dg.OpDefinition:
    """Crawls, then polls; what was just crawled needs no poll."""

    @dg.op(
        name=FETCH_OP,
        out=dg.Out(dg.Nothing),
        pool=POOL,
        description="Crawl the venue-years named, and ask for what moved among known works.",
    )
    def _op(
        context: dg.OpExecutionContext,
        config: FetchConfig,
        workspace: dg.ResourceParam[Workspace],
    ) -> None:
        workspace.report_to(context.log.info)
        with clear_errors():
            wanted = [cell_named(name) for name in config.crawl]
            with workspace.lock("crawl", timeout_s=0), OpenAlex() as client:
                outcomes = crawl_cells(
                    client, workspace, wanted, context.log.info,
                    lambda one: _tell(context, one),
                )  # fmt: skip
                crawled = {one.cell for one in outcomes if one.trouble is None}
                tracked = _chosen(tracked_works(workspace.data), config.poll, crawled)
                polled = _polled(context, client, workspace, tracked)
        troubles: list[CsimpactError] = [one.trouble for one in outcomes if one.trouble]
        troubles += [polled.trouble] if polled and polled.trouble else []
        figures = crawl_figures(outcomes)
        if polled:
            figures["calls"] += polled.tally.calls
            figures["cents"] = round(figures["cents"] + polled.tally.usd * 100, 3)
            figures["counts_moved"] = polled.n_counts
        note_costs(context, workspace, WORKS, figures)
        raise_troubles(troubles, figures)

    return _op


def _chosen(tracked: pl.DataFrame, names: Sequence[str], crawled: Collection[Cell]) -> pl.DataFrame:
    """The works to poll: those of the venue-years named, as far as no crawl just brought them."""
    cells = pl.DataFrame(
        [cell_named(name) for name in names if name != ALL],
        schema={"venue": pl.String, "year": pl.Int32},
        orient="row",
    )
    fresh = pl.DataFrame(list(crawled), schema=cells.schema, orient="row")
    wanted = tracked if ALL in names else tracked.join(cells, on=cells.columns, how="semi")
    return wanted.join(fresh, on=cells.columns, how="anti")


def _polled(
    context: dg.OpExecutionContext, client: OpenAlex, workspace: Workspace, tracked: pl.DataFrame
) -> PollOutcome | None:
    if not tracked.height:
        return None
    # Deliveries are ordered by day: that of crawls and polls has to come from one clock.
    now = datetime.combine(workspace.today, datetime.now(UTC).time(), UTC)
    found = poll(client, workspace.data, tracked, now)
    figures: dict[str, Any] = {
        "polled": found.n_polled,
        "counts_moved": found.n_counts,
        "content_moved": found.n_content,
        "merged": found.n_merged,
        "deleted": found.n_deleted,
        "calls": found.tally.calls,
        "cents": round(found.tally.usd * 100, 3),
    }
    context.log.info("poll: " + ", ".join(f"{name} {n:,}" for name, n in figures.items()))
    context.log_event(dg.AssetObservation(WORKS, metadata=figures))
    return found


def _tell(context: dg.OpExecutionContext, outcome: Outcome) -> None:
    """A materialisation, unless nothing came: that is the run's failure to tell."""
    if outcome.trouble and not outcome.delivered:
        return
    figures: dict[str, Any] = {
        "news": outcome.news,
        "works": outcome.n_works,
        "status": outcome.status,
        "calls": outcome.tally.calls,
        "cents": round(outcome.tally.usd * 100, 3),
    }
    context.log_event(
        dg.AssetMaterialization(WORKS, partition=key_of(outcome.cell), metadata=figures)
    )
