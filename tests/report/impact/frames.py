"""A tiny library by hand for tests of the impact report: every frame that it reads.

Belongs here: rows. Not: tests.
"""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl

from pipeline.impact.pools import PoolRule
from pipeline.report.costs import Cost
from pipeline.report.impact.changes import LastNight
from pipeline.report.impact.overview import Overview, Setting
from pipeline.tables import TABLES

Row = dict[str, Any]
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DAY = date(2026, 3, 1)
SETTING = Setting(PoolRule(), "k100_test@tiny", "tiny", None)
NASTY = (
    '<script>alert("x")</script> & <img src="https://example.org/x.png">',
    'O\'Neil "quotes" \\ $a$ `b` | *c*',
    "مرحبا بالعالم في الشبكات",
    "𝔘nicode 🎉 of four bytes",
    "over\u202eride and \x1b[31mred\n# heading",
)


def rows_of(table: str, rows: list[Row]) -> pl.DataFrame:
    """Rows of a table; what a row leaves out is null."""
    blank = dict.fromkeys(TABLES[table].schema)
    return pl.DataFrame([blank | row for row in rows], schema=TABLES[table].schema, orient="row")


def scores(n: int = 60, seed: int = 0) -> pl.DataFrame:
    """`n` scored papers of two venues and three years, and three papers without a score."""
    rng = np.random.default_rng(seed)
    ratio = rng.exponential(size=n)
    ok = [
        {
            "paper_id": f"p{i}", "venue": ("cvpr", "acl")[i % 2], "year": 2018 + i % 3,
            "config_id": SETTING.config_id, "status": "ok", "citation_source": "openalex",
            "cited_by_count": i, "tncsi_sp": float(1 - np.exp(-r)), "excess_ratio": float(r),
            "pool_loc": 0, "pool_scale": 10.0, "n_pool": 100 + i, "pool_k": 120,
            "pool_share": 0.1, "excess_low": float(0.8 * r),
            "excess_high": float(1.2 * r), "pool_percentile": float(1 - np.exp(-r)),
            "lognormal_cdf": 0.5, "pool_ks": 0.05 + 0.3 * (i % 2), "date_precision": "day",
        }
        for i, r in enumerate(ratio)
    ]  # fmt: skip
    none = [
        {"paper_id": f"n{i}", "venue": "cvpr", "year": 2020, "config_id": SETTING.config_id,
         "status": "no_citation_count", "n_pool": 0, "pool_k": 120}
        for i in range(3)
    ]  # fmt: skip
    return rows_of("tncsi_sp", [*ok, *none])


def coverage() -> pl.DataFrame:
    """DBLP expects 20 papers of acl 2018, the list itself 10 of cvpr 2018; nobody tells more."""
    zeros = dict.fromkeys(
        (c for c in TABLES["venue_coverage"].schema if c.startswith("n_") and c != "n_expected"), 0
    )
    rows = [
        ("acl", 2018, "dblp", 20, "dblp"), ("acl", 2018, "openalex", 20, "dblp"),
        ("cvpr", 2018, "paper_copilot", 10, "paper_copilot"),
    ]  # fmt: skip
    names = ("venue", "year", "source", "n_expected", "expected_from")
    return rows_of("venue_coverage", [zeros | dict(zip(names, row, strict=True)) for row in rows])


def group(kind: str, name: str, mean: float | None, period: str = "all", **more: Any) -> Row:
    """A row of `impact_aggregates` whose interval is ±0.05."""
    told = {
        "mean_percentile": mean, "mean_percentile_low": mean - 0.05,
        "mean_percentile_high": mean + 0.05, "tncsi_sp_median": 0.4, "top_decile_share": 0.1,
    } if mean is not None else {}  # fmt: skip
    return {
        "kind": kind, "name": name, "label": name, "period": period, "n_papers": 40,
        "status": "too_few" if mean is None else "ok", "n_scored": 30,
    } | told | more  # fmt: skip


def aggregates() -> pl.DataFrame:
    """Two venues and one left out, a domain through the years, topics of nasty names."""
    years = [group("domain", "vision", 0.4 + y / 100, str(2010 + y)) for y in range(6)]
    topics = [group("topic", str(i), 0.3 + i / 10, label=title) for i, title in enumerate(NASTY)]
    return rows_of(
        "impact_aggregates",
        [
            group("venue", "cvpr", 0.6, trend=0.02, trend_low=0.01, trend_high=0.03),
            group("venue", "acl", 0.45, trend=-0.01, trend_low=-0.02, trend_high=0.01),
            group("venue", "colt", None), group("domain", "vision", 0.43), *years, *topics,
        ],
    )  # fmt: skip


