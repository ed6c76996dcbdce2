"""What was said of the library as a whole: groups, topics, rising papers.

Belongs here: which rows of these tables answer a question, and what to say before they are made.
Not: how they are made (pipeline/impact) or printed (pipeline/cli).
"""

import polars as pl

from pipeline.errors import InputError, NotFoundError
from pipeline.impact.aggregates import ALL, KINDS
from resources.workspace import Workspace

EACH = "each"
YEAR = "year"
TOPIC_COLUMNS = ("topic_id", "name", "n_papers", "terms")
RISING_COLUMNS = (
    "rank", "paper_id", "title", "venue", "year", "cited_before", "cited_after",
    "excess_before", "excess_after", "rise", "citation_source", "since", "until",
)  # fmt: skip


def read_aggregates(
    workspace: Workspace, kind: str, period: str | None, name: str | None
) -> pl.DataFrame:
    """Rows of `impact_aggregates`: highest mean percentile first, years in their order."""
    if kind not in (*KINDS, YEAR):
        raise InputError(f"expected a kind of {', '.join((*KINDS, YEAR))}, received {kind!r}")
    period = period or (EACH if kind == YEAR else ALL)
    rows = _made(workspace, "impact_aggregates").filter(kind="library" if kind == YEAR else kind)
    if name is not None:
        rows = rows.filter(name=workspace.venues.resolve(name) if kind == "venue" else name)
        if not rows.height:
            raise NotFoundError(
                f"no {kind} {name!r}: `csimpact aggregates {kind} -k 1000` lists all"
            )
    if period == EACH:
        return rows.filter(pl.col("period") != ALL).sort("name", "period")
    found = rows.filter(period=period)
    if rows.height and not found.height:
        years = rows.filter(pl.col("period") != ALL)["period"].sort()
        raise NotFoundError(
            f"expected period {ALL}, {EACH} or a year held, {years[0]} to {years[-1]}; "
            f"received {period!r}"
        )
    return found.sort(["mean_percentile", "name"], descending=[True, False], nulls_last=True)


def read_topics(workspace: Workspace) -> pl.DataFrame:
    """TOPIC_COLUMNS of every topic, the largest first."""
    found = _made(workspace, "topics").sort(["n_papers", "topic_id"], descending=[True, False])
    return found.select(TOPIC_COLUMNS)


def read_topic(workspace: Workspace, topic_id: int, k: int) -> pl.DataFrame:
    """`paper_id, similarity` of the `k` papers nearest to a topic."""
    topics = _made(workspace, "topics")
    if topic_id not in topics["topic_id"]:
        raise NotFoundError(f"expected a topic of `csimpact topics`, received {topic_id}")
    mine = _made(workspace, "paper_topics").filter(topic_id=topic_id)
    nearest = mine.sort(["similarity", "paper_id"], descending=[True, False]).head(k)
    return nearest.select("paper_id", pl.col("similarity").cast(pl.Float64).round(6))


def read_rising(workspace: Workspace, catalogue: pl.DataFrame, k: int) -> pl.DataFrame:
    """RISING_COLUMNS of the `k` steepest rises."""
    rows = _made(workspace, "rising_papers").sort("rank").head(k)
    titled = rows.join(catalogue.select("paper_id", "title"), on="paper_id", how="left")
    return titled.sort("rank").select(RISING_COLUMNS)


def _made(workspace: Workspace, table: str) -> pl.DataFrame:
    """Rows of a table of the overview; NotFoundError where it was never made."""
    if workspace.lake.state(table, None) is None:
        words = table.replace("_", " ")
        raise NotFoundError(f"no {words} yet: `csimpact overview` makes them")
    return workspace.lake.read(table)
