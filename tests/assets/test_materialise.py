"""The whole graph through Dagster: events, versions, checks, backfills, and clear failures."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets import ON_DEMAND, STAGES, corpus, materialise
from assets.materialise import CHECK, OWNERS
from assets.overview import OVERVIEW_WHOLES, VALIDATION_WHOLES
from assets.wholes import LABEL_AUDIT, WHOLES
from pipeline import run_job
from pipeline.definitions import build_defs
from pipeline.errors import InputError, RefreshError
from pipeline.refresh import plan_refresh, refresh
from pipeline.run_job import RunReport
from pipeline.settings import PROJECT
from pipeline.staleness import UPSTREAM
from pipeline.tables import TABLES, Cell
from resources.workspace import Workspace
from tests.library import TODAY, deliver, mtimes, papers, raw_tables, tiny_workspace

CVPR, ICML, ACL = ("cvpr", 2016), ("icml", 2016), ("acl", 2020)
EMPTY = ("kdd", 2018)
PER_CELL = [s for s in STAGES if s.partitioned]


@pytest.fixture(scope="module")
def loaded(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Workspace, RunReport]]:
    """Three venue-years, and the report of the one refresh that loaded them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        workspace = tiny_workspace(tmp_path_factory.mktemp("refreshed"))
        for i, cell in enumerate((CVPR, ICML, ACL)):
            deliver(workspace, cell, papers(range(100 * i, 100 * i + 8)), "2024-01-01")
        yield workspace, refresh(workspace)


@pytest.fixture(scope="module")
def refreshed(loaded: tuple[Workspace, RunReport]) -> Workspace:
    """The library of three venue-years."""
    return loaded[0]


@pytest.fixture
def instance(refreshed: Workspace) -> Iterator[dg.DagsterInstance]:
    with run_job.open_instance(refreshed) as instance:
        yield instance


def key(cell: Cell) -> dg.MultiPartitionKey:
    return dg.MultiPartitionKey({"venue": cell[0], "year": str(cell[1])})


def latest(instance: dg.DagsterInstance, asset: str, cell: Cell | None) -> dg.AssetMaterialization:
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[key(cell)] if cell else None),
        limit=1,
    )
    made = found.records[0].asset_materialization
    assert made
    return made


def version(instance: dg.DagsterInstance, asset: str, cell: Cell | None) -> str | None:
    return (latest(instance, asset, cell).tags or {}).get("dagster/data_version")


def run_partition(workspace: Workspace, instance: dg.DagsterInstance, cell: Cell) -> None:
    """Materialise all partitioned assets of one venue-year, as the UI's button does."""
    defs = build_defs(workspace=workspace, today=TODAY)
    job = defs.get_implicit_global_asset_job_def()
    for stage in PER_CELL:
        result = job.execute_in_process(
            partition_key=key(cell), instance=instance, asset_selection=[dg.AssetKey(stage.asset)]
        )
        assert result.success


def test_every_cell_has_its_own_event_and_version(
    loaded: tuple[Workspace, RunReport], instance: dg.DagsterInstance
) -> None:
    """A load of many venue-years must show each of them, not one blur."""
    refreshed, first = loaded
    states = refreshed.states()
    for stage in PER_CELL:
        for cell in (CVPR, ICML, ACL):
            made = latest(instance, stage.asset, cell)
            assert version(instance, stage.asset, cell) == states[stage.output][cell].digest
            rows = made.metadata["dagster/row_count"].value
            assert rows == refreshed.lake.read(stage.tables[0], cell).height
        versions = {version(instance, stage.asset, c) for c in (CVPR, ICML, ACL)}
        # Lists tell of no citations: three empty tables are equal, and rightly so.
        assert len(versions) == (1 if stage.asset == "citations" else 3)
        assert len(instance.get_materialized_partitions(dg.AssetKey(stage.asset))) == 3
    for stage in STAGES:
        if not stage.partitioned:
            assert version(instance, stage.asset, None)
    assert first.assets["papers"]["dagster/row_count"] == 24


