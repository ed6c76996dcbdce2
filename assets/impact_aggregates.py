"""Asset `impact_aggregates`: impact of venues, domains, topics and the library; rising papers.

Belongs here: what is read. Not: how groups are described (pipeline/impact/aggregates.py) or who
rises (pipeline/impact/rising.py). Both look at scores of the workspace's config only.
"""

from collections.abc import Iterator

import polars as pl

from assets.derived import Drawn, derived, registry_digest
from assets.tncsi_sp import precedence_of
from pipeline.impact.aggregates import ALL, aggregate, expected_papers, members_of
from pipeline.impact.rising import gainers, rising_papers, two_days
from pipeline.tables import RISING_PAPERS, Cell
from resources.workspace import Workspace

_SCORES = (
    "paper_id", "config_id", "status", "tncsi_sp",
    "pool_percentile", "pool_same_venue", "pool_same_domain",
)  # fmt: skip
_AT_ONCE = 40  # venue-years whose pools are held at a time
_SHOWN = 20


def impact_aggregates(workspace: Workspace) -> Drawn:
    """Impact of venues, domains, topics and the library, over all years and each; rising papers."""
    groups, rising = _aggregates(workspace), _rising(workspace)
    facts = {
        "groups_too_few": groups.filter(pl.col("status") != "ok").height,
        "rising_papers": rising.height,
    }
    tables = {"impact_aggregates": groups, "rising_papers": rising}
    return Drawn(tables, facts, _shown(groups, rising))


def _aggregates(workspace: Workspace) -> pl.DataFrame:
    lake = workspace.lake
    papers = lake.read_all("papers", ["paper_id", "venue", "year", "in_pools"]).filter("in_pools")
    scores = lake.read_all("tncsi_sp", _SCORES).filter(config_id=workspace.config_id)
    domains = pl.DataFrame(
        [(v.slug, v.domain, v.name) for v in workspace.venues],
        schema=["venue", "domain", "label"], orient="row",
    )  # fmt: skip
    topics = lake.read_all("topics", ["topic_id", "name"])
    labels = {
        "venue": domains.select(name="venue", label="label"),
        "topic": topics.select(name=pl.col("topic_id").cast(pl.String), label="name"),
    }
    return aggregate(
        # A paper that the next refresh will score has no row yet, and counts all the same.
        papers.join(scores.drop("config_id"), on="paper_id", how="left"),
        members_of(papers, domains, lake.read_all("paper_topics", ["paper_id", "topic_id"])),
        pl.concat([f.with_columns(kind=pl.lit(kind)) for kind, f in labels.items()]),
        expected_papers(lake.read_all("venue_coverage"), domains),
    )


def _rising(workspace: Workspace) -> pl.DataFrame:
    lake = workspace.lake
    snapshots = lake.read_all("citation_snapshots")
    days = two_days(snapshots)
    if days is None:
        return RISING_PAPERS.empty()
    wanted = gainers(snapshots, *days)["paper_id"].unique()
    rows = ["paper_id", "paper_row", "venue", "year", "publication_date"]
    papers = lake.read_all("papers", rows)
    gained = papers.filter(pl.col("paper_id").is_in(wanted.implode()))
    cells = gained.select("venue", "year").unique().sort("venue", "year").rows()
    return rising_papers(
        _pools(workspace, cells, wanted),
        snapshots,
        since=days[0],
        until=days[1],
        paper_rows=papers,
        undated=papers.filter(pl.col("publication_date").is_null())["paper_row"].to_numpy(),
        precedence=precedence_of(snapshots),
        rule=workspace.rule,
    )


def _pools(workspace: Workspace, cells: list[Cell], papers: pl.Series) -> Iterator[pl.DataFrame]:
    """Pools of these papers, those of some venue-years at a time."""
    for i in range(0, len(cells), _AT_ONCE):
        pools = workspace.lake.read_cells("topic_pools", cells[i : i + _AT_ONCE])
        mine = pools.filter(config_id=workspace.config_id)
        yield mine.filter(pl.col("paper_id").is_in(papers.implode()))


def _shown(groups: pl.DataFrame, rising: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The best groups of each kind, and the steepest rises."""
    columns = ["label", "n_scored", "mean_percentile", "mean_percentile_low",
               "mean_percentile_high", "top_decile_share", "trend"]  # fmt: skip
    best = groups.filter(status="ok", period=ALL).sort(
        "mean_percentile", descending=True, nulls_last=True
    )
    shown = {k: best.filter(kind=k).select(columns).head(_SHOWN) for k in ("venue", "topic")}
    return shown | {"rising": rising.drop("citation_source").head(_SHOWN)}


IMPACT_AGGREGATES = derived(
    impact_aggregates,
    tables=("impact_aggregates", "rising_papers"),
    looks_at=(
        *("papers", "tncsi_sp", "topic_pools", "citation_counts", "venue_coverage"),
        *("topics", "paper_topics"),
    ),
    code="1",
    besides=registry_digest,
)
