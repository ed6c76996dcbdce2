"""A stage as Dagster sees it: an asset for the UI and backfills, an op for scattered cells.

Belongs here: events, metadata, checks, pools and retries, the same for every stage. Not: what a
stage does (stages.py).

Why both. A run of partitioned assets covers one cell or a rectangle of cells, and Dagster plans
an event for each; the cells a night makes stale are scattered. The refresh job's ops therefore
run the same stages on whatever the planner names and log each cell's materialisation themselves.
"""

import hashlib
import warnings
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import Field

from assets.costs import note_costs
from assets.partitions import cells_of, key_of
from assets.stages import Made, Stage
from pipeline.errors import BusyError, ContractError, CsimpactError, DamagedError, StorageError
from pipeline.tables import TABLES, Cell, cell_named
from resources.workspace import Workspace

# Known, wanted (one run for many venue-years), and nothing a user could act on.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)

OWNERS = ["team:csimpact"]
CHECK = "schema_and_unique_key"
CONFIRMED = "confirmed"
"""Cells made anew, since their inputs moved, whose values came out equal: no event of their own."""
DATA_VERSION = "dagster/data_version"
# A full disk or a held lock may pass; a wrong file will not.
PASSING = (BusyError, StorageError, OSError)
INTERRUPTED = "interrupted; what was finished is kept"
RETRIES = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL)


class RefreshConfig(dg.Config):
    """Which cells a refresh may touch: all, or those of venues and years, forced or only stale."""

    scope: list[str] = Field(default_factory=list, description="cells, as venue|year; empty: all")
    force: bool = Field(False, description="redo the scope even where nothing is stale")


def scope_cells(config: RefreshConfig) -> list[Cell]:
    """The cells of `scope`, written like `cvpr|2016`."""
    return [cell_named(name) for name in config.scope]


def as_asset(stage: Stage, partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The stage as an asset; a run of many partitions makes them all in one process."""

    @dg.asset(
        name=stage.asset,
        deps=list(stage.upstream),
        partitions_def=partitions if stage.partitioned else None,
        group_name=stage.group,
        kinds=set(stage.kinds),
        owners=OWNERS,
        description=stage.description,
        metadata=_definition_metadata(stage),
        check_specs=[_check_spec(stage)] if stage.tables else None,
        pool=stage.pool,
        retry_policy=RETRIES,
        backfill_policy=dg.BackfillPolicy.single_run() if stage.partitioned else None,
    )
    def _asset(
        context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
    ) -> Iterator[Any]:
        workspace.report_to(context.log.info)
        if stage.partitioned:
            cells: Collection[Cell] = cells_of(context.partition_keys)
        else:
            cells = stage.stale(workspace)
        made: list[Made] = []
        try:
            with clear_errors():
                made.extend(stage.run(workspace, cells))
        except ContractError as problem:
            yield _failed(stage, problem)
            raise dg.Failure(str(problem), allow_retries=False) from problem
        finally:  # what a step that failed had finished was paid for
            _note(context, workspace, stage, made)
        single = stage.partitioned and len(cells) == 1
        yield dg.MaterializeResult(
            metadata=_figures(stage, workspace, made) | _plots(stage, workspace, made),
            data_version=_version(stage, workspace, made, single),
            check_results=[_passed(stage, made)] if stage.tables else [],
        )
        # After the result, so that each cell's own version is the last word on it.
        if stage.partitioned and not single:
            for one in made:
                context.log_event(_materialisation(stage, one))

    return _asset


def as_op(stage: Stage, after: bool) -> dg.OpDefinition:
    """The stage as an op that makes the cells the planner names and logs each of them."""

    @dg.op(
        name=f"refresh_{stage.asset}",
        ins={"after": dg.In(dg.Nothing)} if after else None,
        out=dg.Out(dg.Nothing),
        pool=stage.pool,
        retry_policy=RETRIES,
        description=f"Redo the stale cells of `{stage.asset}`. {stage.description}",
    )
    def _op(
        context: dg.OpExecutionContext,
        config: RefreshConfig,
        workspace: dg.ResourceParam[Workspace],
    ) -> None:
        workspace.report_to(context.log.info)
        scope = scope_cells(config)
        cells = stage.stale(workspace, scope)
        if config.force:
            cells = list(dict.fromkeys([*cells, *scope]))
        if not cells:
            context.log.info(f"{stage.asset}: nothing stale")
            return
        made: list[Made] = []
        told: list[Made] = []
        confirmed: list[Made] = []
        forced = set(scope) if config.force else set()
        try:
            with clear_errors():
                for one in stage.run(workspace, cells):
                    made.append(one)
                    if not one.moved and one.cell not in forced:
                        confirmed.append(one)
                        continue
                    told.append(one)
                    if stage.partitioned:  # at once: what a later failure finds made is told
                        context.log_event(_materialisation(stage, one))
        except ContractError as problem:
            context.log_event(_evaluation(stage, passed=False, text=str(problem)))
            raise dg.Failure(str(problem), allow_retries=False) from problem
        finally:  # what a step that failed had finished was paid for
            _note(context, workspace, stage, made)
        if told and not stage.partitioned:
            context.log_event(_whole_materialisation(stage, workspace, told))
        if plots := _plots(stage, workspace, told):
            context.log_event(dg.AssetMaterialization(stage.asset, metadata=plots))
        if stage.tables:
            context.log_event(_evaluation(stage, passed=True, confirmed=confirmed))
        context.log.info(f"{stage.asset}: {len(told)} cells made, {len(confirmed)} cells_confirmed")

    return _op


def _note(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    workspace: Workspace,
    stage: Stage,
    made: Collection[Made],
) -> None:
    if made:
        note_costs(context, workspace, stage.asset, _figures(stage, workspace, made))


@contextmanager
def clear_errors() -> Iterator[None]:
    """Errors of the tree become one clear line, a broken contract stays the check's to report."""
    try:
        yield
    except ContractError:
        raise
    except DamagedError as problem:  # the next refresh begins where the damage is
        raise dg.Failure(str(problem), allow_retries=False) from problem
    except PASSING as problem:
        raise dg.Failure(str(problem), allow_retries=True) from problem
    except CsimpactError as problem:
        raise dg.Failure(str(problem), allow_retries=False) from problem
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as stop:
        # Dagster retries what was interrupted: Ctrl-C would have to be pressed four times.
        raise dg.Failure(INTERRUPTED, allow_retries=False) from stop


def _check_spec(stage: Stage) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        CHECK,
        asset=stage.asset,
        blocking=True,
        description="Columns, dtypes, nulls and unique key as declared, before a file is replaced.",
    )