def test_plot_and_checks_are_recorded(refreshed: Workspace, instance: dg.DagsterInstance) -> None:
    """The score distribution is seen in the UI, and the contract is seen to hold."""
    events = instance.fetch_materializations(dg.AssetKey("tncsi_sp"), limit=20).records
    plots = [
        m.metadata["score_distribution"].value
        for e in events
        if (m := e.asset_materialization) and "score_distribution" in m.metadata
    ]
    assert len(plots) == 1
    assert plots[0].startswith("![score_distribution](data:image/png;base64,")
    for stage in STAGES:
        if stage.tables:
            check = dg.AssetCheckKey(dg.AssetKey(stage.asset), CHECK)
            executions = instance.event_log_storage.get_asset_check_execution_history(check, 5)
            assert [e.status.value for e in executions] == ["SUCCEEDED"], stage.asset


def test_every_asset_says_what_it_is(refreshed: Workspace) -> None:
    """Groups, owners, kinds, descriptions, schemas, pools and retries, on each asset."""
    defs = build_defs(workspace=refreshed, today=TODAY)
    pools = {}
    for stage in STAGES:
        asset = defs.get_assets_def(stage.asset)
        spec = asset.get_asset_spec()
        assert spec.group_name in {"corpus", "retriever", "impact"}
        assert spec.kinds
        assert list(spec.owners) == OWNERS
        assert spec.description
        policy = getattr(asset.node_def, "retry_policy", None)
        assert policy
        assert policy.backoff == dg.Backoff.EXPONENTIAL
        if stage.tables:
            schema = spec.metadata["dagster/column_schema"]
            assert [c.name for c in schema.columns] == list(TABLES[stage.tables[0]].columns)
            assert [c.blocking for c in asset.check_specs] == [True]
        if asset.op.pool:
            pools[stage.asset] = asset.op.pool
    assert pools == {"paper_embeddings": "gpu", "paper_index": "lancedb"}


def test_a_refresh_without_news_starts_no_run(
    refreshed: Workspace, instance: dg.DagsterInstance
) -> None:
    """A night without news costs nothing: no run, no event, no file."""
    runs = instance.get_runs_count()
    files = {t: mtimes(refreshed, t) for t in TABLES}
    assert plan_refresh(refreshed) == []
    assert refresh(refreshed).run_id == ""
    assert instance.get_runs_count() == runs
    assert {t: mtimes(refreshed, t) for t in TABLES} == files


def test_a_partition_backfills_any_number_of_times(
    refreshed: Workspace, instance: dg.DagsterInstance
) -> None:
    """From the UI: one venue-year, twice; same files, same versions."""
    files = {t: mtimes(refreshed, t) for t in TABLES}
    versions = {s.asset: version(instance, s.asset, CVPR) for s in PER_CELL}
    for _ in range(2):
        run_partition(refreshed, instance, CVPR)
        assert {t: mtimes(refreshed, t) for t in TABLES} == files
        assert {s.asset: version(instance, s.asset, CVPR) for s in PER_CELL} == versions
    assert "score_distribution" in latest(instance, "tncsi_sp", CVPR).metadata
    assert plan_refresh(refreshed) == []


def test_a_forced_refresh_backfills_from_the_command_line(
    refreshed: Workspace, instance: dg.DagsterInstance
) -> None:
    """`csimpact refresh --venue cvpr --year 2016 --force`, as often as one likes."""
    files = {t: mtimes(refreshed, t) for t in TABLES}
    report = refresh(refreshed, [CVPR], force=True)
    assert {asset: sums["cells"] for asset, sums in report.assets.items()} == {
        s.asset: 1 for s in STAGES
    }
    assert {t: mtimes(refreshed, t) for t in TABLES} == files
    assert report.assets["paper_embeddings"]["texts_encoded"] == 0


