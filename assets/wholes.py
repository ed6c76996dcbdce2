"""Assets without partitions that are made when somebody asks: a prompt, figures, an audit.

Belongs here: events, metadata and pools of assets that look at the whole library. Not: what they
compute (training.py), nor the stages a refresh makes (stages.py, materialise.py).
Like a stage, each is an asset for the UI; WHOLES are ops of the `train` job as well.
"""

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from assets.costs import note_costs
from assets.evaluation import measure_quality
from assets.materialise import DATA_VERSION, OWNERS, clear_errors, picture
from assets.training import train_prompt
from pipeline.labels.audit import agreement
from pipeline.release.markdown import plain, table_lines
from pipeline.report.figures.quality import quality_plot
from pipeline.retrieval.evaluation import ALL, NDCG
from pipeline.training.presets import find_preset, preset_of
from resources.lake import digest_of
from resources.workspace import Workspace

PLAIN_QUERIES = "plain queries"  # what serves where no prompt does
SHOWN_ROWS = 40  # of a table in metadata


class TrainConfig(dg.Config):
    """What to train."""

    preset: str = Field("", description="recipe by name; empty: the one of the profile")


@dataclass(frozen=True)
class Result:
    """What a whole asset made: its data version, figures, tables and pictures."""

    version: str
    facts: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    plots: Mapping[str, bytes] = field(default_factory=dict)
    made: bool = True  # False: there was nothing to make, and what stood there stands

    def metadata(self) -> dict[str, Any]:
        """As Dagster shows it."""
        tables = {n: dg.MetadataValue.md(markdown(f)) for n, f in self.tables.items()}
        plots = {n: picture(n, png) for n, png in self.plots.items()}
        return {**self.facts, **tables, **plots}


@dataclass(frozen=True)
class Whole:
    """A whole asset and what Dagster should say about it.

    `tables`: what it writes; `current`: whether it would be made of what it was made of.
    """

    asset: str
    function: Callable[[Workspace, TrainConfig], Result]
    group: str
    upstream: tuple[str, ...]
    kinds: tuple[str, ...]
    pool: str | None = None
    tables: tuple[str, ...] = ()
    current: Callable[[Workspace], bool] | None = None

    @property
    def description(self) -> str:
        """The function's docstring, which Dagster shows as Markdown."""
        return inspect.getdoc(self.function) or ""


def soft_prompt(workspace: Workspace, config: TrainConfig) -> Result:
    """A prompt trained on the labels and judged: it serves only if shown to be better."""
    recipe = find_preset(config.preset) if config.preset else preset_of(workspace.profile.name)
    decision = train_prompt(workspace, recipe)
    verdict = decision.verdict
    assert verdict is not None  # the gate's decisions have one
    serves = workspace.prompts.champion(workspace.encoder_id) or PLAIN_QUERIES
    facts = {
        "prompt": decision.prompt_id,
        "decision": decision.kind,
        "reasons": " ".join(decision.reasons),
        "serves": serves,
        "test_queries": verdict.n_queries,
        "recipe": recipe.name,
    }
    tables = {name: pl.DataFrame(rows) for name, rows in decision.evidence.items()}
    gains = pl.DataFrame([c.model_dump() for c in verdict.overall])
    return Result(serves, facts, {"gate": gains, **tables})


def retrieval_quality(workspace: Workspace, _: TrainConfig) -> Result:
    """How well plain queries, instructions, the champion and the teacher behind it retrieve."""
    rows = measure_quality(workspace, rerank=50)
    written = workspace.lake.write("retrieval_quality", None, rows)
    whole = rows.filter(pl.col("domain") == ALL)
    shown = whole.filter(pl.col("measure") == NDCG).drop("domain", "measure", "measured_on")
    plots = {"quality": quality_plot(rows)} if rows.height else {}
    facts = {"dagster/row_count": rows.height}
    return Result(written.digest, facts, {NDCG: shown}, plots)


def label_audit(workspace: Workspace, _: TrainConfig) -> Result:
    """What people said of labelled pairs, and how far the teacher agrees with them.

    Sheets come and go by `csimpact audit export` and `import`.
    """
    audit = workspace.lake.read("label_audit")
    auditors = audit["auditor"].n_unique()
    facts = {"dagster/row_count": audit.height, "auditors": auditors}
    tables = {"agreement": agreement(audit)} if audit.height else {}
    return Result(digest_of(audit), facts, tables)


LABEL_AUDIT = Whole(
    "label_audit", label_audit, "labels", ("pair_labels",), ("polars", "parquet"),
    tables=("label_audit",),
)  # fmt: skip
WHOLES = (
    Whole("soft_prompt", soft_prompt, "retriever", ("pair_labels", "citations"),
          ("torch", "safetensors"), "gpu"),
    Whole("retrieval_quality", retrieval_quality, "retriever", ("soft_prompt", "pair_labels"),
          ("torch", "parquet"), "gpu", tables=("retrieval_quality",)),
)  # fmt: skip


def as_whole_asset(whole: Whole) -> dg.AssetsDefinition:
    """The asset of the UI."""

    @dg.asset(
        name=whole.asset,
        deps=list(whole.upstream),
        group_name=whole.group,
        kinds=set(whole.kinds),
        owners=OWNERS,
        description=whole.description,
        pool=whole.pool,
    )
    def _asset(
        context: dg.AssetExecutionContext,
        config: TrainConfig,
        workspace: dg.ResourceParam[Workspace],
    ) -> dg.MaterializeResult[Any]:
        result = _make(context, workspace, whole, config)
        return dg.MaterializeResult(
            metadata=result.metadata(), data_version=dg.DataVersion(result.version)
        )

    return _asset


def as_whole_op(whole: Whole) -> dg.OpDefinition:
    """The op of a job that makes it."""

    @dg.op(
        name=f"make_{whole.asset}",
        ins={"after": dg.In(dg.Nothing)},
        out=dg.Out(dg.Nothing),
        pool=whole.pool,
        description=whole.description,
    )
    def _op(
        context: dg.OpExecutionContext,
        config: TrainConfig,
        workspace: dg.ResourceParam[Workspace],
    ) -> None:
        result = _make(context, workspace, whole, config)
        if result.made:
            context.log_event(
                dg.AssetMaterialization(
                    whole.asset, metadata=result.metadata(), tags={DATA_VERSION: result.version}
                )
            )

    return _op


def _make(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    workspace: Workspace,
    whole: Whole,
    config: TrainConfig,
) -> Result:
    """What the function made, under the asset's lock; its cost is noted."""
    workspace.report_to(context.log.info)
    started = time.perf_counter()
    with clear_errors(), workspace.lock(whole.asset):
        result = whole.function(workspace, config)
    if result.made:
        seconds = round(time.perf_counter() - started, 3)
        result = replace(result, facts={**result.facts, "seconds": seconds})
        note_costs(context, workspace, whole.asset, result.facts)
    return result


def markdown(frame: pl.DataFrame) -> str:
    """The frame's first rows as a Markdown table."""
    rows = frame.head(SHOWN_ROWS).iter_rows()
    return "\n".join(table_lines(frame.columns, [[_cell(value) for value in row] for row in rows]))


def _cell(value: Any) -> str:
    return plain(f"{value:.4f}" if isinstance(value, float) else str(value))
