"""Asset `impact_validation`: how far scores can be trusted, measured on this library and NAID.

Belongs here: of what the table is made, and what Dagster is shown. Not: the studies
(validation_studies.py, pipeline/impact/validation).

Nothing is fetched: NAID's file is looked for in the data folder's `benchmarks/`, and where it is
not, or the encoder is not, or no prompt serves, a row says so.
"""

from collections.abc import Mapping
from hashlib import sha256

import polars as pl

from assets.derived import Drawn, derived
from assets.validation_inputs import ValidationLibrary, naid_file
from assets.validation_studies import studies
from pipeline.impact.validation import naid_study
from pipeline.impact.validation.figures import ALL, as_table
from pipeline.staleness import Inputs
from resources.workspace import Workspace

TABLE = "impact_validation"


def impact_validation(workspace: Workspace) -> Drawn:
    """Agreement with NAID, calibration, coverage of intervals, sensitivity, robustness: a table."""
    table = as_table(studies(ValidationLibrary(workspace)), workspace.today)
    return Drawn({TABLE: table}, shown=_shown(table))


def _besides(workspace: Workspace) -> Inputs:
    """NAID's file, and the prompt that serves."""
    file = naid_file(workspace)
    naid = sha256(file.read_bytes()).hexdigest()[:16] if file.exists() else ""
    prompt = workspace.prompts.champion(workspace.encoder_id) or ""
    return {"naid": naid, "prompt": prompt}


def _shown(table: pl.DataFrame) -> Mapping[str, pl.DataFrame]:
    """A table per study, without bars of histograms and single years."""
    rows = table.filter(
        ~pl.col("measure").str.starts_with("pit_bin"),
        (pl.col("study") != naid_study.STUDY) | (pl.col("slice") == ALL),
    ).drop("measured_on")
    return {
        study: rows.filter(study=study).drop("study") for study in rows["study"].unique().sort()
    }


IMPACT_VALIDATION = derived(
    impact_validation,
    tables=(TABLE,),
    looks_at=("papers", "paper_embeddings", "citation_counts", "topic_pools", "tncsi_sp"),
    code="2",
    besides=_besides,
    kinds=("numpy", "parquet"),
)
