"""Asset `impact_validation`: how far scores can be trusted, measured on this library and NAID.

Belongs here: of what the table is made, when anew, and what Dagster is shown. Not: the studies
(validation_studies.py, pipeline/impact/validation).

Nothing is fetched: NAID's file is looked for in the data folder's `benchmarks/`, and where it is
not, or the encoder is not, or no prompt serves, a row says so.
"""

from collections.abc import Mapping
from hashlib import sha256

import polars as pl

from assets.derived import library_inputs, made_of, write_made
from assets.validation_inputs import ValidationLibrary, naid_file
from assets.validation_studies import studies
from assets.wholes import Result, TrainConfig, Whole
from pipeline.impact.validation import naid_study
from pipeline.impact.validation.figures import ALL, as_table
from pipeline.staleness import Inputs
from resources.workspace import Workspace

CODE = "1"  # raised whenever a study computes something else
TABLE = "impact_validation"
_LOOKED_AT = ("papers", "paper_embeddings", "citation_counts", "topic_pools", "tncsi_sp")


def impact_validation(workspace: Workspace, _: TrainConfig) -> Result:
    """Agreement with NAID, calibration, coverage of intervals, sensitivity, robustness: a table.

    Made again only where scores, pools, counts, vectors, NAID's file or the serving prompt moved.
    """
    inputs = _inputs(workspace)
    if made_of(workspace, TABLE, inputs):
        return Result(_version(workspace), {}, made=False)
    table = as_table(studies(ValidationLibrary(workspace)), workspace.today)
    write_made(workspace, {TABLE: table}, inputs)
    return Result(_version(workspace), {"dagster/row_count": table.height}, _shown(table))


def _version(workspace: Workspace) -> str:
    state = workspace.lake.state(TABLE, None)
    assert state is not None  # written just now, or before
    return state.digest


def _inputs(workspace: Workspace) -> Inputs:
    file = naid_file(workspace)
    naid = sha256(file.read_bytes()).hexdigest()[:16] if file.exists() else ""
    prompt = workspace.prompts.champion(workspace.encoder_id) or ""
    return {**library_inputs(workspace, CODE, _LOOKED_AT), "naid": naid, "prompt": prompt}


def _shown(table: pl.DataFrame) -> Mapping[str, pl.DataFrame]:
    """A table per study, without bars of histograms and single years."""
    rows = table.filter(
        ~pl.col("measure").str.starts_with("pit_bin"),
        (pl.col("study") != naid_study.STUDY) | (pl.col("slice") == ALL),
    ).drop("measured_on")
    return {
        study: rows.filter(study=study).drop("study") for study in rows["study"].unique().sort()
    }


IMPACT_VALIDATION = Whole(
    TABLE, impact_validation, "impact", ("tncsi_sp", "topic_pools"), ("numpy", "parquet")
)
