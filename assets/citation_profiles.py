"""Asset `citation_profiles`: what stands beside the score of every paper.

Belongs here: the columns that profiles look at. Not: how a profile is computed
(pipeline/impact/profiles).
"""

from typing import Any

import polars as pl

from assets.derived import Drawn, derived, registry_digest
from pipeline.impact.profiles import citation_profiles as build_profiles
from pipeline.impact.profiles.edges import EDGE_COLUMNS, PAPER_COLUMNS
from pipeline.impact.profiles.profile import SCORE_COLUMNS
from pipeline.tables import CITATION_SNAPSHOTS
from resources.workspace import Workspace

_TOLD = ("n_references", "arq", "rqm", "n_citing", "cited_within_5y", "iei", "influential_share")


def citation_profiles(workspace: Workspace) -> Drawn:
    """References, citations in time and their contexts, beside the score of every paper."""
    lake = workspace.lake
    rows = build_profiles(
        lake.read_all("papers", PAPER_COLUMNS),
        lake.read_all("citations", EDGE_COLUMNS),
        lake.read_all("tncsi_sp", SCORE_COLUMNS),
        lake.read_all("citation_snapshots", CITATION_SNAPSHOTS.schema.names()),
        domain_of=workspace.domains,
        config_id=workspace.config_id,
    )
    return Drawn({"citation_profiles": rows}, _facts(rows))


def _facts(rows: pl.DataFrame) -> dict[str, Any]:
    """Of how many papers each part is known."""
    return {f"with_{n}": rows[n].count() for n in _TOLD}


CITATION_PROFILES = derived(
    citation_profiles,
    tables=("citation_profiles",),
    looks_at=("papers", "citations", "tncsi_sp", "citation_counts"),
    code="1",
    besides=registry_digest,
)