def _version(
    stage: Stage, workspace: Workspace, made: Collection[Made], single: bool
) -> dg.DataVersion | None:
    """Of one cell: its digest; of a whole asset: that of all its cells; of many cells: none yet."""
    if not stage.partitioned:
        return dg.DataVersion(_whole_digest(stage, workspace))
    if not single:
        return None
    return dg.DataVersion(next((one.digest for one in made), "no papers"))


def _whole_digest(stage: Stage, workspace: Workspace) -> str:
    states = workspace.lake.states(stage.output)
    text = "\n".join(f"{cell} {states[cell].digest}" for cell in sorted(states, key=str))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _failed(stage: Stage, problem: ContractError) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False, asset_key=stage.asset, check_name=CHECK, description=str(problem)
    )


def _passed(stage: Stage, made: Collection[Made]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=True, asset_key=stage.asset, check_name=CHECK, metadata={"cells": len(made)}
    )


def _evaluation(
    stage: Stage, *, passed: bool, text: str | None = None, confirmed: Collection[Made] = ()
) -> Any:
    """The check of a refresh; the only event that speaks of cells which did not move."""
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(stage.asset),
        check_name=CHECK,
        passed=passed,
        metadata={CONFIRMED: len(confirmed)} | _costs(confirmed),
        description=text,
        blocking=True,
    )


def _materialisation(stage: Stage, made: Made) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        stage.asset,
        partition=key_of(made.cell) if made.cell else None,
        metadata=_metadata(stage, [made]),
        tags={DATA_VERSION: made.digest},
    )


def _whole_materialisation(
    stage: Stage, workspace: Workspace, made: Collection[Made]
) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        stage.asset,
        metadata=_figures(stage, workspace, made),
        tags={DATA_VERSION: _whole_digest(stage, workspace)},
    )


def _figures(stage: Stage, workspace: Workspace, made: Collection[Made]) -> dict[str, Any]:
    confirmed = sum(not one.moved for one in made)
    return (
        {"cells": len(made), CONFIRMED: confirmed}
        | _metadata(stage, made)
        | _rows(stage, workspace)
    )


def _rows(stage: Stage, workspace: Workspace) -> dict[str, Any]:
    """Rows of a whole asset, also where few of its cells were made now."""
    if stage.partitioned or not stage.tables:
        return {}
    states = workspace.lake.states(stage.output).values()
    return {"dagster/row_count": sum(state.rows[stage.tables[0]] for state in states)}


def _metadata(stage: Stage, made: Collection[Made]) -> dict[str, Any]:
    metadata = _costs(made)
    for one in made:
        for name, rows in one.rows.items():
            metadata[f"rows_{name}"] = metadata.get(f"rows_{name}", 0) + rows
    if stage.tables:
        metadata["dagster/row_count"] = metadata.pop(f"rows_{stage.tables[0]}", 0)
    metadata["files_changed"] = sum(len(one.changed) for one in made)
    metadata["rows_written"] = sum(one.rows[table] for one in made for table in one.changed)
    return metadata


def _costs(made: Collection[Made]) -> dict[str, Any]:
    """Sums of what the cells say of themselves, such as `seconds` and `texts_encoded`."""
    costs: dict[str, Any] = {}
    for one in made:
        for name, value in one.facts.items():
            costs[name] = value if isinstance(value, str) else round(costs.get(name, 0) + value, 3)
    return costs


def _plots(stage: Stage, workspace: Workspace, made: Collection[Made]) -> dict[str, Any]:
    pictures = stage.plot(workspace, made) if stage.plot else {}
    return {name: picture(name, png) for name, png in pictures.items()}


def picture(name: str, png: bytes) -> dg.MarkdownMetadataValue:
    """A PNG as metadata that the UI shows."""
    return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{b64encode(png).decode()})")


def _definition_metadata(stage: Stage) -> Mapping[str, Any]:
    if not stage.tables:
        return {}
    table = TABLES[stage.tables[0]]
    columns = [
        dg.TableColumn(
            name,
            type=str(column.dtype),
            description=f"{column.meaning} [{column.unit}]" if column.unit else column.meaning,
            constraints=dg.TableColumnConstraints(
                nullable=column.nullable, unique=table.key == (name,)
            ),
        )
        for name, column in table.columns.items()
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "tables": list(stage.tables),
    }
