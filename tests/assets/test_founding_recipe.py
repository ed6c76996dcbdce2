"""The recipe the project was founded on, through its real code, on tiny models of Qwen3's shape."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets import training
from assets.evaluation import measure_quality
from assets.labelled import read_labelled
from assets.training import build_tower, train_prompt
from pipeline.labels.quality import TeacherVerdict
from pipeline.models.prompted import PromptedEncoder
from pipeline.models.qwen3_encoder import Qwen3Encoder
from pipeline.models.qwen3_reranker import Qwen3Reranker
from pipeline.models.reranker import PairGroup
from pipeline.models.tiny_qwen3 import write_tiny_qwen3
from pipeline.query.library import Library
from pipeline.retrieval.evaluation import ALL, NDCG
from pipeline.settings import DataDir
from pipeline.training.presets import find_preset
from pipeline.training.recipe import Recipe
from pipeline.training.verdict import GateRule
from resources import known_models
from resources.prompt_registry import Decision
from resources.workspace import Workspace
from tests.library import TODAY
from tests.planted import RULE, copied, label, plant, planted_rows

PRESET = find_preset("qwen3-bpr")
RECIPE: Recipe = PRESET.model_copy(
    update={
        "training": PRESET.training.model_copy(update={"batch": 16, "epochs": 2}),
        "gate_rule": GateRule(min_queries=10, resamples=999),
    }
)
QUERIES = ["Graph neural networks for molecules", "x", "robot grasping"]


@pytest.fixture(autouse=True)
def _founding_models(monkeypatch: pytest.MonkeyPatch) -> None:
    _choose(monkeypatch)


def _choose(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("CSIMPACT_PROFILE", "qwen3")
    patch.delenv("CSIMPACT_ENCODER", raising=False)


def _place(models: Path, patch: pytest.MonkeyPatch) -> None:
    """The tiny models under the names and digests of the published ones."""
    known = dict(known_models.KNOWN_MODELS)
    for kind in ("Embedding", "Reranker"):
        name = f"Qwen3-{kind}-0.6B"
        write_tiny_qwen3(models / name, seed=len(kind), reranker=kind == "Reranker")
        digest = sha256((models / name / "model.safetensors").read_bytes()).hexdigest()
        known[name] = replace(known[name], sha256=digest)
    patch.setattr(known_models, "KNOWN_MODELS", known)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """120 papers, encoded by the one model and labelled by the other."""
    with pytest.MonkeyPatch.context() as patch:
        _choose(patch)
        data = DataDir(tmp_path_factory.mktemp("founding") / "data")
        data.models.mkdir(parents=True)
        _place(data.models, patch)
        # Random layers give all texts much in common: no cosine of theirs says "one work".
        splits = RULE.splits.model_copy(update={"cosine": 0.999})
        rule = RULE.model_copy(update={"queries": 60, "splits": splits})
        workspace = Workspace(data, today=TODAY, labelling=rule)
        plant(workspace, planted_rows(120))
        label(workspace, workspace.teacher)
        yield workspace


@pytest.fixture
def workspace(library: Workspace, tmp_path: Path) -> Workspace:
    fresh = copied(library, tmp_path)
    del fresh.encoder  # that of other tests: here the profile's own is loaded
    return fresh


def _trained(workspace: Workspace, patch: pytest.MonkeyPatch) -> Decision:
    """A training by a teacher that nobody checked: its weights are random."""
    accepted = TeacherVerdict(True, "not asked", pl.DataFrame(), (), 0)
    patch.setattr(training, "check_teacher", lambda *_: accepted)
    return train_prompt(workspace, RECIPE)


def test_labels_are_the_rerankers_log_odds_of_titles(library: Workspace) -> None:
    """Title pairs given with abstracts, or under another template than the one that is stored."""
    teacher = library.teacher
    assert isinstance(teacher, Qwen3Reranker)
    assert isinstance(library.encoder, Qwen3Encoder)
    rows = library.lake.read_all("pair_labels")
    assert set(rows["text_input"]) == {"title"}
    assert set(rows["teacher_id"]) == {teacher.identity.teacher_id}
    assert rows["score"].null_count() == 0
    titles = dict(library.lake.read_all("papers").select("paper_id", "title").iter_rows())
    for query_id in rows["query_id"].unique().sort().head(3):
        mine = rows.filter(query_id=query_id)
        group = PairGroup(titles[query_id], [titles[d] for d in mine["document_id"]])
        (scores,) = teacher.score_groups([group])
        np.testing.assert_allclose(mine["score"], scores, atol=0.1)  # bf16, other batches


def test_the_recipe_runs_from_labels_to_verdict(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that fit one by one may still not fit together, and a GPU is rented to find out."""
    decision = _trained(workspace, monkeypatch)
    verdict = decision.verdict
    assert verdict is not None
    assert verdict.n_queries == len(read_labelled(workspace).queries("test").texts) > 10
    manifest = workspace.prompts.manifest(decision.prompt_id)
    assert (manifest.kind, manifest.encoder_id) == ("soft_prompt", workspace.encoder_id)
    assert manifest.base_sha256 == workspace.encoder_sha256
    assert manifest.trained_on["teacher"] == workspace.teacher.identity.teacher_id
    assert manifest.trained_on["queries"] == {"labels": 24}
    adaptation, _ = workspace.prompts.load(decision.prompt_id, workspace.encoder_id)
    assert adaptation.prompt is not None
    assert adaptation.prompt.isfinite().all()


