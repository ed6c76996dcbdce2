"""Asset `citation_profiles`: what stands beside the score of every paper.

Belongs here: reading the columns that profiles look at, and making them again only where something
moved. Not: how a profile is computed (pipeline/impact/profiles).
"""

import hashlib
from typing import Any

import polars as pl

from assets.derived import library_inputs, made_of, write_made
from assets.wholes import Result, TrainConfig, Whole
from pipeline.impact.profiles import citation_profiles as build_profiles
from pipeline.impact.profiles.edges import EDGE_COLUMNS, PAPER_COLUMNS
from pipeline.impact.profiles.profile import SCORE_COLUMNS
from pipeline.staleness import Inputs
from pipeline.tables import CITATION_SNAPSHOTS
from resources.workspace import Workspace

CODE = "1"  # raise it when profiles are computed otherwise
_LOOKED_AT = ("papers", "citations", "tncsi_sp", "citation_counts")
_TABLE = "citation_profiles"
_TOLD = ("n_references", "arq", "rqm", "n_citing", "cited_within_5y", "iei", "influential_share")


def citation_profiles(workspace: Workspace, _: TrainConfig) -> Result:
    """References, citations in time and their contexts, beside the score of every paper.

    Made again only if papers, citations, scores, the history of counts or domains changed.
    """
    lake, inputs = workspace.lake, _inputs(workspace)
    made = not made_of(workspace, _TABLE, inputs)
    if made:
        rows = build_profiles(
            lake.read_all("papers", PAPER_COLUMNS),
            lake.read_all("citations", EDGE_COLUMNS),
            lake.read_all("tncsi_sp", SCORE_COLUMNS),
            lake.read_all("citation_snapshots", CITATION_SNAPSHOTS.schema.names()),
            domain_of=_domains(workspace),
            config_id=workspace.config_id,
        )
        write_made(workspace, {_TABLE: rows}, inputs)
    else:
        rows = lake.read(_TABLE)
    state = lake.state(_TABLE, None)
    assert state is not None  # written now or before
    return Result(state.digest, _facts(rows), made=made)


def _inputs(workspace: Workspace) -> Inputs:
    domains = "\n".join(f"{v} {d}" for v, d in sorted(_domains(workspace).items()))
    digest = hashlib.sha256(domains.encode()).hexdigest()[:16]
    return {**library_inputs(workspace, CODE, _LOOKED_AT), "domains": digest}


def _domains(workspace: Workspace) -> dict[str, str]:
    return {venue.slug: venue.domain for venue in workspace.venues.venues}


def _facts(rows: pl.DataFrame) -> dict[str, Any]:
    """Of how many papers each part is known."""
    return {"dagster/row_count": rows.height} | {f"with_{n}": rows[n].count() for n in _TOLD}


CITATION_PROFILES = Whole(
    "citation_profiles", citation_profiles, "impact", _LOOKED_AT, ("polars", "parquet")
)
