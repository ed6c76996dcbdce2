"""A library as an analyst finds it: simulated papers, three sources, two days, edges and topics.

Belongs here: building it. Not: tests. Corpus, pools and scores are made by the real stages. What is
made of the whole library (topics, aggregates, …) is planted by hand, so that tests of the query
layer know it.
"""

from datetime import date
from pathlib import Path

import polars as pl

from assets import corpus, impact, retriever
from pipeline.models.tiny import write_tiny_encoder
from pipeline.settings import DataDir
from pipeline.simulation.literature import next_day, simulate_literature
from pipeline.simulation.sources import write_sources
from pipeline.tables import TABLES
from resources.workspace import Workspace, open_workspace
from tests.library import paper, write_list

VENUES, YEARS = ("acl", "emnlp", "cvpr", "nips"), range(2020, 2023)
DAYS = (date(2026, 1, 1), date(2026, 2, 1))
TOPIC_NAMES = ("parsing, syntax", "detection, boxes", "kernels, bounds")


def build_analyst_library(data: DataDir, outbox: Path, *, n_papers: int = 300) -> Workspace:
    """Two deliveries of a simulated literature; CSIMPACT_ENCODER must be `tiny`."""
    write_tiny_encoder(data.models / "tiny", seed=0)
    workspace = open_workspace(data)
    first = simulate_literature(n_papers=n_papers, seed=7, venues=VENUES, years=YEARS)
    second = next_day(first, seed=7, n_new_papers=4, n_new_citations=60)
    for day, literature in zip(DAYS, (first, second), strict=True):
        write_sources(literature, outbox / str(day), day=day, seed=7)
        # A list without a single count: a gap in coverage, and papers without a score.
        write_list(outbox / str(day), ("icml", 2022), [paper(n) for n in range(6)])
        imported = workspace.import_files([outbox / str(day)], accept_shrink=True)
        assert not imported.refused, imported.refused
        for stage in (*corpus.STAGES, *retriever.STAGES, *impact.STAGES):
            list(stage.run(workspace, stage.stale(workspace)))
    _plant_overview(workspace)
    return workspace


def _plant_overview(workspace: Workspace) -> None:
    lake = workspace.lake
    scores = lake.read_all("tncsi_sp").filter(pl.col("status") == "ok").sort("paper_id")
    papers = lake.read_all("papers").sort("paper_id").with_row_index("number")
    topic = (pl.col("number") % len(TOPIC_NAMES)).cast(pl.Int32)
    _plant(
        workspace,
        "paper_topics",
        papers.with_columns(topic_id=topic, similarity=pl.lit(0.5, pl.Float32)),
    )
    _plant(
        workspace,
        "topics",
        pl.DataFrame({"topic_id": range(len(TOPIC_NAMES)), "name": TOPIC_NAMES}).with_columns(
            terms=pl.col("name").str.split(", "),
            n_papers=pl.lit(papers.height // len(TOPIC_NAMES)),
            centroid=pl.lit([1.0, 0.0]),
            encoder_id=pl.lit("tiny"),
            n_fitted=pl.lit(papers.height),
            fitted_on=pl.lit(DAYS[1]),
        ),
    )
    _plant(workspace, "impact_aggregates", _aggregates(papers, scores, topic))
    _plant(workspace, "rising_papers", _rising(scores.head(5)))
    variants = scores.with_columns(
        variant=pl.lit("winsorised"),
        config_id=pl.lit("winsorised-1"),
        variant_score=(pl.col("tncsi_sp") * 0.9).clip(0, 1),
        variant_loc=pl.col("pool_loc"),
        variant_scale=pl.col("pool_scale"),
    )
    _plant(workspace, "tncsi_variants", variants)


def _aggregates(papers: pl.DataFrame, scores: pl.DataFrame, topic: pl.Expr) -> pl.DataFrame:
    held = papers.with_columns(topic=topic).join(
        scores.select("paper_id", "pool_percentile"), on="paper_id", how="left"
    )
    parts = []
    for kind, key, by_year in (
        ("venue", pl.col("venue"), True),
        ("venue", pl.col("venue"), False),
        ("topic", pl.col("topic").cast(pl.String), True),
        ("library", pl.lit("all"), False),
    ):
        period = pl.col("year").cast(pl.String) if by_year else pl.lit("all")
        part = held.group_by(name=key, period=period).agg(
            n_papers=pl.len(),
            n_scored=pl.col("pool_percentile").count(),
            mean_percentile=pl.col("pool_percentile").mean(),
        )
        parts.append(part.with_columns(kind=pl.lit(kind), label=pl.col("name")))
    return pl.concat(parts, how="diagonal").with_columns(
        status=pl.lit("ok"),
        top_decile_share=pl.lit(0.1),
        trend=pl.when(pl.col("period") == "all").then(0.01),
        mean_percentile_low=pl.col("mean_percentile") - 0.05,
        mean_percentile_high=pl.col("mean_percentile") + 0.05,
    )


def _rising(scores: pl.DataFrame) -> pl.DataFrame:
    return scores.with_row_index("rank", offset=1).with_columns(
        since=pl.lit(DAYS[0]),
        until=pl.lit(DAYS[1]),
        cited_before=pl.col("cited_by_count"),
        cited_after=pl.col("cited_by_count") + 3,
        excess_before=pl.col("excess_ratio"),
        excess_after=pl.col("excess_ratio") + 1,
        rise=pl.lit(1.0),
    )


def _plant(workspace: Workspace, table: str, rows: pl.DataFrame) -> None:
    """Write `rows`, in the columns of the table; what is not there is null."""
    declared = TABLES[table].schema
    lacking = [pl.lit(None).alias(name) for name in declared if name not in rows.columns]
    workspace.lake.write(
        table, None, rows.with_columns(lacking).select(declared.names()).cast(declared)
    )
