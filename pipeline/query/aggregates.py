"""What was said of the library as a whole: groups, topics, rising papers.

Belongs here: which rows of these tables answer a question. Not: how they are made (pipeline/impact)
or printed (pipeline/cli).
"""

import polars as pl

from pipeline.errors import InputError, NotFoundError
from pipeline.impact.aggregates import ALL, KINDS
from pipeline.query.made import read_made
from pipeline.query.near import near_names, nearest_said
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
    made = read_made(workspace.lake, "impact_aggregates")
    rows = made.filter(kind="library" if kind == YEAR else kind)
    if name is not None:
        rows = _named(rows, kind, workspace.venues.resolve(name) if kind == "venue" else name)
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


def _named(rows: pl.DataFrame, kind: str, name: str) -> pl.DataFrame:
    """Rows of one group, by its name in any case."""
    found = rows.filter(pl.col("name").str.to_lowercase() == name.strip().lower())
    if not found.height:
        near = nearest_said(near_names(name, rows["name"].unique().sort()))
        raise NotFoundError(
            f"no {kind} {name!r}{near}; `csimpact aggregates {kind} -k 1000` lists all"
        )
    return found


def read_topics(workspace: Workspace) -> pl.DataFrame:
    """TOPIC_COLUMNS of every topic, the largest first."""
    found = read_made(workspace.lake, "topics").sort(
        ["n_papers", "topic_id"], descending=[True, False]
    )
    return found.select(TOPIC_COLUMNS)


def read_topic(workspace: Workspace, topic_id: int, k: int) -> pl.DataFrame:
    """`paper_id, similarity` of the `k` papers nearest to a topic."""
    topics = read_made(workspace.lake, "topics")
    if topic_id not in topics["topic_id"]:
        numbers = sorted(topics["topic_id"])
        held = f"{numbers[0]} to {numbers[-1]}" if numbers else "of which there is none"
        raise NotFoundError(
            f"expected the number of a topic, {held}, received {topic_id}: "
            "`csimpact topics` lists all"
        )
    mine = read_made(workspace.lake, "paper_topics").filter(topic_id=topic_id)
    nearest = mine.sort(["similarity", "paper_id"], descending=[True, False]).head(k)
    return nearest.select("paper_id", pl.col("similarity").cast(pl.Float64).round(6))


def read_rising(workspace: Workspace, catalogue: pl.DataFrame, k: int) -> pl.DataFrame:
    """RISING_COLUMNS of the `k` steepest rises."""
    rows = read_made(workspace.lake, "rising_papers").sort("rank").head(k)
    titled = rows.join(catalogue.select("paper_id", "title"), on="paper_id", how="left")
    return titled.sort("rank").select(RISING_COLUMNS)