def test_a_range_of_partitions_is_one_run_with_a_version_each(
    refreshed: Workspace, instance: dg.DagsterInstance
) -> None:
    """A backfill over years runs once; cells without a list are materialised with zero rows."""
    defs = build_defs(workspace=refreshed, today=TODAY)
    job = defs.get_implicit_global_asset_job_def()
    digests = {c: version(instance, "papers", c) for c in (CVPR, ICML)}
    cells = [("cvpr", 2016), ("cvpr", 2015)]
    result = job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey("papers")],
        tags={
            "dagster/asset_partition_range_start": str(key(cells[0])),
            "dagster/asset_partition_range_end": str(key(cells[1])),
        },
    )
    assert result.success
    assert version(instance, "papers", CVPR) == digests[CVPR]
    assert latest(instance, "papers", ("cvpr", 2015))


def test_an_empty_venue_year_materialises_with_zero_rows(
    refreshed: Workspace, instance: dg.DagsterInstance
) -> None:
    """A venue-year nobody delivered must not fail its partition."""
    run_partition(refreshed, instance, EMPTY)
    for stage in PER_CELL:
        assert latest(instance, stage.asset, EMPTY).metadata["dagster/row_count"].value == 0
    partitioned = [name for name, table in TABLES.items() if table.partitioned]
    assert not any(refreshed.lake.path(name, EMPTY).exists() for name in partitioned)


def test_only_what_moved_gets_an_event(refreshed: Workspace, instance: dg.DagsterInstance) -> None:
    """After moved counts the versions of papers and pools stand, that of scores moves."""
    before = {s.asset: version(instance, s.asset, CVPR) for s in PER_CELL}
    counted = len(instance.fetch_materializations(dg.AssetKey("papers"), limit=99).records)
    deliver(refreshed, CVPR, papers(range(8), cites=7), "2024-05-01")
    report = refresh(refreshed)
    made = {"dump_shards", "identities", "citation_counts", "tncsi_sp"}
    assert set(report.assets) == {*made, "night_report"}
    # One list of three was read, yet the table holds all of them and the list before.
    rows = latest(instance, "dump_shards", None).metadata["dagster/row_count"].value
    assert rows == raw_tables(refreshed)["dump_records"].height == 32
    after = {s.asset: version(instance, s.asset, CVPR) for s in PER_CELL}
    moved = {asset for asset in after if after[asset] != before[asset]}
    assert moved == {"citation_counts", "tncsi_sp"}
    assert report.assets["citation_counts"]["confirmed"] == 0
    assert len(instance.fetch_materializations(dg.AssetKey("papers"), limit=99).records) == counted


def test_a_cell_that_came_out_equal_gets_no_event(
    refreshed: Workspace, instance: dg.DagsterInstance
) -> None:
    """A night that names every venue-year it looked at hides the few that have news."""
    before = {cell: latest(instance, "tncsi_sp", cell) for cell in (CVPR, ICML)}
    # As if only a source that nobody is scored by had told something else.
    states = refreshed.lake.states("citation_counts")
    moved = {**states[CVPR].facets, "values": "told otherwise"}
    refreshed.lake.commit("citation_counts", CVPR, replace(states[CVPR], facets=moved))
    report = refresh(refreshed)
    assert report.assets["tncsi_sp"]["cells"] == 0
    assert report.assets["tncsi_sp"]["confirmed"] == 2
    assert report.assets["tncsi_sp"]["papers_scored"] > 0  # the work was done, and is told
    assert {cell: latest(instance, "tncsi_sp", cell) for cell in (CVPR, ICML)} == before
    assert plan_refresh(refreshed) == []