def test_training_moves_the_prompt_by_what_the_teacher_said(
    library: Workspace, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bfloat16 small steps are rounded away: a training that trains nothing."""
    from pipeline.training.averaging import train_seeds

    seen = []
    kept = train_seeds

    def watched(*args: object, **more: object) -> object:
        seen.append(kept(*args, **more))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr("pipeline.training.campaign.train_seeds", watched)
    _trained(workspace, monkeypatch)
    (result,) = seen
    history = result.runs[0].history
    losses = history["loss"].drop_nulls()
    assert losses.is_finite().all()
    assert history["gradient_norm"].drop_nulls().min() > 1e-6
    steps = losses.len() // 2
    assert losses.tail(steps).mean() < losses.head(steps).mean()


def test_a_champion_serves_search_with_its_prompt_read_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt judged with one forward pass and served with another; or not served at all."""
    decision = _trained(workspace, monkeypatch)
    assert decision.verdict is not None
    plain = Library(workspace.data).search(QUERIES[0], k=5)
    passed = decision.verdict.model_copy(update={"promoted": True})  # random weights: by decree
    workspace.prompts.decide(decision.prompt_id, workspace.encoder_id, passed)
    adaptation, manifest = workspace.prompts.load(decision.prompt_id, workspace.encoder_id)
    tower = build_tower(workspace, RECIPE)
    served = workspace.query_encoder
    assert isinstance(served, PromptedEncoder)
    assert manifest.instruction == ""  # the prompt stands in its place
    ids = tower.tokenise(QUERIES, prompted=adaptation.gate is None)
    expected = tower.forward(ids, adaptation).detach().float().numpy()
    np.testing.assert_allclose(served.encode_queries(QUERIES), expected, atol=2e-2)  # bf16
    assert not np.allclose(expected, workspace.encoder.encode_queries(QUERIES), atol=2e-2)
    found = Library(workspace.data).search(QUERIES[0], k=5)
    best = read_labelled(workspace).documents
    cosines = served.encode_queries(QUERIES[:1])[0] @ best.vectors.T
    assert found["score"].to_list() == pytest.approx(np.sort(cosines)[::-1][:5], abs=5e-3)
    assert found["score"].to_list() != plain["score"].to_list()
    table = measure_quality(workspace)
    means = table.filter(pl.col("domain") == ALL, pl.col("measure") == NDCG)
    assert f"prompt {decision.prompt_id}" in means["system"].to_list()
