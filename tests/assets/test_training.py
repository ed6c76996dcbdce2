"""Never worse: only what is better than plain queries comes to serve; the journal says why not.

Every test takes the whole road, `train_prompt` on a library with labels, and plants one fault.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from assets import training
from assets.labelled import Labelled, read_labelled
from assets.training import train_prompt
from pipeline.errors import LabelError
from pipeline.labels.quality import TeacherVerdict
from pipeline.models.adaptation import Adaptation
from pipeline.training import campaign
from pipeline.training.campaign import Challenger
from pipeline.training.config import TrainingConfig
from pipeline.training.curriculum import Curriculum
from pipeline.training.recipe import Recipe
from pipeline.training.source_spec import SourceSpec
from pipeline.training.verdict import GateRule
from resources.prompt_registry import Decision
from resources.workspace import Workspace
from tests.library import Row, deliver
from tests.planted import (
    CELLS,
    DocumentTeacher,
    NoisyTeacher,
    copied,
    label,
    planted_rows,
    planted_workspace,
    refresh,
)

RECIPE = Recipe(
    name="test",
    profile="minilm",
    adapter="residual",
    sources=(SourceSpec(name="own_vector", loss="corpus_kl"),),
    training=TrainingConfig(epochs=5, batch=32, learning_rate=5e-3, validations=5),
    gate_rule=GateRule(min_queries=40, resamples=2000),
)
TWINS = 12  # papers that a second paper repeats, other words first


def _twin(row: Row) -> Row:
    """Nearly the same paper under another title: one work for the splits, two for the library."""
    first, *rest = row["title"].split()
    return row | {"id": f"{row['id']}t", "title": " ".join([*rest, first]), "author": "Eve Twin"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """400 papers and some twins, labelled by a teacher that is better than the student."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        rows = planted_rows(400)
        rows += [_twin(row) for row in rows[:TWINS]]
        workspace = planted_workspace(tmp_path_factory.mktemp("planted"), rows)
        label(workspace, DocumentTeacher())
    return workspace