def test_a_broken_contract_fails_the_check_and_leaves_the_files(
    refreshed: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that break the declaration must never reach a file, in a refresh or a backfill."""
    real = corpus.build_papers
    monkeypatch.setattr(
        corpus,
        "build_papers",
        lambda *a: (p := real(*a)).with_columns(paper_id=pl.lit(p["paper_id"][0])),
    )
    before = raw_tables(refreshed)["papers"]
    with pytest.raises(RefreshError, match=r"papers of cvpr 2016 not written: key") as refused:
        refresh(refreshed, [CVPR], force=True)
    assert "\n" not in str(refused.value)
    job = build_defs(workspace=refreshed, today=TODAY).get_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        partition_key=key(CVPR),
        asset_selection=[dg.AssetKey("papers")],
        raise_on_error=False,
    )
    assert not result.success
    check = dg.AssetCheckKey(dg.AssetKey("papers"), CHECK)
    executions = instance.event_log_storage.get_asset_check_execution_history(check, 2)
    assert [e.status.value for e in executions] == ["FAILED", "FAILED"]
    assert raw_tables(refreshed)["papers"].equals(before)
    monkeypatch.undo()
    monkeypatch.setenv("CSIMPACT_ENCODER", "tiny")
    refresh(refreshed)
    assert plan_refresh(refreshed) == []


def test_an_error_of_a_stage_is_one_line_and_told_cells_stay_told(
    refreshed: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that fails at its second cell: the first is made, seen, and not made again."""
    real, seen = corpus.build_citation_counts, []

    def fails_second(*args: Any) -> Any:
        seen.append(1)
        if len(seen) == 2:
            raise InputError("counts.json: expected numbers, received poetry: fetch it again")
        return real(*args)

    monkeypatch.setattr(corpus, "build_citation_counts", fails_second)
    deliver(refreshed, ICML, papers(range(100, 108), cites=5), "2024-06-01")
    deliver(refreshed, ACL, papers(range(200, 208), cites=5), "2024-06-01")
    with pytest.raises(RefreshError) as failed:
        refresh(refreshed)
    assert str(failed.value) == (
        "citation_counts: counts.json: expected numbers, received poetry: fetch it again"
    )
    digest = refreshed.states()["citation_counts"][ACL].digest  # newest first
    assert version(instance, "citation_counts", ACL) == digest
    monkeypatch.setattr(corpus, "build_citation_counts", real)
    assert refresh(refreshed).assets["citation_counts"]["cells"] == 1
    assert plan_refresh(refreshed) == []


def test_a_passing_error_is_retried(refreshed: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full for a moment must not fail the night."""
    monkeypatch.setattr(materialise, "RETRIES", dg.RetryPolicy(max_retries=2, delay=0.01))
    real, calls = type(refreshed.lake).write, []

    def fails_once(self: Any, table: str, cell: Any, frame: Any) -> Any:
        calls.append(table)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        return real(self, table, cell, frame)

    monkeypatch.setattr(type(refreshed.lake), "write", fails_once)
    deliver(refreshed, CVPR, papers(range(8), cites=2), "2024-07-01")
    refresh(refreshed)
    assert plan_refresh(refreshed) == []


def test_loading_definitions_is_cheap() -> None:
    """Dagster starts a process per step: none may pay for torch, LanceDB or plots."""
    code = (
        "import sys, pipeline.definitions; "
        "print([m for m in ('torch', 'lancedb', 'transformers', 'matplotlib', 'tokenizers', "
        "'sklearn', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_graph_is_complete(refreshed: Workspace, tmp_path: Path) -> None:
    """Every stored table is written by exactly one asset, the one it names."""
    stages = (*STAGES, *ON_DEMAND)
    written = {table: stage.asset for stage in stages for table in stage.tables}
    wholes = (*WHOLES, LABEL_AUDIT, *OVERVIEW_WHOLES, *VALIDATION_WHOLES)
    assert written | {table: whole.asset for whole in wholes for table in whole.tables} == {
        name: table.asset for name, table in TABLES.items()
    }


def test_stages_and_planner_draw_the_same_graph() -> None:
    """An edge that only one of them knows: lineage that lies, or a stage that is never redone."""
    output_of = {stage.asset: stage.output for stage in STAGES}
    for stage in STAGES:
        # A crawl delivers into the inbox when somebody asks; the planner knows its files.
        upstream = set(stage.upstream) - {"openalex_works"}
        assert {output_of[asset] for asset in upstream} == set(UPSTREAM[stage.output])
