"""Papers, edges, scores and snapshots of a few letters each.

Belongs here: inline rows as the tables have them. Not: tests.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import polars as pl

from pipeline.impact.profiles import citation_profiles
from pipeline.impact.profiles.edges import EDGE_COLUMNS, PAPER_COLUMNS, Edges, edges_of
from pipeline.impact.profiles.profile import SCORE_COLUMNS
from pipeline.tables import (
    CITATION_PROFILES,
    CITATION_SNAPSHOTS,
    CITATIONS,
    PAPERS,
    TNCSI_SP,
    violations,
)

RULE = "rule"
SEEN = date(2020, 12, 31)
DOMAIN_OF = {"acl": "nlp", "emnlp": "nlp", "cvpr": "vision", "icra": "robotics"}


def paper(
    paper_id: str, published: date | None, venue: str = "acl", *sources: str
) -> dict[str, Any]:
    """A paper that the source `s` knows unless others are named."""
    year = published.year if published else 2000
    return {
        "paper_id": paper_id, "venue": venue, "year": year, "publication_date": published,
        "sources": list(sources or ("s",)),
    }  # fmt: skip


def edge(citing: str, cited: str | None, source: str = "s", **changes: Any) -> dict[str, Any]:
    """`citing` cites `cited`, in force and seen on SEEN unless said otherwise."""
    row = {
        "citing_paper_id": citing, "cited_paper_id": cited, "cited_key": f"{source}:{cited}",
        "source": source, "intents": None, "is_influential": None, "is_self_loop": citing == cited,
        "is_forward": False, "last_seen": SEEN, "in_force": True,
    }  # fmt: skip
    return row | changes


def framed(
    rows: Iterable[dict[str, Any]], columns: Sequence[str], schema: pl.Schema
) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={name: schema[name] for name in columns})


def papers_of(*rows: dict[str, Any]) -> pl.DataFrame:
    return framed(rows, PAPER_COLUMNS, PAPERS.schema)


def citations_of(*rows: dict[str, Any]) -> pl.DataFrame:
    return framed(rows, EDGE_COLUMNS, CITATIONS.schema)


def scores_of(
    values: dict[str, float | None], source: str | None = "gs", rule: str = RULE
) -> pl.DataFrame:
    rows = [
        {"paper_id": p, "config_id": rule, "citation_source": source, "tncsi_sp": v}
        for p, v in values.items()
    ]
    return framed(rows, SCORE_COLUMNS, TNCSI_SP.schema)


def snapshots_of(
    *rows: tuple[str, date, int], source: str = "gs", venue: str = "acl"
) -> pl.DataFrame:
    return pl.DataFrame(
        [(p, venue, 2000, source, day, count) for p, day, count in rows],
        schema=CITATION_SNAPSHOTS.schema,
        orient="row",
    )


def standing(papers: pl.DataFrame, citations: pl.DataFrame) -> Edges:
    """`edges_of` with the domains of these tests."""
    domain = pl.col("venue").replace_strict(DOMAIN_OF, return_dtype=pl.String)
    return edges_of(papers.with_columns(domain=domain), citations)


def profiles(
    papers: pl.DataFrame,
    citations: pl.DataFrame,
    scores: pl.DataFrame | None = None,
    snapshots: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """`citation_profiles` that keep their contract."""
    rows = citation_profiles(
        papers,
        citations,
        scores_of({}) if scores is None else scores,
        CITATION_SNAPSHOTS.empty() if snapshots is None else snapshots,
        domain_of=DOMAIN_OF,
        config_id=RULE,
    )
    assert violations(CITATION_PROFILES, rows) == []
    assert rows["paper_id"].to_list() == sorted(papers["paper_id"])
    return rows


def row_of(rows: pl.DataFrame, paper_id: str) -> dict[str, Any]:
    return rows.row(by_predicate=pl.col("paper_id") == paper_id, named=True)