@pytest.fixture
def workspace(library: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it, with nothing judged yet."""
    workspace = copied(library, tmp_path)
    workspace.teacher = DocumentTeacher()
    return workspace


@pytest.fixture(scope="module")
def honest(library: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Challenger:
    """What an honest training gives, trained once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSIMPACT_ENCODER", "tiny")
        workspace = copied(library, tmp_path_factory.mktemp("honest"))
        workspace.teacher = DocumentTeacher()
        labelled = read_labelled(workspace)
        return campaign.train_challenger(
            training.build_tower(workspace, RECIPE),
            training.curriculum_of(workspace, labelled, RECIPE),
            labelled.queries("dev"),
            labelled.documents.vectors,
            RECIPE,
            instructions=workspace.profile.instructions,
            progress=lambda _: None,
        )


def _residual(size: float, *, seed: int, dim: int = 64) -> Adaptation:
    """A random change of query vectors; at size 1 as long as they are."""
    rng = np.random.default_rng(seed)
    matrix = torch.from_numpy(rng.standard_normal((dim, dim)).astype(np.float32) / dim**0.5)
    return Adaptation(residual=(torch.eye(dim), size * matrix))


def _plant(
    patch: pytest.MonkeyPatch, honest: Challenger, adaptation: Adaptation | None = None
) -> None:
    """Let training give this instead: `honest`, or another adaptation in its place."""
    planted = honest if adaptation is None else replace(honest, adaptation=adaptation)
    patch.setattr(campaign, "train_challenger", lambda *_, **__: planted)


def _refused(workspace: Workspace, decision: Decision, champion: str | None = None) -> str:
    """Checks that nothing came of it, and returns what the journal says of why."""
    last = workspace.prompts.decisions()[-1]
    assert decision == last
    assert (last.kind, last.by, last.encoder_id) == ("refused", "gate", workspace.encoder_id)
    assert workspace.prompts.champion(workspace.encoder_id) == champion
    assert last.reasons
    return " ".join(last.reasons)


def test_what_is_better_is_promoted_and_serves(workspace: Workspace) -> None:
    """A gate that refuses everything would pass all the tests below."""
    decision = train_prompt(workspace, RECIPE)
    assert decision.kind == "promoted", decision.reasons
    assert workspace.prompts.champion(workspace.encoder_id) == decision.prompt_id
    verdict = decision.verdict
    assert verdict is not None
    assert (verdict.look, verdict.n_queries) == (
        1,
        len(read_labelled(workspace).queries("test").texts),
    )
    assert min(c.low for c in verdict.overall) > 0.05
    served = workspace.query_encoder.encode_queries(["bada kuki"])
    assert not np.allclose(served, workspace.encoder.encode_queries(["bada kuki"]), atol=0.01)


@pytest.mark.parametrize("size", [0.3, 3.0])
def test_a_harmful_prompt_is_refused(
    workspace: Workspace, honest: Challenger, monkeypatch: pytest.MonkeyPatch, size: float
) -> None:
    """The known danger: the trained prompt is worse than none, and serves."""
    _plant(monkeypatch, honest, _residual(size, seed=0))
    decision = train_prompt(workspace, RECIPE)
    assert "Not shown to be better than plain: gain -" in _refused(workspace, decision)


def test_a_champion_stays_unless_beaten(
    workspace: Workspace, honest: Challenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Better than the plain query and worse than what serves: a step back, promoted."""
    _plant(monkeypatch, honest)
    champion = train_prompt(workspace, RECIPE).prompt_id
    down, up = honest.adaptation.residual or ()
    _plant(monkeypatch, honest, Adaptation(residual=(down, 0.3 * up)))
    decision = train_prompt(workspace, RECIPE)
    assert f"Not shown to be better than champion {champion}: gain -" in _refused(
        workspace, decision, champion
    )
    assert decision.verdict is not None
    better = {c.rival: c.better for c in decision.verdict.overall}
    assert better == {"plain": True, f"champion {champion}": False}


def test_a_noisy_teacher_teaches_nothing(workspace: Workspace) -> None:
    """Labels drawn by lot: days of training and a prompt that learnt the draw."""
    label(workspace, NoisyTeacher())
    with pytest.raises(LabelError, match="expected a teacher that beats the student"):
        train_prompt(workspace, RECIPE)
    assert workspace.prompts.decisions() == []


def test_noise_that_passes_the_teacher_check_is_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The teacher check is one proxy: behind it the gate must hold by itself."""
    label(workspace, NoisyTeacher())
    accepted = TeacherVerdict(True, "not asked", pl.DataFrame(), (), 0)
    monkeypatch.setattr(training, "check_teacher", lambda *_: accepted)
    sources = (SourceSpec(name="labels", loss="listwise_kl"),)
    decision = train_prompt(workspace, RECIPE.model_copy(update={"sources": sources}))
    assert "Not shown to be better than" in _refused(workspace, decision)


def _leak(patch: pytest.MonkeyPatch, choose: Callable[[Labelled], Sequence[int]]) -> None:
    """Let training see these papers too."""
    build = training.curriculum_of

    def leaky(workspace: Workspace, labelled: Labelled, recipe: Recipe) -> Curriculum:
        honest = build(workspace, labelled, recipe)
        rows = np.append(honest.rows, choose(labelled)).astype(np.int32)
        return replace(honest, rows=rows, documents=labelled.documents.vectors[rows])

    patch.setattr(training, "curriculum_of", leaky)


def _test_queries(labelled: Labelled) -> list[int]:
    ids = set(labelled.queries("test").query_ids)
    papers = labelled.documents.papers["paper_id"]
    return [row for row, paper_id in enumerate(papers) if paper_id in ids]


def _twins_of_test_queries(labelled: Labelled) -> list[int]:
    """Papers that are no test queries, but of one work with one."""
    queries, cluster = _test_queries(labelled), labelled.splits.cluster
    twins = np.flatnonzero(np.isin(cluster, cluster[queries]))
    return [row for row in twins.tolist() if row not in queries]


@pytest.mark.parametrize("choose", [lambda it: _test_queries(it)[:1], _twins_of_test_queries])
def test_leaked_papers_are_refused_outright(
    workspace: Workspace,
    honest: Challenger,
    monkeypatch: pytest.MonkeyPatch,
    choose: Callable[[Labelled], Sequence[int]],
) -> None:
    """A gain on queries that training saw, or saw under another title."""
    assert choose(read_labelled(workspace))
    _leak(monkeypatch, choose)
    _plant(monkeypatch, honest)  # it would pass
    decision = train_prompt(workspace, RECIPE)
    assert "test queries were seen in training" in _refused(workspace, decision)
    assert decision.verdict is not None
    assert decision.verdict.overall == ()  # no number was looked at


def _lucky(
    workspace: Workspace, honest: Challenger, patch: pytest.MonkeyPatch, seeds: Sequence[int]
) -> list[Decision]:
    """Challengers that differ from the plain query by chance alone, one after another."""
    decisions = []
    for seed in seeds:
        _plant(patch, honest, _residual(0.02, seed=seed))
        decisions.append(train_prompt(workspace, RECIPE))
    return decisions


def test_a_lucky_seed_is_not_promoted(
    workspace: Workspace, honest: Challenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Worthless prompts tried until one passes: each pays from one budget, then none is judged."""
    decisions = _lucky(workspace, honest, monkeypatch, range(7))
    verdicts: list[Any] = [d.verdict for d in decisions]
    for decision in decisions:
        assert decision.kind == "refused"
    assert workspace.prompts.champion(workspace.encoder_id) is None
    assert [v.look for v in verdicts] == [1, 2, 3, 4, 5, 6, 7]
    assert sum(v.alpha for v in verdicts) <= RECIPE.gate_rule.alpha
    assert "has judged 5 challengers, the most it may" in " ".join(verdicts[5].reasons)
    _plant(monkeypatch, honest)
    assert train_prompt(workspace, RECIPE).kind == "refused"  # even what would have passed


def test_a_new_paper_does_not_renew_the_looks(
    workspace: Workspace, honest: Challenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lucky seed tried once a night, each time on a test split that one paper made "another"."""
    tests = []
    for night in range(2):
        _lucky(workspace, honest, monkeypatch, [night])
        tests.append(workspace.prompts.judged()[-1][1])
        deliver(workspace, ("iclr", 2020 + night), planted_rows(40, seed=1 + night))
        refresh(workspace)
        label(workspace, DocumentTeacher(), [*CELLS, ("iclr", 2020), ("iclr", 2021)])
    third = _lucky(workspace, honest, monkeypatch, [2])[0].verdict
    assert third is not None
    assert third.test_ids != tests[0] != tests[1]
    assert third.look == 3


def test_splits_that_moved_leave_no_query_on_the_wrong_side(workspace: Workspace) -> None:
    """A new paper that ties two works moves one to another split; its pairs still say the old."""
    moved = workspace.labelling.splits.model_copy(update={"seed": 1})
    workspace.labelling = workspace.labelling.model_copy(update={"splits": moved})
    labelled = read_labelled(workspace)
    row = dict(zip(labelled.documents.papers["paper_id"], range(10_000), strict=False))
    for split in ("train", "dev", "test"):
        ids = labelled.labels.filter(pl.col("split") == split)["query_id"].unique()
        assert ids.len()
        assert labelled.splits.mask(split)[[row[i] for i in ids]].all()


def test_labels_of_another_teacher_are_no_labels(workspace: Workspace) -> None:
    """A profile with another teacher would measure by nothing, or mix two scales."""
    workspace.teacher = NoisyTeacher()
    with pytest.raises(LabelError, match="expected labels of noise/00000000/float32, found none"):
        read_labelled(workspace)


def test_the_instruction_to_beat_was_chosen_before_the_test(
    workspace: Workspace, honest: Challenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best of five on the test queries is lucky among five; and the worst is easily beaten."""
    asked: list[str] = []
    judge = campaign.judge_challenger

    def watched(systems: dict[str, Any], *rest: Any, **more: Any) -> Any:
        asked.extend(systems)
        return judge(systems, *rest, **more)

    monkeypatch.setattr(campaign, "judge_challenger", watched)
    best = max((name for name in honest.dev if name != "challenger"), key=honest.dev.__getitem__)
    other = workspace.profile.instructions[1]
    for rival, name in (("", best), (other, f"“{other}”")):
        asked.clear()
        _plant(monkeypatch, replace(honest, rival=rival), _residual(0.1, seed=len(rival)))
        train_prompt(workspace, RECIPE)
        assert asked == ["challenger", name]
