"""What follows by itself when somebody makes an asset by hand, and what does not."""

from collections.abc import Iterable

import dagster as dg
import pytest

from assets.materialise import CHECK
from pipeline.automation.conditions import FOLLOWS, ON_CPU, ON_GPU
from pipeline.automation.names import KIND, REFRESH, TRAIN
from pipeline.definitions import build_defs
from resources.workspace import Workspace
from tests.automation.runs_of import log_events
from tests.library import TODAY

CELL, OTHER = "cvpr|2016", "icml|2016"
PARTITIONED = ("papers", "citations", "citation_counts", "paper_embeddings", "venue_coverage")


def made(asset: str, version: str, cell: str | None = None) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset, partition=cell, tags={"dagster/data_version": f"{asset} {version}"}
    )


class Evaluation:
    """Conditions evaluated tick by tick over the real definitions."""

    def __init__(self, instance: dg.DagsterInstance, workspace: Workspace) -> None:
        self.instance = instance
        self.defs = build_defs(workspace=workspace, today=TODAY)
        self.cursor: dg.AutomationConditionSensorCursor | None = None

    def by_hand(self, *events: dg.AssetMaterialization) -> None:
        for event in events:
            self.instance.report_runless_asset_event(event)

    def check(self, asset: str, *, passed: bool) -> None:
        self.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(asset),
                check_name=CHECK,
                passed=passed,
                metadata={},
                blocking=True,
            )
        )

    def tick(self) -> dict[str, set[str]]:
        """Asset -> the cells asked for; a whole asset has the cell ""."""
        result = dg.evaluate_automation_conditions(
            defs=self.defs, instance=self.instance, cursor=self.cursor
        )
        self.cursor = result.cursor
        asked = {}
        for asset in FOLLOWS:
            if result.get_num_requested(dg.AssetKey(asset)):
                cells: Iterable[str | None] = (
                    result.get_requested_partitions(dg.AssetKey(asset))
                    if asset in PARTITIONED
                    else [""]
                )
                asked[asset] = {cell or "" for cell in cells}
        return asked


@pytest.fixture
def conditions(instance: dg.DagsterInstance, workspace: Workspace) -> Evaluation:
    """A library of two venue-years, once evaluated."""
    evaluation = Evaluation(instance, workspace)
    whole = ("soft_prompt", "retrieval_quality")
    cells = [made(asset, "1", cell) for asset in PARTITIONED for cell in (CELL, OTHER)]
    evaluation.by_hand(*cells, *(made(asset, "1") for asset in whole))
    for asset in PARTITIONED:
        evaluation.check(asset, passed=True)
    assert evaluation.tick() == {}
    return evaluation


def test_texts_moved_by_hand_are_followed_in_their_cell_only(conditions: Evaluation) -> None:
    """A corrected title would wait for the night, or ninety venues be encoded for it."""
    conditions.by_hand(made("papers", "2", CELL))
    assert conditions.tick() == {"paper_embeddings": {CELL}, "venue_coverage": {CELL}}
    assert conditions.tick() == {}  # asked for once


def test_values_that_did_not_move_are_followed_by_nothing(conditions: Evaluation) -> None:
    """An unchanged source made again would encode its papers again."""
    conditions.by_hand(*(made(asset, "1", CELL) for asset in ("papers", "citations")))
    assert conditions.tick() == {}


def test_counts_are_followed_by_no_encoder(conditions: Evaluation) -> None:
    """A night of citation counts would run the encoder over the library."""
    conditions.by_hand(made("citation_counts", "2", CELL))
    assert conditions.tick() == {}


def test_edges_are_followed_by_the_coverage_alone(conditions: Evaluation) -> None:
    """Edges change no text."""
    conditions.by_hand(made("citations", "2", CELL))
    assert conditions.tick() == {"venue_coverage": {CELL}}


def test_another_prompt_is_followed_by_figures_alone(conditions: Evaluation) -> None:
    """Documents are encoded without a prompt: no vector and no default pool may move."""
    conditions.by_hand(made("soft_prompt", "2"))
    assert conditions.tick() == {"retrieval_quality": {""}}
    conditions.by_hand(made("retrieval_quality", "2"))
    assert conditions.tick() == {}
    conditions.by_hand(made("soft_prompt", "1"))  # taken back
    assert conditions.tick() == {"retrieval_quality": {""}}


def test_new_labels_ask_for_no_figures(conditions: Evaluation) -> None:
    """Pairs come cell by cell: every one of them would measure the whole library."""
    conditions.by_hand(made("pair_labels", "1", CELL), made("pair_labels", "1", OTHER))
    assert conditions.tick() == {}


@pytest.mark.parametrize("kind", [REFRESH, TRAIN])
def test_our_own_runs_are_followed_by_nothing(conditions: Evaluation, kind: str) -> None:
    """A refresh encodes what it must itself: a second run beside it would do it again."""
    news = [made("papers", "2", CELL), made("citations", "2", OTHER), made("soft_prompt", "2")]
    log_events(conditions.instance, *news, tags={KIND: kind})
    assert conditions.tick() == {}
    assert conditions.tick() == {}


def test_a_hand_beside_our_own_run_is_followed(conditions: Evaluation) -> None:
    """Excluding a tick instead of a run would lose what somebody did meanwhile."""
    log_events(conditions.instance, made("papers", "2", OTHER), tags={KIND: REFRESH})
    conditions.by_hand(made("papers", "2", CELL))
    assert conditions.tick() == {"paper_embeddings": {CELL}, "venue_coverage": {CELL}}


def test_what_was_followed_before_the_tick_is_not_asked_for(conditions: Evaluation) -> None:
    """Somebody makes papers and their vectors in one go."""
    conditions.by_hand(made("papers", "2", CELL))
    conditions.by_hand(made("paper_embeddings", "2", CELL), made("venue_coverage", "2", CELL))
    assert conditions.tick() == {}


def test_a_failed_check_blocks(conditions: Evaluation) -> None:
    """Rows that break their declaration would be encoded."""
    conditions.by_hand(made("papers", "2", CELL))
    conditions.check("papers", passed=False)
    assert conditions.tick() == {}
    conditions.check("papers", passed=True)
    assert conditions.tick() == {"paper_embeddings": {CELL}, "venue_coverage": {CELL}}


def test_a_cell_without_citations_yet_asks_for_no_coverage(conditions: Evaluation) -> None:
    """The cell of a new year: papers come first, and half of an answer is none."""
    new = "cvpr|2027"
    conditions.by_hand(made("papers", "1", new))
    assert conditions.tick() == {"paper_embeddings": {new}}
    conditions.by_hand(made("citations", "1", new))
    assert conditions.tick() == {"venue_coverage": {new}}


def test_every_condition_has_its_sensor(workspace: Workspace) -> None:
    """An asset outside both sensors would get one of Dagster's own, which nobody stopped."""
    repository = build_defs(workspace=workspace, today=TODAY).get_repository_def()
    graph = repository.asset_graph
    with_condition = {
        key.to_user_string()
        for key in graph.materializable_asset_keys
        if graph.get(key).automation_condition
    }
    assert with_condition == {*ON_CPU, *ON_GPU}
    sensors = {s.name: s for s in repository.sensor_defs}
    assert not [name for name in sensors if name.startswith("default_")]
    gpu = sensors["follow_on_gpu"]
    assert isinstance(gpu, dg.AutomationConditionSensorDefinition)
    assert gpu.run_tags == {"csimpact/device": "gpu"}