def rising() -> pl.DataFrame:
    """One paper that rose."""
    row = {"paper_id": "p1", "venue": "acl", "year": 2019, "rank": 1, "since": date(2025, 3, 1),
           "until": DAY, "citation_source": "openalex", "cited_before": 3, "cited_after": 90,
           "excess_before": 0.1, "excess_after": 3.2, "rise": 3.1}  # fmt: skip
    return rows_of("rising_papers", [row])


def figure(study: str, system: str, measure: str, value: float | None, part: str = "all") -> Row:
    """A row of `impact_validation` whose interval is ±0.01."""
    bounds = (None, None) if value is None else (value - 0.01, value + 0.01)
    return {
        "study": study, "system": system, "slice": part, "measure": measure, "n": 3000,
        "value": value, "low": bounds[0], "high": bounds[1], "note": "a note", "measured_on": DAY,
    }  # fmt: skip


def validation() -> pl.DataFrame:
    """Agreement of three systems, a gain, a figure that is not there, and planted bars."""
    bars = [
        figure("calibration", "tncsi_sp, topic pools", f"pit_bin_{i:02d}", 1.0, "exponential")
        for i in range(1, 11)
    ]
    return rows_of(
        "impact_validation",
        [
            figure("naid", "citations", "spearman", 0.78),
            figure("naid", "all_in_window", "spearman", 0.81),
            figure("naid", "topic_pool", "spearman", 0.84),
            figure("naid", "topic_pool", "gain_over_all_in_window", 0.03),
            figure("robustness", "all", "figures", None), *bars,
        ],
    )  # fmt: skip


def quality() -> pl.DataFrame:
    """Two systems on one benchmark."""
    names = ("benchmark", "system", "domain", "measure", "n_queries", "value", "low", "high",
             "measured_on")  # fmt: skip
    rows = [
        ("cacm", system, "all", measure, 52, value, value - 0.1, value + 0.1, DAY)
        for system, value in (("plain", 0.4), ("prompt", 0.5)) for measure in ("nDCG@10", "RR@10")
    ]  # fmt: skip
    return rows_of("retrieval_quality", [dict(zip(names, row, strict=True)) for row in rows])


def night() -> LastNight:
    """A night in which one score moved."""
    moved = {"title": NASTY[0], "venue": "acl", "year": 2018, "before": 0.2, "after": 0.6,
             "change": 0.4, "why": "citations", "citations_before": 2, "citations": 9}  # fmt: skip
    return LastNight.of(
        {
            "made_at": "2026-03-02T03:15:00+00:00", "since": "2026-03-01T03:15:00+00:00",
            "sections": {
                "scores": {"words": "1 score moved.", "tables": {"moved": {"rows": [moved]}}},
                "papers": {"words": "2 new papers.", "tables": {}},
            },
        }
    )  # fmt: skip


def titles(rows: pl.DataFrame) -> pl.DataFrame:
    """A title for every paper of `rows`: nasty ones first."""
    ids = rows["paper_id"].to_list()
    named = [NASTY[i] if i < len(NASTY) else f"On things {i}" for i in range(len(ids))]
    return pl.DataFrame({"paper_id": ids, "title": named}, schema_overrides={"title": pl.String})


def overview(**changes: Any) -> Overview:
    """Everything there, but for `changes`."""
    told = changes.get("scores", scores())
    parts = {
        "made_at": NOW, "setting": SETTING, "as_of": DAY, "scores": told, "titles": titles(told),
        "homes": pl.DataFrame(
            {"venue": ["cvpr", "acl"], "venue_name": ["CVPR", "ACL"], "domain": ["vision", "nlp"]}
        ),
        "coverage": coverage(), "aggregates": aggregates(), "rising": rising(),
        "validation": validation(), "quality": quality(), "last_night": night(),
        "costs": [Cost(NOW, "run", "refresh", "papers", {"seconds": 1.5, "calls": 3})],
    } | changes  # fmt: skip
    return Overview(**parts)


def bare() -> Overview:
    """Nothing there at all."""
    return overview(
        scores=TABLES["tncsi_sp"].empty(), as_of=None, coverage=TABLES["venue_coverage"].empty(),
        aggregates=None, rising=None, validation=None, quality=None, last_night=None, costs=(),
    )  # fmt: skip
